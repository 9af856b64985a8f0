import type { OwnerReference } from '#api/meta/v1/objectMeta.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'

export const orphanFinalizer = 'orphan'
export const foregroundFinalizer = 'foregroundDeletion'

/** One object of the cluster, or one that others name as their owner. */
export interface GraphNode {
  readonly uid: string
  /** Its last known state; absent for an owner that was only heard of, or is gone. */
  readonly known?: { readonly resource: Resource; readonly object: KubeObject }
  /** The objects that name it as an owner, by uid. */
  readonly dependents: ReadonlyMap<string, GraphNode>
}

interface Node extends GraphNode {
  known?: { readonly resource: Resource; readonly object: KubeObject }
  readonly dependents: Map<string, Node>
}

/**
 * Who owns whom, by uid.
 *
 *     set(pod, owner rs)     rs {dependents: pod}   pod known          rs was only heard of
 *     set(rs)                rs {dependents: pod}   rs known
 *     delete(rs)             rs {dependents: pod}   rs no longer known → look at pod
 *     delete(pod)            nothing is left: an owner without dependents that is not known is forgotten
 *
 * Every change returns the uids that have to be looked at because of it.
 */
export class OwnershipGraph {
  readonly #nodes = new Map<string, Node>()

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid)
  }

  get size(): number {
    return this.#nodes.size
  }

  /** Takes in the newest state of an object. */
  set(resource: Resource, object: KubeObject): readonly string[] {
    const uid = object.metadata.uid ?? ''
    const node = this.#node(uid)
    const before = node.known?.object
    node.known = { resource, object }
    const look: string[] = []
    const [old, now] = [ownersOf(before), ownersOf(object)]
    if (!sameJson(old, now)) {
      look.push(...this.#unlink(node, old, now), ...this.#link(node, now))
    }
    if (isWaitingForDependents(object) && !isWaitingForDependents(before)) {
      look.push(uid, ...node.dependents.keys())
      // Those whom it keeps waiting may have to let each other go.
      look.push(...this.#waitingOwners(now))
    } else if (isOrphaning(object) && !isOrphaning(before)) look.push(uid)
    return look
  }

  /** The object is gone. */
  delete(uid: string): readonly string[] {
    const node = this.#nodes.get(uid)
    if (node?.known === undefined) return []
    const look = this.#unlink(node, ownersOf(node.known.object), [])
    delete node.known
    if (node.dependents.size === 0) this.#nodes.delete(uid)
    return [...look, ...node.dependents.keys()]
  }

  #node(uid: string): Node {
    let node = this.#nodes.get(uid)
    if (node === undefined) this.#nodes.set(uid, (node = { uid, dependents: new Map() }))
    return node
  }

  /** Gives a node to its owners; returns it when one of them is not there as it is named, or waits for its dependents. */
  #link(node: Node, owners: readonly OwnerReference[]): readonly string[] {
    let isSettled = true
    for (const reference of owners) {
      const owner = this.#node(reference.uid)
      owner.dependents.set(node.uid, node)
      isSettled &&= isOwnedAsNamed(node.known!.object, reference, owner) && !isWaitingForDependents(owner.known?.object)
    }
    return isSettled ? [] : [node.uid]
  }

  /** Takes a node from owners it no longer has; returns the owners that may have waited for that. */
  #unlink(node: Node, old: readonly OwnerReference[], now: readonly OwnerReference[]): readonly string[] {
    for (const { uid } of old) {
      const owner = this.#nodes.get(uid)
      if (owner === undefined || now.some((reference) => reference.uid === uid)) continue
      owner.dependents.delete(node.uid)
      if (owner.known === undefined && owner.dependents.size === 0) this.#nodes.delete(uid)
    }
    return this.#waitingOwners(old)
  }

  #waitingOwners(owners: readonly OwnerReference[]): readonly string[] {
    return owners.map(({ uid }) => uid).filter((uid) => isWaitingForDependents(this.#nodes.get(uid)?.known?.object))
  }
}

/** Whether an object may have this owner: it is known by the name and the kind that the reference says, and within reach. */
function isOwnedAsNamed({ metadata }: KubeObject, reference: OwnerReference, { known }: GraphNode): boolean {
  if (known === undefined || !isNamedBy(reference, known)) return false
  return known.resource.scope !== 'Namespaced' || known.object.metadata.namespace === metadata.namespace
}

/** Whether a reference says the name and the kind of an object; the version does not matter. */
export function isNamedBy(owner: OwnerReference, { resource, object }: NonNullable<GraphNode['known']>): boolean {
  return owner.name === object.metadata.name && owner.kind === resource.kind && groupOf(owner) === resource.group
}

export function groupOf({ apiVersion }: Pick<OwnerReference, 'apiVersion'>): string {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}

export function ownersOf(object: KubeObject | undefined): readonly OwnerReference[] {
  return object?.metadata.ownerReferences ?? []
}

/** Whether an object is being deleted and stays until its dependents are gone. */
export function isWaitingForDependents(object: KubeObject | undefined): boolean {
  return isEndingWith(object, foregroundFinalizer)
}

/** Whether an object is being deleted and its dependents are to stay. */
export function isOrphaning(object: KubeObject | undefined): boolean {
  return isEndingWith(object, orphanFinalizer)
}

function isEndingWith(object: KubeObject | undefined, finalizer: string): boolean {
  const metadata = object?.metadata
  return metadata?.deletionTimestamp !== undefined && metadata.finalizers?.includes(finalizer) === true
}
