import type { KubeObject, Resource } from '#api/resource.ts'
import { untilAborted } from '#lib/async/abort.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import type { Client, ListPage, Selection } from './client.ts'
import { keyOf } from './index.ts'
import { WatchedInformer, type Informer } from './informer.ts'
import type { ReflectorOptions } from './reflector.ts'
import { compareResourceVersions } from './resourceVersion.ts'

/** Little of each object, for readers that would keep very many objects: `keep` makes an object with less in it. */
export interface PartOfObjects<T> {
  /** Tells it from other parts of the same resource. */
  readonly name: string
  readonly keep: (object: T) => T
}

/** One informer for each resource and selection, shared by everybody in the process. */
export interface Informers {
  of<T extends KubeObject>(resource: Resource<T>, selection?: Selection): Informer<T>
  /** For readers that need metadata alone: the whole informer where there is one already, else one without spec and status. */
  metadataOf<T extends KubeObject>(resource: Resource<T>): Informer<T>
  /** For readers that need part of each object alone: the whole informer where there is one already, else one that keeps no more. */
  partOf<T extends KubeObject>(resource: Resource<T>, part: PartOfObjects<T>): Informer<T>
  /** Gives back what these gave. What everybody has given back is followed no more. */
  release<T extends KubeObject>(informer: Informer<T>): void
  /** Runs what was asked for, and what will be, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Resolves once everything asked for up to now has its first state. */
  synced(signal: AbortSignal): Promise<void>
  /**
   * Resolves once the copies have whatever was written before this was asked. A copy may be seconds behind after a server
   * was away, and nobody can tell from it: the server is asked what there is, and the copies are waited for.
   */
  caughtUp(signal: AbortSignal): Promise<void>
}

export interface InformersOptions {
  readonly client: Client
  /** Another client for some of what is read; undefined: the usual one. */
  readonly clientFor?: (resource: Resource, selection: Selection) => Client | undefined
  readonly clock: Clock
  readonly random: Random
  /** How long watches are asked to last, in seconds, at the least; 300 unless told. */
  readonly watchSeconds?: number
  readonly report?: (problem: string, error: unknown) => void
}

interface Shared {
  readonly client: Client
  readonly selection: Selection
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
    less: Pick<ReflectorOptions<T>, 'metadataOnly' | 'keep'> = {},
  ): Informer<T> => {
    const found = shared.get(key)
    if (found !== undefined) {
      found.takers++
      return found.informer as unknown as Informer<T>
    }
    const client = options.clientFor?.(resource as unknown as Resource, selection) ?? options.client
    const informer = new WatchedInformer<T>({ ...options, client, resource, selection, ...less })
    const made = {
      client,
      selection,
      informer: informer as unknown as WatchedInformer<KubeObject>,
      takers: 1,
      stop: new AbortController(),
    }
    shared.set(key, made)
    start?.(made)
    return informer
  }

  return {
    of: (resource, selection = {}) => make(informerKey(resource, selection), resource, selection),
    metadataOf(resource) {
      const whole = informerKey(resource, {})
      return shared.has(whole)
        ? make(whole, resource, {})
        : make(`${whole} metadata`, resource, {}, { metadataOnly: true })
    },
    partOf(resource, { name, keep }) {
      const whole = informerKey(resource, {})
      return shared.has(whole) ? make(whole, resource, {}) : make(`${whole} part ${name}`, resource, {}, { keep })
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
    async caughtUp(signal) {
      await Promise.all([...shared.values()].map((each) => catchUp(each, options, signal)))
    },
  }
}

/** Between two tries to ask a server that is away. */
const retryMilliseconds = 1_000
/** Between two looks at a copy that is behind. */
const recheckMilliseconds = 20

async function catchUp(
  { client, selection, informer }: Shared,
  { clock, report }: InformersOptions,
  signal: AbortSignal,
): Promise<void> {
  await informer.synced(signal)
  const read = { ...selection, metadataOnly: true, signal }
  let listed: ListPage<KubeObject> | undefined
  while (listed === undefined) {
    listed = await client.listAll(informer.resource, read).catch(async (error: unknown) => {
      signal.throwIfAborted()
      report?.(`Cannot list ${informer.resource.plural}`, error)
      await clock.sleep(retryMilliseconds, signal)
      return undefined
    })
  }
  // Not every step of a copy is a change that is told of: what came and went between two lists leaves no trace.
  while (!includes(informer, listed)) await clock.sleep(recheckMilliseconds, signal)
}

/** Whether a copy has all of a list, or what came after it. */
export function includes(
  copy: Pick<Informer<KubeObject>, 'get' | 'list' | 'resourceVersion'>,
  { items, resourceVersion }: ListPage<KubeObject>,
): boolean {
  const isAt = (version: string | undefined, least: string | undefined): boolean =>
    compareResourceVersions(version ?? '', least ?? '') >= 0
  const listed = new Set(items.map(({ metadata }) => keyOf(metadata)))
  return (
    // What the copy lacks was there in a revision that it has passed: it went again.
    items.every(({ metadata }) =>
      isAt(copy.get(keyOf(metadata))?.metadata.resourceVersion ?? copy.resourceVersion, metadata.resourceVersion),
    ) &&
    // What the list lacks has gone, or came after it.
    copy.list().every(({ metadata }) => listed.has(keyOf(metadata)) || isAt(metadata.resourceVersion, resourceVersion))
  )
}

function informerKey(resource: Pick<Resource, 'group' | 'version' | 'plural'>, selection: Selection): string {
  const { namespace = '', labelSelector = '', fieldSelector = '' } = selection
  return [resource.group, resource.version, resource.plural, namespace, labelSelector, fieldSelector].join(' ')
}
