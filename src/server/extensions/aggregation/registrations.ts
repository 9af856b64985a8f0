import { apiServices, type APIService } from '#api/apiregistration/v1/apiService.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Kinds } from '../../kind.ts'
import type { RequestInfo } from '../../requestInfo.ts'
import type { StoredObject } from '../../storedObject.ts'
import { Backend, type BackendSurroundings } from './backend.ts'
import type { BackendDocuments } from './documents.ts'
import { serviceNameOf } from './localServices.ts'
import { builtInPriority, customPriority, type VersionPriority } from './priorities.ts'

/** Who serves what: the registrations as the cache has them, and the servers to which they lead. */
export class Registrations {
  readonly #around: BackendSurroundings
  /** By group, then by version. */
  readonly #backends = new Map<string, Map<string, Backend>>()
  /** Priorities that are not those which versions have by themselves. */
  readonly #priorities = new Map<string, VersionPriority>()
  readonly #seeBackend: ((name: string, backend: Backend | undefined) => void)[] = []
  #generation = 0

  constructor(kinds: Kinds, around: BackendSurroundings) {
    this.#around = around
    kinds.of(apiServices)?.cache.observe((now, before) => this.#take(now, before))
  }

  /** Changes with what is to be said of other servers: what was derived from it is to be made anew. */
  get generation(): number {
    return this.#generation
  }

  /** The servers, in no order. */
  backends(): Backend[] {
    return [...this.#backends.values()].flatMap((versions) => [...versions.values()])
  }

  /** The other server that has a version of a group. */
  find(group: string, version: string): Backend | undefined {
    return this.#backends.size === 0 ? undefined : this.#backends.get(group)?.get(version)
  }

  /** The other server that a request is for. */
  findFor(info: RequestInfo): Backend | undefined {
    if (this.#backends.size === 0) return undefined
    if (info.isResource) return this.find(info.group, info.version)
    const [root, group = '', version = '', ...rest] = info.path.replace(/^\/+|\/+$/g, '').split('/')
    return root === 'apis' && rest.length === 0 ? this.find(group, version) : undefined
  }

  /** Where a version stands among others. */
  priorityOf(group: string, version: string): VersionPriority {
    const own = this.#priorities.size === 0 ? undefined : this.#priorities.get(serviceNameOf({ group, version }))
    return own ?? builtInPriority(group, version) ?? customPriority
  }

  /** Notes what a server says of itself. */
  learn(backend: Backend, documents: BackendDocuments): void {
    if (backend.documents === documents) return
    backend.documents = documents
    this.#generation++
  }

  /** Tells of every server that comes, leads elsewhere or goes. */
  onBackend(see: (name: string, backend: Backend | undefined) => void): void {
    this.#seeBackend.push(see)
    for (const backend of this.backends()) see(backend.name, backend)
  }

  #take(now: StoredObject | undefined, before: StoredObject | undefined): void {
    const registration = now?.object as APIService | undefined
    const old = before?.object as APIService | undefined
    const isSame = registration !== undefined && old !== undefined && sameJson(registration.spec, old.spec)
    if (isSame) {
      this.#backendOf(registration)?.update(registration)
      return
    }
    const { name } = (registration ?? old)!.metadata
    this.#rank(name, registration)
    const known = old === undefined ? undefined : this.#backendOf(old)
    // The core is served by nobody else: the parts of this server live on it.
    const isRemote = registration?.spec.service !== undefined && (registration.spec.group ?? '') !== ''
    if (!isRemote) {
      if (known !== undefined) this.#remove(known)
      return
    }
    if (known !== undefined) known.update(registration)
    else this.#add(new Backend(registration, this.#around))
    this.#generation++
    for (const see of this.#seeBackend) see(name, this.#backendOf(registration))
  }

  #backendOf({ spec: { group = '', version = '' } }: APIService): Backend | undefined {
    return this.find(group, version)
  }

  #rank(name: string, registration: APIService | undefined): void {
    if (registration === undefined) {
      if (this.#priorities.delete(name)) this.#generation++
      return
    }
    const { group = '', version = '', groupPriorityMinimum, versionPriority } = registration.spec
    const now = { group: groupPriorityMinimum, version: versionPriority }
    if (sameJson(now, this.priorityOf(group, version))) return
    this.#priorities.set(name, now)
    this.#generation++
  }

  #add(backend: Backend): void {
    let versions = this.#backends.get(backend.group)
    if (versions === undefined) this.#backends.set(backend.group, (versions = new Map()))
    versions.set(backend.version, backend)
  }

  #remove(backend: Backend): void {
    const versions = this.#backends.get(backend.group)!
    versions.delete(backend.version)
    if (versions.size === 0) this.#backends.delete(backend.group)
    backend[Symbol.dispose]()
    this.#generation++
    for (const see of this.#seeBackend) see(backend.name, undefined)
  }

  [Symbol.dispose](): void {
    for (const backend of this.backends()) backend[Symbol.dispose]()
  }
}
