import { controllerRevisions, type ControllerRevision } from '#api/apps/v1/controllerRevision.ts'
import { daemonSets, type DaemonSet } from '#api/apps/v1/daemonSet.ts'
import { nodes, type Node } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Controller } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { Expectations, recheckExpectations } from '#client/expectations.ts'
import { keyOf } from '#client/index.ts'
import { writeStatus } from '#client/writeStatus.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { messageOf } from '#lib/errorText.ts'
import { podTemplateHash } from '#machinery/podTemplateHash.ts'
import { applyClaims, byController, controllerIndex, orphans, ownerKeys, planClaims } from '../claims.ts'
import type { ControllerContext } from '../context.ts'
import { isReady, podLikeness } from '../podAvailability.ts'
import { rolloutTrouble } from '../podTrouble.ts'
import { PodWrites } from '../podWrites.ts'
import { deleteRevisions, planSurplus, revisionLabel, writeHistory, type HistoryPlan } from '../revisionHistory.ts'
import { FailedPods } from './failedPods.ts'
import { podsForNodes } from './placement.ts'
import { computeStatus, planDaemonSet, sceneOf, type DaemonPlan } from './plan.ts'

const component = 'daemonset-controller'

/** Keeps one pod of each DaemonSet on every node that suits. */
export function daemonSetController(context: ControllerContext): Controller {
  const { client, clock, causes } = context
  const setCopies = context.informers.of(daemonSets)
  const podCopies = context.informers.of(pods)
  const nodeCopies = context.informers.of(nodes)
  const revisionCopies = context.informers.of(controllerRevisions)
  podCopies.addIndex(byController, controllerIndex, podLikeness)
  revisionCopies.addIndex(byController, controllerIndex)
  const events = context.events.recorder(component)
  const expectations = new Expectations(clock, podCopies)
  const writes = new PodWrites(client, events, expectations)
  const failedPods = new FailedPods()
  const seenNodes = new Map<string, string>()

  /** Whether a node is another in what sets choose nodes by than when it was last asked about. */
  const isNodeChanged = ({ metadata: { name } }: Node): boolean => {
    const node = nodeCopies.get(name)
    const before = seenNodes.get(name)
    if (node === undefined) return seenNodes.delete(name)
    const now = JSON.stringify([node.metadata.labels, node.spec.taints])
    if (now === before) return false
    seenNodes.set(name, now)
    return true
  }

  const keysOf = ownerKeys(setCopies, ({ spec }) => spec.selector)

  const claimPods = async (set: DaemonSet, signal: AbortSignal): Promise<readonly Pod[]> => {
    const candidates = [set.metadata.uid ?? '', orphans(set.metadata.namespace)].flatMap((value) =>
      podCopies.groups(byController, value),
    )
    const claims = planClaims(set, set.spec.selector, candidates)
    return (await applyClaims(client, pods, { resource: daemonSets, object: set }, claims, signal)).flat()
  }

  /** Revisions of one template become one: its pods get the label of the one that stays. */
  const mergeDuplicates = async (
    { duplicates }: HistoryPlan,
    hash: string,
    owned: readonly Pod[],
    signal: AbortSignal,
  ): Promise<void> => {
    const names = new Set(duplicates.map(hashOf))
    for (const { metadata } of owned.filter(({ metadata: { labels } }) => names.has(labels?.[revisionLabel] ?? ''))) {
      const body = { metadata: { uid: metadata.uid, labels: { [revisionLabel]: hash } } }
      await unlessGone(client.patch(pods, metadata, { type: 'merge', body }, { signal }))
    }
    await deleteRevisions(client, duplicates, signal)
  }

  /** Carries a plan out as far as it goes; returns the first failure. */
  const apply = async (key: string, set: DaemonSet, plan: DaemonPlan, hash: string, signal: AbortSignal) => {
    const about = referenceTo(daemonSets, set)
    for (const note of plan.notes) events.record(about, note)
    for (const node of plan.failed) failedPods.removed(key, set, node, clock.now())
    const podFor = podsForNodes(set, hash)
    const { create, remove } = plan
    const { error } = await writes.createEach(key, about, create.length, (index) => podFor(create[index]!), signal)
    const deleted = await writes.deleteAll(key, about, remove, signal)
    return error ?? deleted
  }

  return {
    name: component,
    queue: 'daemonset',
    account: 'daemon-set-controller',
    permissions: [
      { groups: ['apps'], resources: ['daemonsets'], verbs: ['get', 'list', 'watch'] },
      { groups: ['apps'], resources: ['daemonsets/status'], verbs: ['update', 'patch'] },
      { groups: ['apps'], resources: ['daemonsets/finalizers'], verbs: ['update'] },
      { groups: [''], resources: ['nodes'], verbs: ['list', 'watch'] },
      { groups: [''], resources: ['pods'], verbs: ['create', 'delete', 'list', 'patch', 'watch'] },
      { groups: [''], resources: ['pods/binding'], verbs: ['create'] },
      {
        groups: ['apps'],
        resources: ['controllerrevisions'],
        verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
      },
    ],
    watch(on) {
      on(setCopies, (set) => [keyOf(set.metadata)])
      on(podCopies, keysOf)
      on(revisionCopies, keysOf)
      on(nodeCopies, (node) => (isNodeChanged(node) ? setCopies.list().map((set) => keyOf(set.metadata)) : []))
    },
    async reconcile(key, signal) {
      const set = setCopies.get(key)
      if (set === undefined) {
        expectations.forget(key)
        return failedPods.forget(key)
      }
      if (set.metadata.deletionTimestamp !== undefined) return
      const now = clock.now()
      const upToDate = expectations.satisfied(key)
      const owner = { resource: daemonSets, object: set }
      const owned = await claimPods(set, signal)
      const nameOf = (count: number) => {
        const hash = podTemplateHash(set.spec.template, count)
        return { hash, labels: { [revisionLabel]: hash } }
      }
      const before = set.status?.collisionCount ?? 0
      const history = await writeHistory(client, revisionCopies, owner, before, nameOf, signal)
      if (history === undefined) return
      const { present, collisions } = history
      const hash = hashOf(present)
      await mergeDuplicates(history.plan, hash, owned, signal)

      const failureWait = (node: string): number => failedPods.wait(key, set, node, now)
      const scene = sceneOf(set, { nodes: nodeCopies.list(), pods: owned, hash, failureWait }, now)
      const plan = upToDate ? planDaemonSet(scene) : undefined
      const error = plan === undefined ? undefined : await apply(key, set, plan, hash, signal)
      if (upToDate) {
        const live = new Set(owned.map(({ metadata }) => metadata.labels?.[revisionLabel]))
        const limit = set.spec.revisionHistoryLimit
        const isLive = (revision: ControllerRevision): boolean => live.has(hashOf(revision))
        await deleteRevisions(client, planSurplus(history.plan.past, isLive, { limit, counts: 'all' }), signal)
      }
      const subject = { kind: daemonSets.kind, ...set.metadata }
      const trouble = rolloutTrouble(
        owned.filter((pod) => !isReady(pod)),
        ({ metadata }) => causes.of({ kind: pods.kind, ...metadata }),
        now,
      )
      const cause =
        error === undefined ? (trouble?.cause ?? plan?.cause) : { reason: 'FailedCreate', message: messageOf(error) }
      if (cause !== undefined) causes.record(subject, component, cause)
      else if (plan !== undefined) causes.clear(subject, component)
      const { status, recheckAt } = computeStatus(scene, { upToDate, collisions })
      await unlessGone(writeStatus(client, daemonSets, set, status, signal))
      if (error !== undefined) throw error
      const again = Math.min(recheckAt ?? Infinity, plan?.recheckAt ?? Infinity, trouble?.recheckAt ?? Infinity) - now
      const after = Math.min(again, upToDate ? Infinity : recheckExpectations)
      const quiet = quietFor(status.desiredNumberScheduled)
      return after === Infinity ? { quiet } : { quiet, after }
    },
  }
}

/** Of a set with thousands of pods some change all the time: it is looked at less often. In milliseconds. */
const quietFor = (pods: number): number => Math.min(100, pods / 50)

function hashOf({ metadata }: ControllerRevision): string {
  return metadata.labels?.[revisionLabel] ?? metadata.name
}
