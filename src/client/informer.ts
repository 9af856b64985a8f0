import type { KubeObject, Resource } from '#api/resource.ts'
import { IndexedStore, keyOf, type Group, type IndexValues, type Likeness, type ListFilter } from './index.ts'
import { reflect, type ReflectorOptions, type ReflectorSink } from './reflector.ts'
import { compareResourceVersions } from './resourceVersion.ts'

/** Reads from a local copy of one resource. Objects are shared and frozen. */
export interface Lister<T extends KubeObject> {
  /** By key: `namespace/name`, or `name` without namespaces. */
  get(key: string): T | undefined
  list(filter?: ListFilter<T>): readonly T[]
  byIndex(index: string, value: string): readonly T[]
  /** The same objects in groups of those that are alike, by the likeness that the index was added with. */
  groups(index: string, value: string): readonly Group<T>[]
}

/** A change of one object: only `new` when it came, only `old` when it went. */
export interface Change<T> {
  readonly old?: T
  readonly new?: T
}

/** A local, watched copy of one resource. */
export interface Informer<T extends KubeObject> extends Lister<T> {
  readonly resource: Resource<T>
  /** Whether the first complete state has arrived. */
  readonly hasSynced: boolean
  /** Resolves once the first complete state has arrived; rejects with the signal's reason. */
  synced(signal: AbortSignal): Promise<void>
  /** The newest revision that the copy is known to include; empty before the first state. */
  readonly resourceVersion: string
  /** Adds an index, also over what is there already. The same again changes nothing; another of the same name throws. */
  addIndex(name: string, values: IndexValues<T>, likeness?: Likeness<T>): void
  /** Calls back for each object there is, and then after each change, in order and after the copy has it. */
  onChange(handle: (change: Change<T>) => void): Disposable
}

/** An informer that is fed by a reflector while it runs. */
export class WatchedInformer<T extends KubeObject> implements Informer<T>, ReflectorSink<T> {
  readonly resource: Resource<T>
  readonly #options: ReflectorOptions<T>
  readonly #store = new IndexedStore<T>()
  readonly #handlers = new Set<(change: Change<T>) => void>()
  readonly #first = Promise.withResolvers<void>()
  #resourceVersion = ''
  #hasSynced = false

  constructor(options: ReflectorOptions<T>) {
    this.resource = options.resource
    this.#options = options
  }

  /** Keeps the copy up to date until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    return reflect(this.#options, this, signal)
  }

  get hasSynced(): boolean {
    return this.#hasSynced
  }

  get resourceVersion(): string {
    return this.#resourceVersion
  }

  synced(signal: AbortSignal): Promise<void> {
    if (this.#hasSynced) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error)
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      void this.#first.promise.then(() => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      })
    })
  }

  get(key: string): T | undefined {
    return this.#store.get(key)
  }

  list(filter?: ListFilter<T>): readonly T[] {
    return this.#store.list(filter)
  }

  byIndex(index: string, value: string): readonly T[] {
    return this.#store.byIndex(index, value)
  }

  groups(index: string, value: string): readonly Group<T>[] {
    return this.#store.groups(index, value)
  }

  addIndex(name: string, values: IndexValues<T>, likeness?: Likeness<T>): void {
    this.#store.addIndex(name, values, likeness)
  }

  onChange(handle: (change: Change<T>) => void): Disposable {
    this.#handlers.add(handle)
    for (const object of this.#store.list()) handle({ new: object })
    return { [Symbol.dispose]: () => void this.#handlers.delete(handle) }
  }

  replace(objects: readonly T[], resourceVersion: string): void {
    const gone = new Set(this.#store.keys())
    // First the revision: a handler that compares it with an object's own must not find the copy older than the object.
    this.#resourceVersion = resourceVersion
    for (const object of objects) {
      gone.delete(keyOf(object.metadata))
      this.#set(object)
    }
    for (const key of gone) this.#delete(key)
    if (this.#hasSynced) return
    this.#hasSynced = true
    this.#first.resolve()
  }

  change(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void {
    this.progress(object.metadata.resourceVersion ?? '')
    if (type === 'DELETED') this.#delete(keyOf(object.metadata))
    else this.#set(object)
  }

  progress(resourceVersion: string): void {
    if (compareResourceVersions(resourceVersion, this.#resourceVersion) > 0) this.#resourceVersion = resourceVersion
  }

  #set(object: T): void {
    const old = this.#store.set(keyOf(object.metadata), object)
    if (old === undefined) this.#tell({ new: object })
    else if (old.metadata.resourceVersion !== object.metadata.resourceVersion) this.#replaced(old, object)
  }

  /** An object of another identity under the same name is a deletion and a creation that were not seen apart. */
  #replaced(old: T, object: T): void {
    if (old.metadata.uid === object.metadata.uid) return this.#tell({ old, new: object })
    this.#tell({ old })
    this.#tell({ new: object })
  }

  #delete(key: string): void {
    const old = this.#store.delete(key)
    if (old !== undefined) this.#tell({ old })
  }

  /** A handler that throws is a bug of its own and must not keep the others from knowing. */
  #tell(change: Change<T>): void {
    for (const handle of this.#handlers) {
      try {
        handle(change)
      } catch (error) {
        this.#options.report?.(`A handler of ${this.resource.plural} failed`, error)
      }
    }
  }
}
