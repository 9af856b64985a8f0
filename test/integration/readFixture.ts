// What the tests of reads and watches share: requests under simulated time, and a cache that lags behind the store.
import { decodeProtobuf, decodeWatchFrame } from '#machinery/codec/protobuf.ts'
import type { SimulatedClock } from '#lib/clock.ts'
import type { Store, StoreWatch } from '#storage/store.ts'
import type { HttpAnswer, HttpFixture } from './apiServerHttp.ts'

export const path = '/api/v1/namespaces/default/configmaps'

/** Lets the server write what it writes by itself some time after its start, or after new kinds: revisions stand still then. */
export async function settle(clock: SimulatedClock, { store }: { readonly store: Store }): Promise<void> {
  for (let before = -1; ;) {
    await clock.advance('5s')
    const now = await store.revision()
    if (now === before) return
    before = now
  }
}

/** Waits for an answer that takes simulated time. */
export async function answered<T>(clock: SimulatedClock, promise: Promise<T>): Promise<T> {
  let done = false
  const finish = promise.finally(() => (done = true))
  while (!done) await clock.advance(50)
  return finish
}

/** What a refusal says: its code, reason and message. */
export function refusalOf({ code, text }: HttpAnswer): string {
  const { reason = '', message } = JSON.parse(text) as { reason?: string; message: string }
  return `${code} ${reason}: ${message}`
}

export interface WatchEvent {
  readonly type: string
  readonly object: {
    readonly kind: string
    readonly apiVersion: string
    readonly metadata: {
      readonly name?: string
      readonly resourceVersion?: string
      readonly annotations?: Readonly<Record<string, string>>
    }
    readonly [member: string]: unknown
  }
}

/** Everything that a watch in JSON delivers until it ends. */
export async function watchEvents(
  http: HttpFixture,
  clock: SimulatedClock,
  where: string,
  headers: Record<string, string> = {},
): Promise<WatchEvent[]> {
  const { text } = await answered(clock, http.ask('GET', where, { headers }))
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as WatchEvent)
}

/** The events of a watch in protobuf, as they were read. `kind` is taken for objects whose group is not known here. */
export function protobufEvents(bytes: Buffer, kind: string): WatchEvent[] {
  const events: WatchEvent[] = []
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at)
    const { type, object } = decodeWatchFrame(bytes.subarray(at + 4, end))
    const decoded = decodeProtobuf(object, { group: '', version: 'v1', kind })
    if (!('object' in decoded)) throw new Error(decoded.problem)
    const apiVersion = [decoded.kind.group, decoded.kind.version].filter((each) => each !== '').join('/')
    events.push({ type, object: { ...decoded.object, kind: decoded.kind.kind, apiVersion } as WatchEvent['object'] })
    at = end
  }
  return events
}

/** An event in a line: its type, the name, and `(end)` for the mark of initial events. */
export function describeEvent({ type, object: { metadata } }: WatchEvent): string {
  const mark = metadata.annotations?.['k8s.io/initial-events-end'] === 'true' ? ' (end)' : ''
  const { name = '' } = metadata
  return `${type}${name === '' ? '' : ` ${name}`}${mark}`
}

/** A store whose watches can be held back: what is read from it is newer then than what a cache knows. */
export class LaggingStore {
  readonly store: Store
  #held: PromiseWithResolvers<void> | undefined

  constructor(store: Store) {
    this.store = new Proxy(store, {
      get: (target, name) => {
        if (name === 'watch') return (...args: Parameters<Store['watch']>) => this.#lagging(target.watch(...args))
        const member = Reflect.get(target, name) as unknown
        return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member
      },
    })
  }

  hold(): void {
    this.#held ??= Promise.withResolvers()
  }

  release(): void {
    this.#held?.resolve()
    this.#held = undefined
  }

  #lagging(watch: StoreWatch): StoreWatch {
    const next = async (): ReturnType<StoreWatch['next']> => {
      const result = await watch.next()
      await this.#held?.promise
      return result
    }
    return Object.assign(Object.create(watch) as StoreWatch, {
      next,
      requestProgress: () => watch.requestProgress(),
      [Symbol.asyncIterator]() {
        return this as StoreWatch
      },
    })
  }
}
