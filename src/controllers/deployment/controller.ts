import { deployments, type Deployment } from '#api/apps/v1/deployment.ts'
import { replicaSets, type ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import { pods } from '#api/core/v1/pod.ts'
import { subjectOf } from '#client/causes.ts'
import type { Controller } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { keyOf } from '#client/index.ts'
import { OwnWrites } from '#client/ownWrites.ts'
import { writeStatus } from '#client/writeStatus.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { messageOf } from '#lib/errorText.ts'
import { controllerOf, isControlledBy } from '#machinery/owners.ts'
import { isReason } from '#machinery/status.ts'
import { applyClaims, byController, controllerIndex, orphans, planClaims, ownerKeys } from '../claims.ts'
import type { ControllerContext } from '../context.ts'
import { isActive, isReady, podLikeness } from '../podAvailability.ts'
import { isInTrouble, rolloutTrouble, type PodTrouble } from '../podTrouble.ts'
import { isNamespaceEnding } from '../podWrites.ts'
import { planRollout, type Observed, type RolloutPlan, type SetChange } from './plan.ts'
import { isSameTemplate, revisionAnnotation, revisionOf } from './replicaSets.ts'
import { sizeOf } from './sizes.ts'
import { deadlineOf, reasons, setCondition } from './status.ts'

const component = 'deployment-controller'
/** The index of pods that are not ready, by the uid of their controller. */
const unreadyByController = 'unready by controller'

/** Brings Deployments from one template to the next by making and sizing ReplicaSets. */
export function deploymentController(context: ControllerContext): Controller {
  const { client, clock, causes } = context
  const copies = context.informers.of(deployments)
  const setCopies = context.informers.of(replicaSets)
  const [own, ownSets] = [new OwnWrites(copies), new OwnWrites(setCopies)]
  const podCopies = context.informers.of(pods)
  setCopies.addIndex(byController, controllerIndex)
  podCopies.addIndex(byController, controllerIndex, podLikeness)
  podCopies.addIndex(unreadyByController, (pod) => (isActive(pod) && !isReady(pod) ? controllerIndex(pod) : []))
  const events = context.events.recorder(component)

  /** What is wrong with the pods of a Deployment, those of its newest set first. */
  const troubleOf = (sets: readonly ReplicaSet[], now: number): PodTrouble | undefined => {
    const unready = sets
      .toSorted((a, b) => (revisionOf(b) < revisionOf(a) ? -1 : 1))
      .flatMap(({ metadata }) => podCopies.byIndex(unreadyByController, metadata.uid ?? ''))
    if (unready.length === 0) return undefined
    return rolloutTrouble(unready, (pod) => causes.of(subjectOf(pods, pod)), now)
  }

  const scaled = (deployment: Deployment, name: string, from: number, to: number): void => {
    const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${name} from ${from} to ${to}`
    events.record(referenceTo(deployments, deployment), { type: 'Normal', reason: 'ScalingReplicaSet', message })
  }

  const observe = (sets: readonly ReplicaSet[]): Observed => ({
    sets,
    withPods: new Set(
      sets
        .filter((set) =>
          podCopies
            .groups(byController, set.metadata.uid ?? '')
            .some(([{ status }]) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed'),
        )
        .map((set) => set.metadata.name),
    ),
  })

  const createSet = async (deployment: Deployment, set: ReplicaSet, signal: AbortSignal): Promise<void> => {
    try {
      await client.create(replicaSets, set, { signal })
      if (sizeOf(set) > 0) scaled(deployment, set.metadata.name, 0, sizeOf(set))
    } catch (error) {
      if (signal.aborted || isNamespaceEnding(error)) return
      if (isReason(error, 'AlreadyExists')) {
        const present = await client.get(replicaSets, set.metadata, { signal })
        if (isControlledBy(present, deployment) && isSameTemplate(present.spec.template, deployment.spec.template))
          return
        const collisionCount = (deployment.status?.collisionCount ?? 0) + 1
        await writeStatus(client, deployments, deployment, { ...deployment.status, collisionCount }, signal)
        throw error
      }
      const message = `Failed to create new replica set "${set.metadata.name}": ${messageOf(error)}`
      events.record(referenceTo(deployments, deployment), { type: 'Warning', reason: reasons.createFailed, message })
      if (deadlineOf(deployment) !== undefined) {
        const before = deployment.status?.conditions ?? []
        const conditions = setCondition(before, 'Progressing', 'False', reasons.createFailed, message, clock.now())
        await writeStatus(
          client,
          deployments,
          deployment,
          { ...deployment.status, conditions: [...conditions] },
          signal,
        )
      }
      throw error
    }
  }

  const changeSet = async (deployment: Deployment, change: SetChange, signal: AbortSignal): Promise<void> => {
    const { set, replicas, minReadySeconds, annotations } = change
    const { resourceVersion } = set.metadata
    const spec = {
      ...(replicas === undefined ? {} : { replicas }),
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
    }
    // The revision makes the patch fail for a set that is not as it was when its size was decided.
    const body = {
      metadata: { resourceVersion, ...(annotations === undefined ? {} : { annotations }) },
      ...(Object.keys(spec).length === 0 ? {} : { spec }),
    }
    ownSets.wrote(await client.patch(replicaSets, set.metadata, { type: 'merge', body }, { signal }))
    if (replicas !== undefined) scaled(deployment, set.metadata.name, sizeOf(set), replicas)
  }

  const apply = async (deployment: Deployment, plan: RolloutPlan, signal: AbortSignal): Promise<void> => {
    if (plan.create !== undefined) await createSet(deployment, plan.create, signal)
    for (const change of plan.change) await changeSet(deployment, change, signal)
    for (const set of plan.remove) {
      const { uid, resourceVersion } = set.metadata
      const preconditions = {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      }
      await unlessGone(client.delete(replicaSets, set.metadata, { preconditions, signal }))
    }
    const annotations = plan.revision === undefined ? undefined : { [revisionAnnotation]: String(plan.revision) }
    const written = await unlessGone(writeStatus(client, deployments, deployment, plan.status, signal, annotations))
    if (written !== undefined) own.wrote(written)
  }

  return {
    name: component,
    queue: 'deployment',
    permissions: [
      { groups: ['apps'], resources: ['deployments'], verbs: ['get', 'list', 'update', 'watch'] },
      { groups: ['apps'], resources: ['deployments/status'], verbs: ['update', 'patch'] },
      { groups: ['apps'], resources: ['deployments/finalizers'], verbs: ['update'] },
      {
        groups: ['apps'],
        resources: ['replicasets'],
        verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
      },
      { groups: [''], resources: ['pods'], verbs: ['get', 'list', 'update', 'watch'] },
    ],
    watch(on) {
      on(copies, (deployment) => [keyOf(deployment.metadata)])
      on(
        setCopies,
        ownerKeys(copies, ({ spec }) => spec.selector),
      )
      on(podCopies, (pod) => {
        // A Deployment looks at pods that hold it up, and at all while it waits for its old ones to end.
        const set = setCopies.get(`${pod.metadata.namespace}/${controllerOf(pod)?.name ?? ''}`)
        const owner =
          set === undefined ? undefined : copies.get(`${pod.metadata.namespace}/${controllerOf(set)?.name ?? ''}`)
        if (owner === undefined) return []
        return owner.spec.strategy?.type === 'Recreate' || isInTrouble(pod) ? [keyOf(owner.metadata)] : []
      })
    },
    async reconcile(key, signal) {
      const deployment = own.get(key)
      if (deployment === undefined) return
      const { selector } = deployment.spec
      if (Object.keys({ ...selector.matchLabels }).length + (selector.matchExpressions ?? []).length === 0) {
        const message = 'This deployment is selecting all pods. A non-empty selector is required.'
        events.record(referenceTo(deployments, deployment), { type: 'Warning', reason: 'SelectingAll', message })
        const observedGeneration = deployment.metadata.generation ?? 0
        await writeStatus(client, deployments, deployment, { ...deployment.status, observedGeneration }, signal)
        return
      }
      const now = clock.now()
      const candidates = [deployment.metadata.uid ?? '', orphans(deployment.metadata.namespace)].flatMap((value) =>
        setCopies.groups(byController, value),
      )
      const claims = planClaims(deployment, selector, candidates)
      const owner = { resource: deployments, object: deployment }
      const claimed = await applyClaims(client, replicaSets, owner, claims, signal)
      const sets = claimed.flat().map((set) => ownSets.newest(set))
      const plan = planRollout(deployment, observe(sets), now)
      const subject = { kind: deployments.kind, ...deployment.metadata }
      const trouble = troubleOf(sets, now)
      const cause = plan.cause?.reason === 'ReplicaFailure' ? plan.cause : (trouble?.cause ?? plan.cause)
      if (cause === undefined) causes.clear(subject, component)
      else causes.record(subject, component, cause)
      await apply(deployment, plan, signal)
      const recheckAt = Math.min(plan.recheckAt ?? Infinity, trouble?.recheckAt ?? Infinity)
      return recheckAt === Infinity ? undefined : { after: Math.max(0, recheckAt - now) }
    },
  }
}
