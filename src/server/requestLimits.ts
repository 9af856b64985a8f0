// How much a server takes on at once, and how long an answer may take.
import { parseDuration } from '#lib/cel/time.ts'
import { badRequest } from '#machinery/status.ts'
import type { RequestInfo } from './requestInfo.ts'

export interface RequestLimits {
  /** The largest body that is read. */
  readonly bodyBytes: number
  /** Together how many requests over connections run at the same time, shared by the priority levels; streams do not count. */
  readonly inFlight: number
  readonly mutatingInFlight: number
  /** Milliseconds until a request is given up that is neither a watch nor a stream. */
  readonly timeout: number
}

/** As far as a server can. */
export const openLimits: RequestLimits = {
  bodyBytes: 3 * 1024 * 1024,
  inFlight: Infinity,
  mutatingInFlight: Infinity,
  timeout: Infinity,
}

/** Those of kube-apiserver, for whoever says nothing else. */
export const usualLimits: RequestLimits = {
  bodyBytes: openLimits.bodyBytes,
  inFlight: 400,
  mutatingInFlight: 200,
  timeout: 60_000,
}

const streams: ReadonlySet<string> = new Set(['attach', 'exec', 'proxy', 'log', 'portforward'])

/** Whether a request may go on for as long as its client likes. */
export function isLongRunning({ verb, subresource }: RequestInfo): boolean {
  return verb === 'watch' || streams.has(subresource)
}

const reads: ReadonlySet<string> = new Set(['get', 'list', 'watch'])

export type RequestKind = 'readOnly' | 'mutating'

export function requestKindOf({ verb }: RequestInfo): RequestKind {
  return reads.has(verb) ? 'readOnly' : 'mutating'
}

/** The requests that are being answered. */
export class InFlight {
  readonly #now = { readOnly: 0, mutating: 0 }
  readonly #highest = { readOnly: 0, mutating: 0 }

  enter(kind: RequestKind): void {
    const now = ++this.#now[kind]
    if (now > this.#highest[kind]) this.#highest[kind] = now
  }

  leave(kind: RequestKind): void {
    this.#now[kind]--
  }

  /** The most requests of a kind at the same time since the last call. */
  takeHighest(kind: RequestKind): number {
    const highest = this.#highest[kind]
    this.#highest[kind] = this.#now[kind]
    return highest
  }
}

/** Milliseconds that an answer may take, of which a request may ask for less than the server allows. Throws 400. */
export function timeoutOf(asked: string | null, { timeout }: RequestLimits): number {
  if (asked === null || asked === '') return timeout
  const parsed = parseDuration(asked)
  if (parsed === undefined) {
    const what = /^[-+]?\d+(\.\d*)?$/.test(asked) ? 'missing unit in duration' : 'invalid duration'
    throw badRequest(`invalid timeout specified in the request URL - time: ${what} ${JSON.stringify(asked)}`)
  }
  const milliseconds = Number(parsed.nanos) / 1e6
  return milliseconds <= 0 ? timeout : Math.min(milliseconds, timeout)
}
