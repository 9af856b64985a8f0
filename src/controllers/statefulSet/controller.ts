import { controllerRevisions, type ControllerRevision } from '#api/apps/v1/controllerRevision.ts'
import { statefulSets, type StatefulSet } from '#api/apps/v1/statefulSet.ts'
import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Controller } from '#client/controller.ts'
import { Expectations, recheckExpectations } from '#client/expectations.ts'
import { keyOf, type Group } from '#client/index.ts'
import { writeStatus } from '#client/writeStatus.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { messageOf } from '#lib/errorText.ts'
import { revisionHash } from '#machinery/revisionHash.ts'
import { applyClaims, byController, controllerIndex, orphans, ownerKeys, planClaims } from '../claims.ts'
import type { ControllerContext } from '../context.ts'
import { isReady, podLikeness } from '../podAvailability.ts'
import { rolloutTrouble } from '../podTrouble.ts'
import { deleteRevisions, planSurplus, revisionData, templateOf, writeHistory } from '../revisionHistory.ts'
import { ordinalOf, revisionOf, type Revision } from './identity.ts'
import { computeStatus, planStatefulSet, type Observed } from './plan.ts'
import { StatefulWrites } from './writes.ts'

const component = 'statefulset-controller'
const hashLabel = 'controller.kubernetes.io/hash'

/** Keeps the numbered pods of StatefulSets, with the claims that are theirs. */
export function statefulSetController(context: ControllerContext): Controller {
  const { client, clock, causes } = context
  const setCopies = context.informers.of(statefulSets)
  const podCopies = context.informers.of(pods)
  const claimCopies = context.informers.of(persistentVolumeClaims)
  const revisionCopies = context.informers.of(controllerRevisions)
  podCopies.addIndex(byController, controllerIndex, podLikeness)
  revisionCopies.addIndex(byController, controllerIndex)
  const expectations = new Expectations(clock, podCopies)
  const writes = new StatefulWrites(client, context.events.recorder(component), expectations)

  const keysOf = ownerKeys(setCopies, ({ spec }) => spec.selector)

  /** The sets that have a claim of this name: `<template>-<set>-<number>`, in which each dash may be the one between. */
  const keysOfClaim = ({ metadata: { name, namespace } }: PersistentVolumeClaim): readonly string[] => {
    const parts = name.split('-')
    if (parts.length < 3 || !/^\d+$/.test(parts.at(-1)!)) return []
    return parts.slice(1, -1).flatMap((_, index) => {
      const key = `${namespace}/${parts.slice(index + 1, -1).join('-')}`
      const template = parts.slice(0, index + 1).join('-')
      const templates = setCopies.get(key)?.spec.volumeClaimTemplates ?? []
      return templates.some(({ metadata }) => metadata.name === template) ? [key] : []
    })
  }

  /** The pods that are the set's by owner, labels and name. */
  const claimPods = async (set: StatefulSet, signal: AbortSignal): Promise<readonly Pod[]> => {
    const candidates = [set.metadata.uid ?? '', orphans(set.metadata.namespace)]
      .flatMap((value) => podCopies.groups(byController, value))
      .flat()
      .map((pod): Group<Pod> => [pod])
    const named = planClaims(
      set,
      set.spec.selector,
      candidates.filter(([pod]) => ordinalOf(set, pod) !== undefined),
    )
    const strangers = planClaims(
      set,
      undefined,
      candidates.filter(([pod]) => ordinalOf(set, pod) === undefined),
    )
    const claims = { ...named, release: [...named.release, ...strangers.release] }
    return (await applyClaims(client, pods, { resource: statefulSets, object: set }, claims, signal)).flat()
  }

  return {
    name: component,
    queue: 'statefulset',
    permissions: [
      { groups: ['apps'], resources: ['statefulsets'], verbs: ['get', 'list', 'watch'] },
      { groups: ['apps'], resources: ['statefulsets/status'], verbs: ['update', 'patch'] },
      { groups: ['apps'], resources: ['statefulsets/finalizers'], verbs: ['update'] },
      { groups: [''], resources: ['pods'], verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'] },
      { groups: [''], resources: ['pods/finalizers'], verbs: ['update'] },
      {
        groups: [''],
        resources: ['persistentvolumeclaims'],
        verbs: ['create', 'delete', 'get', 'list', 'update', 'watch'],
      },
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
      on(claimCopies, keysOfClaim)
    },
    async reconcile(key, signal) {
      const set = setCopies.get(key)
      if (set === undefined) return expectations.forget(key)
      const now = clock.now()
      // Asked in the same turn in which the pods are read, so that both are of one moment.
      const upToDate = expectations.satisfied(key)
      const owner = { resource: statefulSets, object: set }
      const owned = await claimPods(set, signal)
      const before = set.status?.collisionCount ?? 0
      const nameOf = (count: number) => {
        const data = revisionData(set.spec.template)
        return { hash: revisionHash(data, count), labels: { [hashLabel]: revisionHash(data, before) } }
      }
      const history = await writeHistory(client, revisionCopies, owner, before, nameOf, signal)
      if (history === undefined) return
      const { collisions } = history
      const update = readRevision(history.present)
      const known = history.revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision)
      const current = known === undefined ? update : readRevision(known)
      const claimAt = (name: string) => claimCopies.get(`${set.metadata.namespace}/${name}`)
      const observed: Observed = { pods: owned, claimAt, current, update }

      const plan = upToDate ? planStatefulSet(set, observed, now) : undefined
      const error = plan === undefined ? undefined : await writes.apply(set, plan, signal)
      const subject = { kind: statefulSets.kind, ...set.metadata }
      const trouble = rolloutTrouble(
        owned.filter((pod) => !isReady(pod)),
        ({ metadata }) => causes.of({ kind: pods.kind, ...metadata }),
        now,
      )
      const cause =
        error === undefined ? (trouble?.cause ?? plan?.cause) : { reason: 'FailedWrite', message: messageOf(error) }
      if (cause !== undefined) causes.record(subject, component, cause)
      else if (plan !== undefined) causes.clear(subject, component)
      const replaced = error === undefined ? plan?.replaced : undefined
      const look = { collisions, ...(replaced === undefined ? {} : { replaced }) }
      const { status, recheckAt } = computeStatus(set, observed, look, now)
      await unlessGone(writeStatus(client, statefulSets, set, status, signal))
      if (error !== undefined) throw error
      const live = new Set([current.name, update.name, ...owned.map(revisionOf)])
      const limit = set.spec.revisionHistoryLimit
      const isLive = ({ metadata }: ControllerRevision): boolean => live.has(metadata.name)
      await deleteRevisions(client, planSurplus(history.plan.past, isLive, { limit, counts: 'unused' }), signal)
      const again = Math.min(recheckAt ?? Infinity, trouble?.recheckAt ?? Infinity) - now
      const after = Math.min(again, upToDate ? Infinity : recheckExpectations)
      return after === Infinity ? undefined : { after }
    },
  }
}

function readRevision(revision: ControllerRevision): Revision {
  return { name: revision.metadata.name, template: templateOf(revision) }
}
