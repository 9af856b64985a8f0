import { events, type Event } from '#api/core/v1/event.ts'
import type { ObjectReference } from '#api/core/v1/reference.ts'
import { apiVersionOf, type KubeObject, type Resource } from '#api/resource.ts'
import { exponentialDelay } from '#lib/async/backoff.ts'
import type { Clock } from '#lib/clock.ts'
import { jittered, type Random } from '#lib/random.ts'
import { isReason, StatusError } from '#machinery/status.ts'
import type { Client } from './client.ts'
import { EventCorrelator } from './eventCorrelation.ts'
import { EventQueue, type EventWrite, type TakenWrite } from './eventQueue.ts'
import { microTimeText, timeText } from '#machinery/time.ts'

export interface EventNote {
  readonly type: 'Normal' | 'Warning'
  /** One word in CamelCase for machines. */
  readonly reason: string
  readonly message: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** Tells people what a component did to an object. Never waits and never fails. */
export interface EventRecorder {
  record(about: ObjectReference, note: EventNote): void
  /** In the form of the events API: told apart by what was tried (`action`) rather than by the text. */
  recordAction(
    about: ObjectReference,
    note: EventNote & { readonly action: string; readonly related?: ObjectReference },
  ): void
}

/** Writes the events of all components of a process without holding them up: those about one object in order, others beside. */
export interface EventWriter {
  recorder(component: string, host?: string): EventRecorder
  /** Writes until the signal aborts; what is recorded before, and what was not written by then, waits for the next run. */
  run(signal: AbortSignal): Promise<void>
}

export interface EventWriterOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly report?: (problem: string, error?: unknown) => void
}

/**
 * More than this wait to be written only when the server is away or far behind; further ones are dropped. Ten thousand pods
 * that find their nodes in a few seconds are told of, all of them.
 */
const mostWaiting = 10_000
/** So many are written at the same time, each about another object: writes that arrive together are made durable together. */
const mostAtOnce = 16
/** What the server cannot take now is tried again for about two minutes, as client-go does. */
const retryPause = { first: 500, most: 10_000 }
const mostTries = 15

/** Names an object for an event. */
export function referenceTo<T extends KubeObject>(
  resource: Pick<Resource<T>, 'group' | 'version' | 'kind'>,
  object: { readonly metadata: Pick<KubeObject['metadata'], 'name' | 'namespace' | 'uid' | 'resourceVersion'> },
  fieldPath?: string,
): ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata
  return {
    kind: resource.kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    ...(uid === undefined ? {} : { uid }),
    apiVersion: apiVersionOf(resource),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(fieldPath === undefined ? {} : { fieldPath }),
  }
}

/** A writer of events over one client. */
export function eventWriter(options: EventWriterOptions): EventWriter {
  const { client, clock, random } = options
  const correlator = new EventCorrelator(clock)
  const queue = new EventQueue(mostWaiting)
  let made = 0
  let isDropping = false

  const enqueue = (event: Event): void => {
    const correlated = correlator.correlate(event)
    if (correlated.do === 'drop') return
    if (queue.add(correlated)) {
      // Told once while the server is behind, not whenever there is room for one more.
      if (queue.size <= mostWaiting / 2) isDropping = false
      return
    }
    if (!isDropping) options.report?.(`More than ${mostWaiting} events wait to be written: further ones are dropped`)
    isDropping = true
  }
  const base = (about: ObjectReference, note: EventNote): Pick<Event, 'metadata' | 'involvedObject'> & EventNote => {
    // Unique within a millisecond too; written like the nanoseconds that others put here.
    const moment = BigInt(Math.floor(clock.now())) * 1_000_000n + BigInt(made++ % 1_000_000)
    const { annotations, type, reason, message } = note
    return {
      metadata: {
        name: `${about.name ?? ''}.${moment.toString(16)}`,
        namespace: about.namespace ?? 'default',
        ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      },
      involvedObject: about,
      type,
      reason,
      message,
    }
  }

  return {
    recorder: (component, host) => ({
      record(about, note) {
        const now = timeText(clock.now())
        enqueue({
          apiVersion: 'v1',
          kind: 'Event',
          ...base(about, note),
          source: { component, ...(host === undefined ? {} : { host }) },
          firstTimestamp: now,
          lastTimestamp: now,
          count: 1,
          reportingComponent: component,
          reportingInstance: host ?? '',
        })
      },
      recordAction(about, note) {
        enqueue({
          apiVersion: 'v1',
          kind: 'Event',
          ...base(about, note),
          eventTime: microTimeText(clock.now()),
          action: note.action,
          ...(note.related === undefined ? {} : { related: note.related }),
          reportingComponent: component,
          reportingInstance: host === undefined ? component : `${component}-${host}`,
        })
      },
    }),
    async run(signal) {
      const resting = new Set<Promise<void>>()
      await Promise.all(Array.from({ length: mostAtOnce }, writeSome))
      await Promise.all(resting)

      async function writeSome(): Promise<void> {
        for (;;) {
          const taken = await queue.take(signal)
          if (taken === undefined) return
          try {
            await writeOnce(client, taken.write, signal)
            taken.done()
          } catch (error) {
            if (signal.aborted) return taken.again(Promise.resolve())
            failed(taken, error)
          }
        }
      }

      function failed(taken: TakenWrite, error: unknown): void {
        // What the server refuses (a namespace that ends, no permission) it will refuse again.
        if (!mayPass(error) || taken.failures + 1 >= mostTries) {
          options.report?.('Cannot write an event', error)
          taken.done()
          return
        }
        const asked = (error.status.details?.retryAfterSeconds ?? 0) * 1000
        const pause = Math.max(asked, jittered(random, exponentialDelay(taken.failures, retryPause), 0.2))
        const rest = taken.again(clock.sleep(pause, signal).catch(() => {})).finally(() => resting.delete(rest))
        resting.add(rest)
      }
    },
  }
}

async function writeOnce(client: Client, { do: what, event }: EventWrite, signal: AbortSignal): Promise<void> {
  // Events are kept for an hour: the first one may be gone.
  if (what === 'count' && (await writeCount(client, event, signal))) return
  try {
    await client.create(events, event, { signal })
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error
    // It was written before and the answer was lost; it may have been repeated meanwhile.
    if ((event.count ?? event.series?.count ?? 1) > 1) await writeCount(client, event, signal)
  }
}

/** Whether there was such an event. */
async function writeCount(client: Client, event: Event, signal: AbortSignal): Promise<boolean> {
  const body: Partial<Event> = {}
  if (event.count !== undefined) body.count = event.count
  if (event.message !== undefined) body.message = event.message
  if (event.lastTimestamp !== undefined) body.lastTimestamp = event.lastTimestamp
  if (event.series !== undefined) body.series = event.series
  try {
    await client.patch(events, event.metadata, { type: 'strategic', body }, { signal })
    return true
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error
    return false
  }
}

function mayPass(error: unknown): error is StatusError {
  return error instanceof StatusError && (error.code === 429 || error.code >= 500)
}
