/** Deployments through every fault at each write of their controllers; `FAULT_STRIDE=1` walks them all. */
import { test } from 'node:test'
import { deployments, type Deployment } from '#api/apps/v1/deployment.ts'
import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Draft } from '#client/client.ts'
import { deploymentController } from '#controllers/deployment/controller.ts'
import { replicaSetController } from '#controllers/replicaSet/controller.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { faultStride, walkFaults, type Stage } from './faultWalk.ts'

const namespace = 'default'
const web = { name: 'web', namespace }
const labels = { app: 'web' }

function deployment(spec: Partial<Deployment['spec']> = {}): Draft<Deployment> {
  return {
    metadata: web,
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
      ...spec,
    },
  }
}

const image = (tag: string) =>
  ({
    type: 'strategic',
    body: { spec: { template: { spec: { containers: [{ name: 'web', image: `web:${tag}` }] } } } },
  }) as const

const isReady = ({ status }: Pod): boolean => conditionOf(status?.conditions, 'Ready')?.status === 'True'
const owned = ({ all }: Stage): readonly Pod[] =>
  all(pods).filter(
    ({ metadata, status }) =>
      metadata.ownerReferences?.[0]?.kind === 'ReplicaSet' &&
      metadata.deletionTimestamp === undefined &&
      status?.phase !== 'Failed',
  )

function isRolledOut(stage: Stage, replicas: number, tag: string): boolean {
  const [found] = stage.all(deployments)
  const { metadata, status = {} } = found!
  return (
    status.observedGeneration === metadata.generation &&
    status.replicas === replicas &&
    status.updatedReplicas === replicas &&
    status.availableReplicas === replicas &&
    stage.all(pods).filter(({ metadata: { deletionTimestamp } }) => deletionTimestamp !== undefined).length === 0 &&
    owned(stage).length === replicas &&
    owned(stage).every(({ spec }) => spec.containers[0]!.image === `web:${tag}`)
  )
}

/** The number of pods that a step may have at most and must have ready at least. */
const bounds: Readonly<Record<string, readonly [least: number, most: number]>> = {
  create: [0, 3],
  roll: [2, 4],
  'scale up': [3, 5],
  undo: [4, 6],
  'scale down': [2, 5],
}

test('a Deployment is created, rolled, scaled and undone through every fault', async (t) => {
  const { writes, plays } = await walkFaults(
    {
      name: 'Deployment',
      controllers: [deploymentController, replicaSetController],
      kinds: [deployments, replicaSets, pods],
      async foreign({ cluster: { client } }) {
        const owner = await client.create(configMaps, { metadata: { name: 'somebody', namespace } })
        const { template } = deployment().spec
        const reference = {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          name: 'somebody',
          uid: owner.metadata.uid!,
          controller: true,
        }
        const metadata = { name: 'web-foreign', namespace, labels, ownerReferences: [reference] }
        return [
          await client.create(pods, {
            metadata: metadata,
            spec: template.spec,
          }),
          await client.create(pods, {
            metadata: { name: 'other', namespace, labels: { app: 'other' } },
            spec: template.spec,
          }),
        ]
      },
      steps: [
        {
          does: 'create',
          act: ({ cluster }) => cluster.client.create(deployments, deployment()),
          isDone: (stage) => isRolledOut(stage, 3, '1'),
        },
        {
          does: 'roll',
          act: ({ cluster }) => cluster.client.patch(deployments, web, image('2')),
          isDone: (stage) => isRolledOut(stage, 3, '2'),
        },
        {
          does: 'scale up',
          act: ({ cluster }) =>
            cluster.client.patch(deployments, web, { type: 'merge', body: { spec: { replicas: 5 } } }),
          isDone: (stage) => isRolledOut(stage, 5, '2'),
        },
        {
          does: 'undo',
          act: ({ cluster }) => cluster.client.patch(deployments, web, image('1')),
          isDone: (stage) => isRolledOut(stage, 5, '1'),
        },
        {
          does: 'scale down',
          act: ({ cluster }) =>
            cluster.client.patch(deployments, web, { type: 'merge', body: { spec: { replicas: 2 } } }),
          isDone: (stage) => isRolledOut(stage, 2, '1'),
        },
      ],
      wrong(stage, step) {
        const [least, most] = bounds[step] ?? [0, 5]
        const here = owned(stage)
        const ready = here.filter(isReady).length
        return here.length > most || ready < least ? `${here.length} pods, ${ready} ready` : undefined
      },
    },
    faultStride(97),
  )
  t.diagnostic(`${writes} writes, ${plays} plays`)
})
