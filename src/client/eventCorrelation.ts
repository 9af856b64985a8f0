import type { Event } from '#api/core/v1/event.ts'
import { TokenBucket } from '#lib/async/rateLimit.ts'
import type { Clock } from '#lib/clock.ts'
import { RecentMap } from '#lib/collections/recentMap.ts'

/** What to do with an event: write it, write the count of one that was written before, or nothing. */
export type Correlated =
  | { readonly do: 'create'; readonly event: Event }
  | { readonly do: 'count'; readonly event: Event }
  | { readonly do: 'drop' }

/** Similar events are written as one after this many different messages … */
const mostSimilar = 10
/** … within this time of each other. */
const similarWithin = 10 * 60_000
/** For each source and object: so many events at once, then one in five minutes. */
const spam = { burst: 25, perSecond: 1 / 300 }
const mostKept = 4096

interface Similar {
  readonly messages: Set<string>
  last: number
}

/**
 * Keeps a component from flooding the cluster with events, as client-go does:
 *
 * 1. the same event again raises the count of the first one;
 * 2. from the tenth different message of a kind within ten minutes on, they become one
 *    `(combined from similar events): <last message>`;
 * 3. a source that says too much about one object is not heard.
 */
export class EventCorrelator {
  readonly #clock: Clock
  readonly #similar = new RecentMap<string, Similar>(mostKept)
  readonly #written = new RecentMap<string, Event>(mostKept)
  readonly #spam = new RecentMap<string, TokenBucket>(mostKept)

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Decides about a fresh event whose `count` is 1. */
  correlate(fresh: Event): Correlated {
    const object = objectKey(fresh)
    const { event, key } = this.#combine(fresh, object)
    const before = this.#written.get(key)
    const counted = before === undefined ? event : repeated(before, event)
    this.#written.set(key, counted)
    const bucket = this.#spam.getOrMake(spamKey(event, object), () => new TokenBucket(this.#clock, spam))
    if (!bucket.tryTake()) return { do: 'drop' }
    return { do: before === undefined ? 'create' : 'count', event: counted }
  }

  #combine(event: Event, object: string): { event: Event; key: string } {
    const key = similarKey(event, object)
    const now = this.#clock.now()
    const found = this.#similar.get(key)
    const similar =
      found === undefined || now - found.last > similarWithin ? { messages: new Set<string>(), last: 0 } : found
    this.#similar.set(key, similar)
    similar.last = now
    // A series of the events API is told apart by its action and not by its note, so it needs no combining.
    if (event.eventTime !== undefined) return { event, key }
    similar.messages.add(event.message ?? '')
    if (similar.messages.size < mostSimilar) return { event, key: exactKey(event, object) }
    for (const message of similar.messages) {
      similar.messages.delete(message)
      break
    }
    return { event: { ...event, message: `(combined from similar events): ${event.message ?? ''}` }, key }
  }
}

/** The event before, once more. */
function repeated(before: Event, event: Event): Event {
  if (event.eventTime !== undefined) {
    const series = { count: (before.series?.count ?? 1) + 1, lastObservedTime: event.eventTime }
    return { ...before, series }
  }
  return {
    ...before,
    count: (before.count ?? 1) + 1,
    ...(event.lastTimestamp === undefined ? {} : { lastTimestamp: event.lastTimestamp }),
    ...(event.message === undefined ? {} : { message: event.message }),
  }
}

/** Parts of a key; none of them but the last can have a line break. */
function keyOfParts(...parts: readonly (string | undefined)[]): string {
  return parts.join('\n')
}

function objectKey({ involvedObject }: Event): string {
  const { kind, namespace, name, uid, apiVersion } = involvedObject
  return keyOfParts(kind, namespace, name, uid, apiVersion)
}

function exactKey(event: Event, object: string): string {
  const { source, involvedObject, type, reason, message } = event
  return keyOfParts(source?.component, source?.host, object, involvedObject.fieldPath, type, reason, message)
}

function similarKey(event: Event, object: string): string {
  const { source, type, reason, action, reportingComponent, reportingInstance } = event
  return keyOfParts(
    source?.component,
    source?.host,
    object,
    type,
    reason,
    action,
    reportingComponent,
    reportingInstance,
  )
}

/** Whom the limit of what is said about one object counts for. */
function spamKey({ source, reportingComponent }: Event, object: string): string {
  return source === undefined
    ? keyOfParts('by', reportingComponent, object)
    : keyOfParts(source.component, source.host, object)
}
