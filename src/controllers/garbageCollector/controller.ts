import { customResourceDefinitions } from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { OwnerReference } from '#api/meta/v1/objectMeta.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { subjectOf } from '#client/causes.ts'
import type { Controller } from '#client/controller.ts'
import { discover, type ServedResource } from '#client/discovery.ts'
import type { Informer } from '#client/informer.ts'
import { referenceTo } from '#client/events.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { ControllerContext } from '../context.ts'
import { groupOf, OwnershipGraph, orphanFinalizer, ownersOf, type GraphNode } from './graph.ts'
import { Owners } from './owners.ts'
import { planItem, type ItemPlan, type OwnerState } from './plan.ts'

/** The key under which the collector asks what the server serves. */
const lookForKinds = 'kinds'
/** How often unless told: servers that extend the API may serve other kinds at any time. */
const discoverEvery = 30_000
/** The kinds of a definition that has just changed are served by then. */
const discoverSoon = 1_000

/** Deletes what has lost its owners and carries out foreground and orphaning deletions, for every kind that is served. */
export function garbageCollector(context: ControllerContext): Controller {
  const { client, causes, clock } = context
  const { syncErrors } = context.metrics.collector
  const definitions = context.informers.of(customResourceDefinitions)
  /** When a definition last changed. */
  let changedAt = -Infinity
  const graph = new OwnershipGraph()
  const kinds = new Map<string, Resource>()
  const followed = new Map<string, Followed>()
  /** Those of them that were not read yet, as far as that is known. */
  const unread = new Set<Informer<KubeObject>>()
  /** Objects with owners of kinds that are not known. */
  const puzzling = new Set<string>()
  const owners = new Owners(client, graph, (owner) => kinds.get(`${groupOf(owner)}/${owner.kind}`))
  const events = context.events.recorder('garbage-collector-controller')
  /** By uid of objects: the uids of their owners of which was told that they are in another namespace. */
  const told = new Map<string, Set<string>>()
  let lookAt: (uid: string) => void = () => {}

  const tellElsewhere = ({ resource, object }: Known, { apiVersion, kind, name, uid }: OwnerReference): void => {
    const dependent = object.metadata.uid ?? ''
    const before = told.get(dependent) ?? new Set()
    if (before.has(uid)) return
    told.set(dependent, before.add(uid))
    const { namespace = '' } = object.metadata
    const reference = `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`
    const message = `ownerRef ${reference} does not exist in namespace ${JSON.stringify(namespace)}`
    events.record(referenceTo(resource, object), { type: 'Warning', reason: 'OwnerRefInvalidNamespace', message })
  }

  const follow = (resource: ServedResource): void => {
    kinds.set(`${resource.group}/${resource.kind}`, resource)
    const key = followedKey(resource)
    if (followed.has(key)) return
    const informer = context.informers.metadataOf<KubeObject>(resource)
    const listening = informer.onChange(({ old, new: now }) => {
      const uid = old?.metadata.uid ?? ''
      const concerned = now === undefined ? graph.delete(uid) : graph.set(resource, now)
      if (now === undefined) told.delete(uid)
      if (now === undefined && concerned.length > 0) owners.sawGone(uid)
      for (const each of concerned) lookAt(each)
    })
    followed.set(key, { resource, informer, listening })
    unread.add(informer)
  }

  const hasReadAll = (): boolean => {
    for (const informer of unread) if (informer.hasSynced) unread.delete(informer)
    return unread.size === 0
  }

  /** Forgets kinds that are not served any more; their objects are gone, or known under another version. */
  const leave = (served: ReadonlySet<string>): void => {
    for (const [key, { resource, informer, listening }] of followed) {
      if (served.has(key)) continue
      followed.delete(key)
      unread.delete(informer)
      listening[Symbol.dispose]()
      context.informers.release(informer)
      const kind = `${resource.group}/${resource.kind}`
      if (kinds.get(kind) === resource) kinds.delete(kind)
      for (const { metadata } of informer.list()) {
        for (const uid of graph.delete(metadata.uid ?? '')) lookAt(uid)
      }
    }
  }

  const apply = async (node: GraphNode, plan: ItemPlan, signal: AbortSignal): Promise<void> => {
    const { resource, object } = node.known!
    switch (plan.do) {
      case 'nothing':
        return
      case 'orphan':
        for (const dependent of node.dependents.values()) {
          if (dependent.known === undefined) continue
          const rest = ownersOf(dependent.known.object).filter(({ uid }) => uid !== node.uid)
          await patch(dependent.known, { ownerReferences: rest.length === 0 ? null : rest }, signal)
        }
        return removeFinalizer(node.known!, orphanFinalizer, signal)
      case 'removeFinalizer':
        return removeFinalizer(node.known!, plan.finalizer, signal)
      case 'wait':
        for (const uid of plan.lookAt) lookAt(uid)
        return
      case 'dropOwners': {
        const rest = ownersOf(object).filter(({ uid }) => !plan.uids.includes(uid))
        return patch(node.known!, { ownerReferences: rest }, signal)
      }
      case 'delete': {
        if (plan.unblock) {
          const unblocked = ownersOf(object).map((owner) => ({ ...owner, blockOwnerDeletion: false }))
          return patch(node.known!, { ownerReferences: unblocked }, signal).then(() => lookAt(node.uid))
        }
        const { uid, resourceVersion } = object.metadata
        const preconditions = { uid: uid ?? '', ...(resourceVersion === undefined ? {} : { resourceVersion }) }
        await unlessGone(
          client.delete(resource, object.metadata, { propagationPolicy: plan.policy, preconditions, signal }),
        )
      }
    }
  }

  const patch = async ({ resource, object }: Known, change: object, signal: AbortSignal): Promise<void> => {
    const { uid, resourceVersion } = object.metadata
    const body = { metadata: { uid, resourceVersion, ...change } }
    await unlessGone(client.patch(resource, object.metadata, { type: 'merge', body }, { signal }))
  }

  const removeFinalizer = (known: Known, finalizer: string, signal: AbortSignal): Promise<void> => {
    const rest = (known.object.metadata.finalizers ?? []).filter((each) => each !== finalizer)
    return patch(known, { finalizers: rest.length === 0 ? null : rest }, signal)
  }

  return {
    name: 'generic-garbage-collector',
    queue: 'garbage_collector_attempt_to_delete',
    permissions: [{ groups: ['*'], resources: ['*'], verbs: ['delete', 'get', 'list', 'patch', 'update', 'watch'] }],
    workers: 20,
    initial: [lookForKinds],
    watch(on, add) {
      lookAt = add
      on(definitions, () => {
        changedAt = clock.now()
        return [lookForKinds]
      })
    },
    async reconcile(key, signal) {
      if (key === lookForKinds) {
        const { resources, failed } = await discover(client.transport, signal).catch((error: unknown) => {
          syncErrors.inc()
          throw error
        })
        const served = resources.filter(isCollected)
        if (failed.length === 0) leave(new Set(served.map(followedKey)))
        const known = followed.size
        served.forEach(follow)
        if (followed.size > known) {
          for (const uid of puzzling) lookAt(uid)
          puzzling.clear()
        }
        const isNew = clock.now() - changedAt < discoverSoon
        return { after: isNew ? discoverSoon : (context.config.discoveryMilliseconds ?? discoverEvery) }
      }
      // What a kind that was not read yet owns, or is owned by, cannot be told.
      if (!hasReadAll()) return { after: 200 }
      const node = graph.get(key)
      if (node?.known === undefined) return
      const { object, resource } = node.known
      const states = new Map<OwnerReference, OwnerState>()
      let unseen = false
      if (object.metadata.deletionTimestamp === undefined) {
        for (const owner of ownersOf(object)) {
          const { state, seen, elsewhere = false } = await owners.stateOf(object, owner, signal)
          if (elsewhere) tellElsewhere(node.known, owner)
          states.set(owner, state === 'unknown' ? 'there' : state)
          if (state === 'unknown') puzzling.add(key)
          unseen ||= !seen
        }
      }
      const dependents = [...node.dependents.values()].flatMap(({ known }) =>
        known === undefined ? [] : [known.object],
      )
      const plan = planItem(object, dependents, (owner) => states.get(owner) ?? 'there')
      const subject = subjectOf(resource, object)
      if (plan.do === 'wait') {
        const message = `It is deleted after ${plan.blocking.length} objects that it owns`
        causes.record(subject, 'generic-garbage-collector', { reason: 'WaitingForDependents', message })
      } else causes.clear(subject, 'generic-garbage-collector')
      await apply(node, plan, signal)
      // An owner that exists and was not seen yet may be deleted before it is: then nobody would tell.
      return unseen ? { after: 10_000 } : undefined
    },
  }
}

type Known = NonNullable<GraphNode['known']>

interface Followed {
  readonly resource: Resource
  readonly informer: Informer<KubeObject>
  readonly listening: Disposable
}

function followedKey({ group, version, plural }: Resource): string {
  return `${group}/${version}/${plural}`
}

/** Kinds that can be followed and deleted. Events vanish by themselves. */
function isCollected({ verbs, preferred, group, plural }: ServedResource): boolean {
  if (plural === 'events' && (group === '' || group === 'events.k8s.io')) return false
  return preferred && ['list', 'watch', 'delete'].every((verb) => verbs.includes(verb))
}
