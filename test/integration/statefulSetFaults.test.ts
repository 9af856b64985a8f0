/** StatefulSets and DaemonSets through every fault at each write of their controllers; `FAULT_STRIDE=1` walks them all. */
import { test } from 'node:test'
import { controllerRevisions } from '#api/apps/v1/controllerRevision.ts'
import { daemonSets, type DaemonSet } from '#api/apps/v1/daemonSet.ts'
import { statefulSets, type StatefulSet } from '#api/apps/v1/statefulSet.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import { nodes } from '#api/core/v1/node.ts'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { KubeObject } from '#api/resource.ts'
import type { Draft } from '#client/client.ts'
import { daemonSetController } from '#controllers/daemonSet/controller.ts'
import { isReady } from '#controllers/podAvailability.ts'
import { statefulSetController } from '#controllers/statefulSet/controller.ts'
import { faultStride, walkFaults, type Stage } from './faultWalk.ts'

const namespace = 'default'
const web = { name: 'web', namespace }
const labels = { app: 'web' }
const template: PodTemplateSpec = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:1' }] } }

const image = (tag: string) =>
  ({
    type: 'strategic',
    body: { spec: { template: { spec: { containers: [{ name: 'web', image: `web:${tag}` }] } } } },
  }) as const
const merge = (spec: object) => ({ type: 'merge', body: { spec } }) as const

/** Objects of others that look as if they were the set's: a pod with its labels and a claim with its names. */
async function foreign({ cluster: { client } }: Stage): Promise<readonly KubeObject[]> {
  const owner = await client.create(configMaps, { metadata: { name: 'somebody', namespace } })
  const { uid = '' } = owner.metadata
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'somebody', uid, controller: true }]
  const metadata = { name: 'web-foreign', namespace, labels, ownerReferences }
  return [
    await client.create(pods, { metadata, spec: template.spec }),
    await client.create(persistentVolumeClaims, {
      metadata: { name: 'other-web-0', namespace, labels },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: 'none' },
    }),
  ]
}

const owned = ({ all }: Stage, kind: string): readonly Pod[] =>
  all(pods).filter(({ metadata }) => metadata.ownerReferences?.[0]?.kind === kind)

function statefulSet(): Draft<StatefulSet> {
  return {
    metadata: web,
    spec: {
      replicas: 3,
      serviceName: 'web',
      selector: { matchLabels: labels },
      revisionHistoryLimit: 0,
      template,
      persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Retain' },
    },
  }
}

const claimTemplate = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data' },
  spec: {
    accessModes: ['ReadWriteOnce' as const],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: 'none',
  },
}

function areSettled(stage: Stage, replicas: number, tag: string): boolean {
  const [found] = stage.all(statefulSets)
  const { metadata, status } = found!
  const mine = owned(stage, 'StatefulSet')
  return (
    status?.observedGeneration === metadata.generation &&
    status?.replicas === replicas &&
    (status.availableReplicas ?? 0) === replicas &&
    status.currentRevision === status.updateRevision &&
    mine.length === replicas &&
    mine.every(({ metadata: { deletionTimestamp }, spec }) => {
      return deletionTimestamp === undefined && spec.containers[0]!.image === `web:${tag}`
    })
  )
}

/** No number may have two pods, and none may come while a lower one is not ready. */
function brokenOrder(stage: Stage): string | undefined {
  const mine = owned(stage, 'StatefulSet')
  const containers = mine.flatMap(({ metadata, status }) =>
    (status?.containerStatuses ?? []).filter(({ state }) => state?.running !== undefined).map(() => metadata.name),
  )
  if (new Set(containers).size < containers.length) return `runs twice: ${containers.join()}`
  return undefined
}

test('a StatefulSet is created, rolled, scaled and undone through every fault', async (t) => {
  const { writes, plays } = await walkFaults(
    {
      name: 'StatefulSet',
      controllers: [statefulSetController],
      kinds: [statefulSets, controllerRevisions, pods, persistentVolumeClaims],
      foreign,
      steps: [
        {
          does: 'create',
          act: ({ cluster }) => cluster.client.create(statefulSets, statefulSet()),
          isDone: (stage) => areSettled(stage, 3, '1'),
        },
        {
          does: 'roll',
          act: ({ cluster }) => cluster.client.patch(statefulSets, web, image('2')),
          isDone: (stage) => areSettled(stage, 3, '2'),
        },
        {
          does: 'scale down',
          act: ({ cluster }) => cluster.client.patch(statefulSets, web, merge({ replicas: 1 })),
          isDone: (stage) => areSettled(stage, 1, '2'),
        },
        {
          does: 'scale up',
          act: ({ cluster }) => cluster.client.patch(statefulSets, web, merge({ replicas: 2 })),
          isDone: (stage) => areSettled(stage, 2, '2'),
        },
        {
          does: 'undo',
          act: ({ cluster }) => cluster.client.patch(statefulSets, web, image('1')),
          isDone: (stage) => areSettled(stage, 2, '1'),
        },
      ],
      wrong: brokenOrder,
    },
    faultStride(89),
  )
  t.diagnostic(`${writes} writes, ${plays} plays`)
})

