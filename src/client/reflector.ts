import type { KubeObject, Resource } from '#api/resource.ts'
import { exponentialDelay } from '#lib/async/backoff.ts'
import type { Clock } from '#lib/clock.ts'
import { jittered, type Random } from '#lib/random.ts'
import { isReason, StatusError } from '#machinery/status.ts'
import type { Client, Selection } from './client.ts'
import { keyOf } from './index.ts'
import type { WatchEvent } from './transport.ts'

/** Receives the state of a resource and then every change to it, in order. */
export interface ReflectorSink<T extends KubeObject> {
  /** This is everything there is, as of a revision; what was known before and is not here is gone. */
  replace(objects: readonly T[], resourceVersion: string): void
  change(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void
  /** Nothing up to this revision is missing. */
  progress(resourceVersion: string): void
}

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: Client
  readonly resource: Resource<T>
  readonly selection: Selection
  readonly clock: Clock
  readonly random: Random
  readonly metadataOnly?: boolean
  /** What of each object is kept: with less of it, but its metadata says the same name, identity and revision. All when absent. */
  readonly keep?: (object: T) => T
  /** How long a watch is asked to last, in seconds, at the least; up to twice as long by chance. 300 unless told. */
  readonly watchSeconds?: number
  /** Told of what went wrong and will be tried again. */
  readonly report?: (problem: string, error: unknown) => void
}

/**
 * What a reflector does next.
 *
 *     stream ──refused──▶ list ──read──▶ watch(r) ──ended──▶ watch(r')
 *        └──────────────ended─────────────▲  │
 *     stream or list ◀───────expired─────────┘
 *
 * Every failure leads back to the same step, later.
 */
export type ReflectorStep =
  | { readonly do: 'stream' }
  | { readonly do: 'list' }
  | { readonly do: 'watch'; readonly from: string }

export type ReflectorOutcome =
  /** Everything is known up to here. `lively`: it lasted, or brought something. */
  | { readonly was: 'ended'; readonly at: string; readonly lively: boolean }
  /** The revision to go on from is no longer kept. */
  | { readonly was: 'expired' }
  /** The server cannot list within a watch. */
  | { readonly was: 'refused' }
  /** Trouble; `at` is what was reached before it, if anything. `lively`: it had got on before. */
  | { readonly was: 'failed'; readonly at?: string; readonly lively?: boolean }

/** The step after one that came out like this, and whether to wait before it. */
export function planStep(
  step: ReflectorStep,
  outcome: ReflectorOutcome,
  streaming: boolean,
): { readonly step: ReflectorStep; readonly wait: boolean } {
  const anew: ReflectorStep = streaming ? { do: 'stream' } : { do: 'list' }
  switch (outcome.was) {
    case 'ended':
      return { step: { do: 'watch', from: outcome.at }, wait: !outcome.lively }
    case 'expired':
      return { step: anew, wait: step.do !== 'watch' }
    case 'refused':
      return { step: { do: 'list' }, wait: false }
    case 'failed':
      return { step: outcome.at === undefined ? step : { do: 'watch', from: outcome.at }, wait: true }
  }
}

/** Waits between failures: 0.8 s, doubling to 30 s, each up to twice as long by chance. */
const waits = { first: 800, most: 30_000 }
/** A watch that ends sooner and brought nothing counts as a failure. */
const livelyAfter = 1_000
const pageSize = 500

/** Keeps a sink equal to what the server has, until the signal aborts. Never rejects for what the server does. */
export async function reflect<T extends KubeObject>(
  options: ReflectorOptions<T>,
  sink: ReflectorSink<T>,
  signal: AbortSignal,
): Promise<void> {
  let step: ReflectorStep = { do: 'stream' }
  let streaming = true
  let failures = 0
  while (!signal.aborted) {
    const outcome: ReflectorOutcome = await runStep(options, step, sink, signal)
    if (signal.aborted) return
    if (outcome.was === 'refused') streaming = false
    const next: ReturnType<typeof planStep> = planStep(step, outcome, streaming)
    // A server that was restarted a hundred times is not one that failed a hundred times in a row.
    if ((outcome.was === 'ended' || outcome.was === 'failed') && outcome.lively === true) failures = 0
    if (next.wait) {
      const delay = jittered(options.random, exponentialDelay(failures++, waits), 1)
      await options.clock.sleep(delay, signal).catch(() => {})
    }
    step = next.step
  }
}

