/** A cluster with every kind of workload: once all is as asked, nobody writes anything but leases. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { podDisruptionBudgets } from '#api/policy/v1/podDisruptionBudget.ts'
import { cronJobs } from '#api/batch/v1/cronJob.ts'
import { deployments } from '#api/apps/v1/deployment.ts'
import { horizontalPodAutoscalers } from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import { jobs } from '#api/batch/v1/job.ts'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods } from '#api/core/v1/pod.ts'
import { resourceQuotas } from '#api/core/v1/resourceQuota.ts'
import { statefulSets } from '#api/apps/v1/statefulSet.ts'
import { daemonSets } from '#api/apps/v1/daemonSet.ts'
import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import { simulatedCluster, type SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { applyManifest } from '#simulation/testing/manifests.ts'

const namespace = 'default'

const manifest = `
apiVersion: v1
kind: ResourceQuota
metadata: { name: team }
spec: { hard: { pods: '50', requests.cpu: '20', persistentvolumeclaims: '10' } }
---
apiVersion: v1
kind: LimitRange
metadata: { name: usual }
spec: { limits: [{ type: Container, defaultRequest: { cpu: 50m }, default: { cpu: 200m } }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web }, annotations: { simulation.k8ts.dev/cpu: 25m } }
    spec: { containers: [{ name: web, image: 'web:1' }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web }
spec: { minAvailable: 2, selector: { matchLabels: { app: web } } }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: web }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }
  minReplicas: 3
  maxReplicas: 6
  metrics: [{ type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 50 } } }]
---
apiVersion: v1
kind: Service
metadata: { name: db }
spec: { clusterIP: None, selector: { app: db }, ports: [{ port: 5432 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec:
  replicas: 2
  serviceName: db
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec: { containers: [{ name: db, image: 'db:1', volumeMounts: [{ name: data, mountPath: /data }] }] }
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec: { containers: [{ name: agent, image: 'agent:1' }] }
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: { name: lone }
spec:
  replicas: 1
  selector: { matchLabels: { app: lone } }
  template:
    metadata: { labels: { app: lone } }
    spec: { containers: [{ name: lone, image: 'lone:1' }] }
---
apiVersion: batch/v1
kind: Job
metadata: { name: once }
spec:
  completions: 2
  template:
    metadata: { annotations: { simulation.k8ts.dev/exit-after: 10s } }
    spec: { restartPolicy: Never, containers: [{ name: once, image: 'once:1' }] }
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec:
  schedule: '* * * * *'
  suspend: true
  jobTemplate:
    spec: { template: { spec: { restartPolicy: Never, containers: [{ name: nightly, image: 'nightly:1' }] } } }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: waits-for-a-pod }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: no-such-class }
spec: { storageClassName: none, accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
---
apiVersion: v1
kind: Pod
metadata: { name: too-large }
spec: { containers: [{ name: a, image: 'a:1', resources: { requests: { memory: 900Ti } } }] }
---
apiVersion: v1
kind: Pod
metadata: { name: broken }
spec:
  containers: [{ name: a, image: 'a:1' }]
  nodeSelector: { nowhere: 'true' }
`

/** Whether all is as asked, so that nothing is left to be done. */
async function isSettled({ client }: SimulatedCluster): Promise<boolean> {
  const [deployment] = (await client.list(deployments)).items
  const [stateful] = (await client.list(statefulSets)).items
  const [daemon] = (await client.list(daemonSets)).items
  const [autoscaler] = (await client.list(horizontalPodAutoscalers)).items
  const [budget] = (await client.list(podDisruptionBudgets)).items
  const [quota] = (await client.list(resourceQuotas)).items
  const lone = (await client.list(replicaSets)).items.find(({ metadata }) => metadata.name === 'lone')
  const [job] = (await client.list(jobs)).items
  return (
    deployment?.status?.availableReplicas === 3 &&
    stateful?.status?.availableReplicas === 2 &&
    daemon?.status?.numberAvailable === 3 &&
    autoscaler?.status?.currentReplicas === 3 &&
    autoscaler.status.conditions?.some(({ type, status }) => type === 'ScalingActive' && status === 'True') === true &&
    budget?.status?.disruptionsAllowed === 1 &&
    quota?.status?.used?.['pods'] === '11' &&
    lone?.status?.readyReplicas === 1 &&
    job?.status?.succeeded === 2
  )
}

test('with every kind of workload nobody writes at rest: no revisions in two hours but those of leases', async () => {
  await using it = await simulatedCluster({ nodes: 3, heartbeats: 'directly' })
  const { clock } = it
  await clock.advance('10s')
  await applyManifest(it.client, manifest, namespace, async () => false)
  await it.until(() => isSettled(it), '10m')
  // Events end after an hour by themselves, and what repeats is told ever more seldom.
  await clock.advance('90m')
  assert.ok(await isSettled(it))
  assert.equal((await it.client.list(cronJobs)).items[0]?.status?.lastScheduleTime, undefined)
  const claims = (await it.client.list(persistentVolumeClaims)).items.map(({ metadata, status }) => [
    metadata.name,
    status?.phase,
  ])
  assert.deepEqual(claims, [
    ['data-db-0', 'Bound'],
    ['data-db-1', 'Bound'],
    ['no-such-class', 'Pending'],
    ['waits-for-a-pod', 'Pending'],
  ])
  const pending = (await it.client.list(pods, { namespace })).items.filter(({ status }) => status?.phase === 'Pending')
  assert.deepEqual(
    pending.map(({ metadata }) => metadata.name),
    ['broken', 'too-large'],
  )
  const changed = new Map<string, number>()
  const abort = new AbortController()
  const before = await it.store.revision()
  const following = (async () => {
    for await (const { events: changes } of it.store.watch('/registry/', before, abort.signal)) {
      for (const { key } of changes) changed.set(key, (changed.get(key) ?? 0) + 1)
    }
  })()
  await clock.advance('2h')
  abort.abort()
  await following
  const written = [...changed].filter(([key]) => !key.startsWith('/registry/coordination.k8s.io/leases/'))
  // What cannot be as asked is told again and again, as upstream does: in events, and nowhere else.
  const isTold = ([key]: readonly [string, number]): boolean =>
    /^\/registry\/core\/events\/default\/(?:broken|too-large|no-such-class|waits-for-a-pod)\./.test(key)
  assert.deepEqual(
    written.filter((each) => !isTold(each)),
    [],
  )
})
