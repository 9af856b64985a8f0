/** For tests: a StatefulSet of three pods, its pods of two revisions, and its claims. */
import type { StatefulSet, StatefulSetSpec, StatefulSetStatus } from '#api/apps/v1/statefulSet.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { OwnerReference } from '#api/meta/v1/objectMeta.ts'
import { timeText } from '#machinery/time.ts'
import { podFor, type Revision } from './identity.ts'
import type { Observed } from './plan.ts'

export const now = Date.UTC(2026, 0, 1, 12)
export const ago = (seconds: number): string => timeText(now - seconds * 1000)

export const revision = (name: string): Revision => ({
  name,
  template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: name }] } },
})
export const current = revision('web-old')
export const update = revision('web-new')

export const volumeClaimTemplates: PersistentVolumeClaim[] = [
  {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', labels: { kind: 'data' } },
    spec: { accessModes: ['ReadWriteOnce'] },
  },
]

export function setOf(spec: Partial<StatefulSetSpec> = {}, status?: StatefulSetStatus, ending = false): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'set',
      generation: 4,
      ...(ending ? { deletionTimestamp: ago(1) } : {}),
    },
    spec: {
      replicas: 3,
      serviceName: 'web',
      selector: { matchLabels: { app: 'web' } },
      template: update.template,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  }
}

interface PodShape {
  readonly of?: Revision
  readonly phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed'
  readonly ready?: number | false
  readonly ending?: true
  readonly label?: string
  readonly in?: StatefulSet
}

export function pod(ordinal: number, shape: PodShape = {}): Pod {
  const { of = update, phase = 'Running', ready = phase === 'Running' ? 60 : false, ending, label } = shape
  const { metadata, spec } = podFor(shape.in ?? setOf(), of, ordinal)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      namespace: 'default',
      uid: `pod-${ordinal}`,
      labels: { ...metadata.labels, ...(label === undefined ? {} : { 'statefulset.kubernetes.io/pod-name': label }) },
      ...(ending === undefined ? {} : { deletionTimestamp: ago(1) }),
    },
    spec,
    status: {
      phase,
      conditions: [
        ready === false
          ? { type: 'Ready', status: 'False' }
          : { type: 'Ready', status: 'True', lastTransitionTime: ago(ready) },
      ],
    },
  }
}

export const old = (ordinal: number, shape: PodShape = {}): Pod => pod(ordinal, { of: current, ...shape })

export function claim(
  name: string,
  ownerReferences: readonly OwnerReference[] = [],
  ending = false,
): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, ownerReferences: [...ownerReferences], ...(ending ? { deletionTimestamp: ago(1) } : {}) },
    spec: {},
  }
}

export const observe = (pods: readonly Pod[], claims: readonly PersistentVolumeClaim[] = []): Observed => ({
  pods,
  claimAt: (name) => claims.find(({ metadata }) => metadata.name === name),
  current,
  update,
})

export const three = [pod(0), pod(1), pod(2)]
export const withClaims = setOf({ volumeClaimTemplates })
export const podOwner = (uid: string): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'Pod',
  name: 'web-0',
  uid,
  controller: true,
})
