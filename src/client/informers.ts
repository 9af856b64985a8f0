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

/** Informers over one client; nothing is read before `run`. */
export function sharedInformers(options: InformersOptions): Informers {
  const informers = new Map<string, WatchedInformer<KubeObject>>()
  let start: ((informer: WatchedInformer<KubeObject>) => void) | undefined

  const make = <T extends KubeObject>(
    key: string,
    resource: Resource<T>,
    selection: Selection,
    metadataOnly: boolean,
  ): Informer<T> => {
    const found = informers.get(key)
    if (found !== undefined) return found as unknown as Informer<T>
    const client = options.clientFor?.(resource as unknown as Resource, selection) ?? options.client
    const informer = new WatchedInformer<T>({ ...options, client, resource, selection, metadataOnly })
    const stored = informer as unknown as WatchedInformer<KubeObject>
    informers.set(key, stored)
    start?.(stored)
    return informer
  }

  return {
    of: (resource, selection = {}) => make(informerKey(resource, selection), resource, selection, false),
    metadataOf(resource) {
      const whole = informerKey(resource, {})
      return informers.has(whole) ? make(whole, resource, {}, false) : make(`${whole} metadata`, resource, {}, true)
    },
    async run(signal) {
      const running = new Set<Promise<void>>()
      start = (informer) => {
        const ended = informer.run(signal).finally(() => running.delete(ended))
        running.add(ended)
      }
      for (const informer of informers.values()) start(informer)
      await untilAborted(signal)
      start = undefined
      await Promise.all(running)
    },
    async synced(signal) {
      await Promise.all([...informers.values()].map((informer) => informer.synced(signal)))
    },
  }
}

function informerKey(resource: Pick<Resource, 'group' | 'version' | 'plural'>, selection: Selection): string {
  const { namespace = '', labelSelector = '', fieldSelector = '' } = selection
  return [resource.group, resource.version, resource.plural, namespace, labelSelector, fieldSelector].join(' ')
}
