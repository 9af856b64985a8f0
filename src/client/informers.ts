import type { KubeObject, Resource } from '#api/resource.ts'
import { untilAborted } from '#lib/async/abort.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import type { Client, Selection } from './client.ts'
import { WatchedInformer, type Informer } from './informer.ts'

/** One informer for each resource and selection, shared by everybody in the process. */
export interface Informers {
  of<T extends KubeObject>(resource: Resource<T>, selection?: Selection): Informer<T>
  /** For readers that need metadata alone: the whole informer where there is one already, else one without spec and status. */
  metadataOf<T extends KubeObject>(resource: Resource<T>): Informer<T>
  /** Gives back what `of` or `metadataOf` gave. What everybody has given back is followed no more. */
  release<T extends KubeObject>(informer: Informer<T>): void
  /** Runs what was asked for, and what will be, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Resolves once everything asked for up to now has its first state. */
  synced(signal: AbortSignal): Promise<void>
}

export interface InformersOptions {
  readonly client: Client
  /** Another client for some of what is read; undefined: the usual one. */
  readonly clientFor?: (resource: Resource, selection: Selection) => Client | undefined
  readonly clock: Clock
  readonly random: Random
  readonly report?: (problem: string, error: unknown) => void
}

interface Shared {
  readonly informer: WatchedInformer<KubeObject>
  takers: number
  readonly stop: AbortController
}

/** Informers over one client; nothing is read before `run`. */
export function sharedInformers(options: InformersOptions): Informers {
  const shared = new Map<string, Shared>()
  let start: ((each: Shared) => void) | undefined

  const make = <T extends KubeObject>(
    key: string,
    resource: Resource<T>,
    selection: Selection,
    metadataOnly: boolean,
  ): Informer<T> => {
    const found = shared.get(key)
    if (found !== undefined) {
      found.takers++
      return found.informer as unknown as Informer<T>
    }
    const client = options.clientFor?.(resource as unknown as Resource, selection) ?? options.client
    const informer = new WatchedInformer<T>({ ...options, client, resource, selection, metadataOnly })
    const made = {
      informer: informer as unknown as WatchedInformer<KubeObject>,
      takers: 1,
      stop: new AbortController(),
    }
    shared.set(key, made)
    start?.(made)
    return informer
  }

  return {
    of: (resource, selection = {}) => make(informerKey(resource, selection), resource, selection, false),
    metadataOf(resource) {
      const whole = informerKey(resource, {})
      return shared.has(whole) ? make(whole, resource, {}, false) : make(`${whole} metadata`, resource, {}, true)
    },
    release(informer) {
      for (const [key, each] of shared) {
        if (each.informer !== (informer as unknown)) continue
        if (--each.takers > 0) return
        shared.delete(key)
        return each.stop.abort()
      }
    },
    async run(signal) {
      const running = new Set<Promise<void>>()
      start = ({ informer, stop }) => {
        const ended = informer.run(AbortSignal.any([signal, stop.signal])).finally(() => running.delete(ended))
        running.add(ended)
      }
      for (const each of shared.values()) start(each)
      await untilAborted(signal)
      start = undefined
      await Promise.all(running)
    },
    async synced(signal) {
      await Promise.all([...shared.values()].map(({ informer }) => informer.synced(signal)))
    },
  }
}

function informerKey(resource: Pick<Resource, 'group' | 'version' | 'plural'>, selection: Selection): string {
  const { namespace = '', labelSelector = '', fieldSelector = '' } = selection
  return [resource.group, resource.version, resource.plural, namespace, labelSelector, fieldSelector].join(' ')
}