async function runStep<T extends KubeObject>(
  options: ReflectorOptions<T>,
  step: ReflectorStep,
  sink: ReflectorSink<T>,
  signal: AbortSignal,
): Promise<ReflectorOutcome> {
  switch (step.do) {
    case 'list':
      return runList(options, sink, signal)
    case 'stream':
      return runWatch(options, undefined, sink, signal)
    case 'watch':
      return runWatch(options, step.from, sink, signal)
  }
}

async function runList<T extends KubeObject>(
  options: ReflectorOptions<T>,
  sink: ReflectorSink<T>,
  signal: AbortSignal,
): Promise<ReflectorOutcome> {
  const { client, resource, selection, metadataOnly, keep } = options
  try {
    const list = await client.listAll(resource, {
      ...selection,
      limit: pageSize,
      ...(metadataOnly === true ? { metadataOnly } : {}),
      signal,
    })
    sink.replace(keep === undefined ? list.items : list.items.map(keep), list.resourceVersion)
    return { was: 'ended', at: list.resourceVersion, lively: true }
  } catch (error) {
    return outcomeOf(options, 'list', error, undefined, signal)
  }
}

/** Follows changes from a revision; without one, everything there is comes first. */
async function runWatch<T extends KubeObject>(
  options: ReflectorOptions<T>,
  from: string | undefined,
  sink: ReflectorSink<T>,
  signal: AbortSignal,
): Promise<ReflectorOutcome> {
  const { client, resource, selection, clock, random, metadataOnly, keep = all<T> } = options
  const started = clock.now()
  /** What was sent so far of the initial state; undefined once it is complete. */
  let initial: Map<string, T> | undefined = from === undefined ? new Map() : undefined
  let reached = from
  let brought = false
  const take = (event: WatchEvent<T>): void => {
    const resourceVersion = event.object.metadata.resourceVersion ?? ''
    if (event.type === 'BOOKMARK') {
      if (initial !== undefined && event.object.metadata.annotations?.[initialEventsEnd] === 'true') {
        sink.replace([...initial.values()], resourceVersion)
        initial = undefined
      }
      if (initial !== undefined) return
      sink.progress(resourceVersion)
    } else if (initial === undefined) sink.change(event.type, keep(event.object))
    else if (event.type === 'DELETED') initial.delete(keyOf(event.object.metadata))
    else initial.set(keyOf(event.object.metadata), keep(event.object))
    if (initial === undefined) reached = resourceVersion
    brought = true
  }
  try {
    const batches = client.watch(
      resource,
      {
        ...selection,
        ...(from === undefined ? { sendInitialEvents: true } : { resourceVersion: from }),
        allowBookmarks: true,
        // Some longer than others, so that watchers do not come back all at once.
        timeoutSeconds: Math.floor(jittered(random, options.watchSeconds ?? 300, 1)),
        ...(metadataOnly === true ? { metadataOnly } : {}),
      },
      signal,
    )
    for await (const batch of batches) for (const event of batch) take(event)
    if (reached === undefined) return { was: 'failed' }
    return { was: 'ended', at: reached, lively: brought || clock.now() - started >= livelyAfter }
  } catch (error) {
    const outcome = outcomeOf(options, from === undefined ? 'stream' : 'watch', error, reached, signal)
    return outcome.was === 'failed' ? { ...outcome, lively: reached !== from } : outcome
  }
}

const all = <T>(object: T): T => object

const initialEventsEnd = 'k8s.io/initial-events-end'

function outcomeOf<T extends KubeObject>(
  options: ReflectorOptions<T>,
  step: ReflectorStep['do'],
  error: unknown,
  reached: string | undefined,
  signal: AbortSignal,
): ReflectorOutcome {
  if (signal.aborted) return { was: 'failed' }
  if (isReason(error, 'Expired') || isReason(error, 'Gone')) return { was: 'expired' }
  if (step === 'stream' && reached === undefined && refusesStreaming(error)) return { was: 'refused' }
  options.report?.(`Cannot ${step} ${options.resource.plural}`, error)
  return reached === undefined ? { was: 'failed' } : { was: 'failed', at: reached }
}

function refusesStreaming(error: unknown): boolean {
  return error instanceof StatusError && (error.code === 400 || error.code === 422)
}