test('claims of a StatefulSet come and go with its pods through every fault', async (t) => {
  const names = (stage: Stage): string =>
    stage
      .all(persistentVolumeClaims)
      .map(({ metadata }) => metadata.name)
      .filter((name) => name.startsWith('data-'))
      .toSorted()
      .join()
  const numbers = (stage: Stage): string =>
    owned(stage, 'StatefulSet')
      .map(({ metadata }) => metadata.name)
      .toSorted()
      .join()
  const isDone = (count: number) => (stage: Stage) => {
    const wanted = Array.from({ length: count }, (_, ordinal) => ordinal)
    return (
      names(stage) === wanted.map((ordinal) => `data-web-${ordinal}`).join() &&
      numbers(stage) === wanted.map((ordinal) => `web-${ordinal}`).join() &&
      stage.all(statefulSets)[0]!.status?.replicas === count
    )
  }
  // No node has this label: the pods wait, as they do for claims that nothing binds.
  const nowhere = { ...template, spec: { ...template.spec, nodeSelector: { is: 'nowhere' } } }
  const spec = { ...statefulSet().spec, template: nowhere, volumeClaimTemplates: [claimTemplate] }
  const { writes, plays } = await walkFaults(
    {
      name: 'StatefulSet with claims',
      controllers: [statefulSetController],
      kinds: [statefulSets, controllerRevisions, persistentVolumeClaims],
      others: ['pvc-protection-controller'],
      foreign,
      steps: [
        {
          does: 'create',
          act: ({ cluster }) =>
            cluster.client.create(statefulSets, {
              metadata: web,
              spec: { ...spec, podManagementPolicy: 'Parallel' },
            }),
          isDone: isDone(3),
        },
        {
          does: 'scale down',
          act: ({ cluster }) => cluster.client.patch(statefulSets, web, merge({ replicas: 1 })),
          isDone: isDone(1),
        },
        {
          does: 'scale up',
          act: ({ cluster }) => cluster.client.patch(statefulSets, web, merge({ replicas: 2 })),
          isDone: isDone(2),
        },
      ],
    },
    faultStride(71),
  )
  t.diagnostic(`${writes} writes, ${plays} plays`)
})

function isEverywhere(stage: Stage, count: number, tag: string): boolean {
  const [found] = stage.all(daemonSets)
  const { metadata, status } = found!
  const mine = owned(stage, 'DaemonSet')
  return (
    status?.observedGeneration === metadata.generation &&
    status?.desiredNumberScheduled === count &&
    status.updatedNumberScheduled === count &&
    status.numberAvailable === count &&
    mine.length === count &&
    mine.every(({ spec }) => spec.containers[0]!.image === `web:${tag}`)
  )
}

test('a DaemonSet is created, rolled, kept from a node and undone through every fault', async (t) => {
  const set: Draft<DaemonSet> = { metadata: web, spec: { selector: { matchLabels: labels }, template } }
  const taint = (stage: Stage, taints: readonly object[] | null): Promise<unknown> =>
    stage.cluster.client.patch(nodes, { name: 'simulated-1' }, { type: 'merge', body: { spec: { taints } } })
  const { writes, plays } = await walkFaults(
    {
      name: 'DaemonSet',
      controllers: [daemonSetController],
      kinds: [daemonSets, controllerRevisions, pods],
      cluster: { nodes: 3 },
      foreign,
      steps: [
        {
          does: 'create',
          act: ({ cluster }) => cluster.client.create(daemonSets, set),
          isDone: (stage) => isEverywhere(stage, 3, '1'),
        },
        {
          does: 'roll',
          act: ({ cluster }) => cluster.client.patch(daemonSets, web, image('2')),
          isDone: (stage) => isEverywhere(stage, 3, '2'),
        },
        {
          does: 'taint',
          act: (stage) => taint(stage, [{ key: 'k', effect: 'NoExecute' }]),
          isDone: (stage) => isEverywhere(stage, 2, '2'),
        },
        { does: 'untaint', act: (stage) => taint(stage, null), isDone: (stage) => isEverywhere(stage, 3, '2') },
        {
          does: 'undo',
          act: ({ cluster }) => cluster.client.patch(daemonSets, web, image('1')),
          isDone: (stage) => isEverywhere(stage, 3, '1'),
        },
      ],
      wrong(stage, step) {
        const mine = owned(stage, 'DaemonSet')
        const ready = mine.filter(isReady).length
        const byNode = Map.groupBy(mine, ({ spec }) => spec.nodeName ?? '')
        byNode.delete('')
        const crowd = Math.max(0, ...byNode.values().map((there) => there.length))
        const least = step === 'roll' || step === 'undo' ? 2 : 0
        return crowd > 1 || ready < least ? `${ready} ready, ${crowd} on a node` : undefined
      },
    },
    faultStride(71),
  )
  t.diagnostic(`${writes} writes, ${plays} plays`)
})
