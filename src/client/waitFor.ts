import type { KubeObject, Resource } from '#api/resource.ts'
import { systemClock, type Clock } from '#lib/clock.ts'
import { systemRandom, type Random } from '#lib/random.ts'
import type { Client, ObjectName } from './client.ts'
import { keyOf } from './index.ts'
import { WatchedInformer } from './informer.ts'

export interface WaitOptions {
  readonly signal: AbortSignal
  readonly clock?: Clock
  readonly random?: Random
  readonly report?: (problem: string, error: unknown) => void
}

/**
 * Waits until an object is as it should be and returns it; `undefined` stands for an object that is not there. Follows it
 * through restarts of the server. Rejects with the reason of the signal.
 */
export async function waitFor<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  at: ObjectName,
  holds: (object: T | undefined) => boolean,
  { signal, clock = systemClock, random = systemRandom, report }: WaitOptions,
): Promise<T | undefined> {
  const { name, namespace } = at
  const selection = { fieldSelector: `metadata.name=${name}`, ...(namespace === undefined ? {} : { namespace }) }
  const copy = new WatchedInformer<T>({
    client,
    resource,
    selection,
    clock,
    random,
    ...(report === undefined ? {} : { report }),
  })
  const stop = new AbortController()
  const running = copy.run(AbortSignal.any([signal, stop.signal]))
  try {
    await copy.synced(signal)
    return await new Promise<T | undefined>((resolve, reject) => {
      const look = (): void => {
        const object = copy.get(keyOf(at))
        if (holds(object)) resolve(object)
      }
      look()
      copy.onChange(look)
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
  } finally {
    stop.abort()
    await running
  }
}
