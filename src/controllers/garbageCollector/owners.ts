import type { OwnerReference } from '#api/meta/v1/objectMeta.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client } from '#client/client.ts'
import { isReason, type StatusError } from '#machinery/status.ts'
import { isNamedBy, isWaitingForDependents, type OwnershipGraph } from './graph.ts'
import type { OwnerState } from './plan.ts'

/** Owners known to be gone, everywhere or for those in one namespace: a uid never comes back. */
const mostGone = 10_000

/** Finds out what became of owners: from the graph where it knows them, from the server where not. */
export class Owners {
  readonly #client: Client
  readonly #graph: OwnershipGraph
  readonly #resourceOf: (owner: OwnerReference) => Resource | undefined
  readonly #gone = new Set<string>()

  constructor(client: Client, graph: OwnershipGraph, resourceOf: (owner: OwnerReference) => Resource | undefined) {
    this.#client = client
    this.#graph = graph
    this.#resourceOf = resourceOf
  }

  /**
   * The state of an owner named by `object`; `unknown` when its kind is not served. `seen`: the graph has it. `elsewhere`: it
   * is there, in another namespace.
   */
  async stateOf(
    object: KubeObject,
    owner: OwnerReference,
    signal: AbortSignal,
  ): Promise<{ readonly state: OwnerState | 'unknown'; readonly seen: boolean; readonly elsewhere?: boolean }> {
    const { namespace = '' } = object.metadata
    const known = this.#graph.get(owner.uid)?.known
    if (known !== undefined && isNamedBy(owner, known)) {
      // An owner in another namespace cannot be meant: references do not cross namespaces.
      const elsewhere = known.resource.scope === 'Namespaced' && known.object.metadata.namespace !== namespace
      if (!elsewhere) return { state: isWaitingForDependents(known.object) ? 'waiting' : 'there', seen: true }
      return { state: namespace === '' ? 'unknown' : 'gone', seen: true, elsewhere: true }
    }
    const key = `${namespace} ${owner.uid}`
    if (this.#gone.has(key) || this.#gone.has(owner.uid)) return { state: 'gone', seen: true }
    const resource = this.#resourceOf(owner)
    // A kind that is not served, and an object outside namespaces with an owner inside one, cannot be followed.
    if (resource === undefined || (resource.scope === 'Namespaced' && namespace === '')) {
      return { state: 'unknown', seen: true }
    }
    const found = await this.#read(resource, { name: owner.name, namespace }, signal)
    if (found === 'unserved') return { state: 'unknown', seen: false }
    if (found?.metadata.uid === owner.uid) {
      return { state: isWaitingForDependents(found) ? 'waiting' : 'there', seen: false }
    }
    this.#note(key)
    return { state: 'gone', seen: true }
  }

  /** Somebody's owner was seen to go: it need not be looked for, also when its kind goes as well. */
  sawGone(uid: string): void {
    this.#note(uid)
  }

  #note(key: string): void {
    if (this.#gone.size >= mostGone) this.#gone.clear()
    this.#gone.add(key)
  }

  async #read(
    resource: Resource,
    at: { readonly name: string; readonly namespace: string },
    signal: AbortSignal,
  ): Promise<KubeObject | 'unserved' | undefined> {
    const place = resource.scope === 'Namespaced' ? at : { name: at.name }
    try {
      return await this.#client.get(resource, place, { signal })
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
      // An answer that does not name the object speaks of its kind, which came and went since it was discovered.
      return (error as StatusError).status.details?.name === undefined ? 'unserved' : undefined
    }
  }
}
