import { events, type Event } from '#api/core/v1/event.ts'
import type { ObjectReference } from '#api/core/v1/reference.ts'
import { apiVersionOf, type KubeObject, type Resource } from '#api/resource.ts'
import type { Clock } from '#lib/clock.ts'
import { jittered, type Random } from '#lib/random.ts'
import { isReason, StatusError } from '#machinery/status.ts'
import type { Client } from './client.ts'
import { EventCorrelator } from './eventCorrelation.ts'
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

/**
 * Writes the events of all components of a process without holding them up: in order, but for those that the server could not
 * take at first, which are tried again beside the others.
 */
export interface EventWriter {
  recorder(component: string, host?: string): EventRecorder
  /** Writes until the signal aborts; what is recorded before waits. */
  run(signal: AbortSignal): Promise<void>
}

export interface EventWriterOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly report?: (problem: string, error: unknown) => void
}

/** More than this wait to be written only when the server is away; further ones are dropped. */
const mostWaiting = 1000
const retryEvery = 10_000
const mostTries = 12
/** So many wait at once to be tried again. */
const mostRetried = 200

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
  const waiting: Event[] = []
  let wake: () => void = () => {}
  let made = 0

  const enqueue = (event: Event): void => {
    if (waiting.length >= mostWaiting) return
    waiting.push(event)
    wake()
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
      const onAbort = (): void => wake()
      const retried = new Set<Promise<void>>()
      signal.addEventListener('abort', onAbort, { once: true })
      while (!signal.aborted) {
        const event = waiting.shift()
        if (event === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve
            if (signal.aborted) resolve()
          })
          continue
        }
        const correlated = correlator.correlate(event)
        if (correlated.do === 'drop') continue
        const failure = await tryWrite(correlated)
        if (failure === undefined) continue
        if (!mayPass(failure.error)) {
          options.report?.('Cannot write an event', failure.error)
          continue
        }
        // One that the server cannot take now must not keep the others for ten seconds.
        const retry = tryAgain(correlated).finally(() => retried.delete(retry))
        retried.add(retry)
        // So many fail only when the server is away: then all that is recorded waits for it.
        if (retried.size >= mostRetried) await Promise.race(retried)
      }
      signal.removeEventListener('abort', onAbort)
      await Promise.all(retried)

      /** Nothing when it is written, or when nobody waits for that any more. */
      async function tryWrite(correlated: Writing): Promise<{ readonly error: unknown } | undefined> {
        try {
          correlator.written(await writeOnce(client, correlated, signal))
        } catch (error) {
          if (!signal.aborted) return { error }
        }
        return undefined
      }

      async function tryAgain(correlated: Writing): Promise<void> {
        for (let tried = 1; !signal.aborted; tried++) {
          await clock.sleep(jittered(random, retryEvery, tried === 1 ? 0 : 0.2), signal).catch(() => {})
          if (signal.aborted) return
          const failure = await tryWrite(correlated)
          if (failure === undefined) return
          // What the server refuses (a namespace that ends, no permission) it will refuse again.
          if (!mayPass(failure.error) || tried + 1 >= mostTries)
            return options.report?.('Cannot write an event', failure.error)
        }
      }
    },
  }
}

interface Writing {
  readonly do: 'create' | 'count'
  readonly event: Event
}

async function writeOnce(client: Client, { do: what, event }: Writing, signal: AbortSignal): Promise<Event> {
  if (what === 'count') {
    const body: Partial<Event> = {}
    if (event.count !== undefined) body.count = event.count
    if (event.message !== undefined) body.message = event.message
    if (event.lastTimestamp !== undefined) body.lastTimestamp = event.lastTimestamp
    if (event.series !== undefined) body.series = event.series
    try {
      return await client.patch(events, event.metadata, { type: 'strategic', body }, { signal })
    } catch (error) {
      // Events are kept for an hour: the first one may be gone.
      if (!isReason(error, 'NotFound')) throw error
    }
  }
  const { resourceVersion: _revision, uid: _uid, creationTimestamp: _created, ...metadata } = event.metadata
  try {
    return await client.create(events, { ...event, metadata }, { signal })
  } catch (error) {
    if (isReason(error, 'AlreadyExists')) return event
    throw error
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof StatusError && (error.code === 429 || error.code >= 500)
}
