import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { Resource } from '#api/resource.ts'
import type { Controller, Permission } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { Expectations, recheckExpectations } from '#client/expectations.ts'
import { keyOf } from '#client/index.ts'
import { OwnWrites } from '#client/ownWrites.ts'
import { writeStatus } from '#client/writeStatus.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { messageOf } from '#lib/errorText.ts'
import { controllerOf } from '#machinery/owners.ts'
import { applyClaims, byController, controllerIndex, orphans, planClaims, ownerKeys } from '../claims.ts'
import type { ControllerContext } from '../context.ts'
import { podLikeness } from '../podAvailability.ts'
import { podFromTemplate } from '../podTemplate.ts'
import { PodWrites } from '../podWrites.ts'
import { computeStatus, planReplicas, type ReplicaFailure, type ReplicaOwner, type ReplicaPlan } from './plan.ts'

/** Of a set with thousands of pods some change all the time: its status is written less often. In milliseconds. */
const quietFor = (pods: number): number => Math.min(100, pods / 50)

/** A kind whose objects own equal pods. */
export interface ReplicaKind<O extends ReplicaOwner> {
  readonly resource: Resource<O>
  /** The name of the controller and of the events' source. */
  readonly component: string
  /** The name of its queue in metrics. */
  readonly queue: string
  readonly permissions: readonly Permission[]
  selectorOf(owner: O): LabelSelector | undefined
}

/** Keeps as many pods as each ReplicaSet asks for. */
export function replicaSetController(context: ControllerContext): Controller {
  return replicaController(context, {
    resource: replicaSets,
    component: 'replicaset-controller',
    queue: 'replicaset',
    permissions: [
      { groups: ['apps'], resources: ['replicasets'], verbs: ['get', 'list', 'watch', 'update'] },
      { groups: ['apps'], resources: ['replicasets/status'], verbs: ['update', 'patch'] },
      { groups: ['apps'], resources: ['replicasets/finalizers'], verbs: ['update'] },
      { groups: [''], resources: ['pods'], verbs: ['create', 'delete', 'list', 'patch', 'watch'] },
    ],
    selectorOf: ({ spec }) => spec.selector,
  })
}

/** Keeps as many pods as each object of a kind asks for. */
export function replicaController<O extends ReplicaOwner>(
  context: ControllerContext,
  { resource, component, queue, permissions, selectorOf }: ReplicaKind<O>,
): Controller {
  const { client, clock, causes, metrics } = context
  const setCopies = context.informers.of(resource)
  const sets = new OwnWrites(setCopies)
  const podCopies = context.informers.of(pods)
  setCopies.addIndex(byController, controllerIndex)
  podCopies.addIndex(byController, controllerIndex, podLikeness)
  const expectations = new Expectations(clock, podCopies)
  const writes = new PodWrites(client, context.events.recorder(component), expectations)

  /** The pods of all sets of the same Deployment: a node that has many of them can spare one. */
  const relatedPods = (set: O): readonly Pod[] => {
    const owner = controllerOf(set)?.uid
    const related = owner === undefined ? [set] : setCopies.byIndex(byController, owner)
    return related.flatMap((each) => podCopies.byIndex(byController, each.metadata.uid ?? ''))
  }

  /** A set as it is by now: its size may have changed while pods were made, but its status is this controller's alone. */
  const newestOf = (set: O): O => {
    const newest = sets.get(keyOf(set.metadata))
    return newest !== undefined && newest.metadata.uid === set.metadata.uid ? newest : set
  }

  /** Carries a plan out as far as it goes. */
  const apply = async (set: O, plan: ReplicaPlan, signal: AbortSignal): Promise<unknown> => {
    const about = referenceTo(resource, set)
    const key = keyOf(set.metadata)
    if (plan.do === 'delete') return writes.deleteAll(key, about, plan.pods, signal)
    if (plan.do === 'nothing' || set.spec.template === undefined) return undefined
    const pod = podFromTemplate(set.spec.template, { resource, object: set })
    return writes.create(key, about, pod, plan.count, signal)
  }

  return {
    name: component,
    queue,
    permissions,
    watch(on) {
      on(setCopies, (set) => [keyOf(set.metadata)])
      on(podCopies, ownerKeys(setCopies, selectorOf))
    },
    async reconcile(key, signal) {
      const set = sets.get(key)
      if (set === undefined) return expectations.forget(key)
      const now = clock.now()
      // Asked in the same turn in which the pods are read, so that both are of one moment.
      const upToDate = expectations.satisfied(key)
      const candidates = [set.metadata.uid ?? '', orphans(set.metadata.namespace)].flatMap((value) =>
        podCopies.groups(byController, value),
      )
      const claims = planClaims(set, selectorOf(set), candidates)
      const owned = await applyClaims(client, pods, { resource, object: set }, claims, signal)
      const plan: ReplicaPlan = upToDate ? planReplicas(set, owned, () => relatedPods(set), now) : { do: 'nothing' }
      if (plan.do === 'delete') metrics.replicas.chosen(owned, plan.pods, now)
      const error = await apply(set, plan, signal)
      const failure = failureOf(plan, error)
      const subject = { kind: resource.kind, ...set.metadata }
      if (failure === undefined) causes.clear(subject, component)
      else causes.record(subject, component, failure)
      const { status, recheckAt } = computeStatus(set, owned, failure, now)
      const written = await unlessGone(writeStatus(client, resource, newestOf(set), status, signal))
      if (written !== undefined) sets.wrote(written)
      if (error !== undefined) throw error
      const quiet = quietFor(status.replicas)
      const after = Math.min(
        recheckAt === undefined ? Infinity : recheckAt - now,
        upToDate ? Infinity : recheckExpectations,
      )
      return after === Infinity ? { quiet } : { quiet, after }
    },
  }
}

function failureOf(plan: ReplicaPlan, error: unknown): ReplicaFailure | undefined {
  if (error === undefined) return undefined
  const message = messageOf(error)
  return { reason: plan.do === 'delete' ? 'FailedDelete' : 'FailedCreate', message }
}
