import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import { secrets, type Secret } from '#api/core/v1/secret.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import type { References } from './plan/planVolumes.ts'
import type { ReferencedObjects } from './runtime/environment.ts'

export interface ReferencedObjectsOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly report?: (problem: string, error?: unknown) => void
  /** Told when an object that pods of these uids refer to came, changed or went. */
  readonly changed: (podUids: Iterable<string>) => void
}

/** What the last pod referred to is watched for a while longer: the next one often refers to the same. */
const lingers = 60_000

interface Watched {
  readonly informer: WatchedInformer<KubeObject>
  readonly users: Set<string>
  /** Runs while nobody uses it. */
  linger: Disposable | undefined
  readonly stop: AbortController
}

/**
 * The ConfigMaps and Secrets that pods of this node refer to, each watched by its name for as long as some pod does:
 * a node has no business with others, and a change reaches its pods at once.
 */
export class ReferencedObjectsCache {
  readonly #options: ReferencedObjectsOptions
  readonly #watched = new Map<string, Watched>()
  readonly #keysOfPod = new Map<string, ReadonlySet<string>>()

  constructor(options: ReferencedObjectsOptions) {
    this.#options = options
  }

  /** Watches what a pod refers to, and no longer what it referred to before; resolves once all of it is known. */
  async acquire(uid: string, namespace: string, references: References, signal: AbortSignal): Promise<void> {
    const keys = new Set<string>()
    const wanted: Watched[] = []
    for (const name of references.configMaps) wanted.push(this.#watch(configMaps, namespace, name, uid, keys))
    for (const name of references.secrets) wanted.push(this.#watch(secrets, namespace, name, uid, keys))
    this.#dropOthers(uid, keys)
    this.#keysOfPod.set(uid, keys)
    await Promise.all(wanted.map((watched) => watched.informer.synced(signal)))
  }

  /** The pod is gone: what only it referred to is not watched any more. */
  release(uid: string): void {
    this.#dropOthers(uid, new Set())
    this.#keysOfPod.delete(uid)
  }

  /** What is known of the objects of a namespace; only those acquired before can be found. */
  objectsOf(namespace: string): ReferencedObjects {
    const find = (resource: Resource, name: string): KubeObject | undefined =>
      this.#watched.get(keyOf(resource, namespace, name))?.informer.get(`${namespace}/${name}`)
    return {
      configMap: (name) => find(configMaps as unknown as Resource, name) as ConfigMap | undefined,
      secret: (name) => find(secrets as unknown as Resource, name) as Secret | undefined,
    }
  }

  close(): void {
    for (const { stop, linger } of this.#watched.values()) {
      linger?.[Symbol.dispose]()
      stop.abort()
    }
    this.#watched.clear()
  }

  #watch<T extends KubeObject>(
    resource: Resource<T>,
    namespace: string,
    name: string,
    uid: string,
    keys: Set<string>,
  ): Watched {
    const key = keyOf(resource, namespace, name)
    keys.add(key)
    let watched = this.#watched.get(key)
    if (watched === undefined) {
      const { client, clock, random, report } = this.#options
      const informer = new WatchedInformer<T>({
        client,
        clock,
        random,
        resource,
        selection: { namespace, fieldSelector: `metadata.name=${name}` },
        ...(report === undefined ? {} : { report }),
      })
      const stop = new AbortController()
      const made: Watched = {
        informer: informer as unknown as WatchedInformer<KubeObject>,
        users: new Set(),
        linger: undefined,
        stop,
      }
      informer.onChange(() => {
        if (informer.hasSynced) this.#options.changed(made.users)
      })
      informer.run(stop.signal).catch((error: unknown) => report?.(`Cannot watch ${key}`, error))
      this.#watched.set(key, made)
      watched = made
    }
    watched.users.add(uid)
    watched.linger?.[Symbol.dispose]()
    watched.linger = undefined
    return watched
  }

  #dropOthers(uid: string, keep: ReadonlySet<string>): void {
    for (const key of this.#keysOfPod.get(uid) ?? []) {
      if (keep.has(key)) continue
      const watched = this.#watched.get(key)
      watched?.users.delete(uid)
      if (watched?.users.size === 0) {
        watched.linger = this.#options.clock.after(lingers, () => {
          watched.stop.abort()
          this.#watched.delete(key)
        })
      }
    }
  }
}

function keyOf(resource: Pick<Resource, 'plural'>, namespace: string, name: string): string {
  return `${resource.plural} ${namespace}/${name}`
}
