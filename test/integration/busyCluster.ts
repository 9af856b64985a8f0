/** A whole cluster in which there is something to do for every controller that counts what it does. */
import { validatingAdmissionPolicies } from '#api/admissionregistration/v1/validatingAdmissionPolicy.ts'
import { validatingAdmissionPolicyBindings } from '#api/admissionregistration/v1/validatingAdmissionPolicyBinding.ts'
import { deployments } from '#api/apps/v1/deployment.ts'
import { horizontalPodAutoscalers } from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import { cronJobs } from '#api/batch/v1/cronJob.ts'
import { jobs, type JobSpec } from '#api/batch/v1/job.ts'
import { endpoints } from '#api/core/v1/endpoints.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import { services } from '#api/core/v1/service.ts'
import { simulatedCluster, type SimulatedCluster } from '#simulation/simulatedCluster.ts'

const namespace = 'default'
const at = (name: string) => ({ name, namespace })
const container = { name: 'c', image: 'i', resources: { requests: { cpu: '100m' } } }

/** Pods whose containers end after a second with this code, or run on. */
function template(exitCode?: number, labels: Record<string, string> = {}): PodTemplateSpec {
  const annotations: Record<string, string> =
    exitCode === undefined
      ? {}
      : { 'simulation.k8ts.dev/exit-after': '1s', 'simulation.k8ts.dev/exit-code': String(exitCode) }
  const restartPolicy = exitCode === undefined ? 'Always' : 'Never'
  return { metadata: { annotations, labels }, spec: { restartPolicy, containers: [container] } }
}

/** Half an hour after all of it was asked for. */
export async function busyCluster(): Promise<SimulatedCluster> {
  const cluster = await simulatedCluster({ nodes: 3 })
  await askForPods(cluster)
  await askForTooMuch(cluster)
  await askForServices(cluster)
  await askForJobs(cluster)
  await askForVolumes(cluster)
  await leavePodsBehind(cluster)
  await cluster.clock.advance('20m')
  await cluster.client.patch(deployments, at('web'), { type: 'merge', body: { spec: { replicas: 1 } } })
  await cluster.clock.advance('10m')
  return cluster
}

async function askForPods({ client }: SimulatedCluster): Promise<void> {
  const labels = { app: 'web' }
  const spec = { replicas: 3, selector: { matchLabels: labels }, template: template(undefined, labels) }
  await client.create(deployments, { metadata: at('web'), spec })
  const resting = { app: 'resting' }
  await client.create(deployments, {
    metadata: at('resting'),
    spec: { replicas: 2, selector: { matchLabels: resting }, template: template(undefined, resting) },
  })
  await client.create(horizontalPodAutoscalers, {
    metadata: at('resting'),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'resting' },
      minReplicas: 1,
      maxReplicas: 3,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
      ],
    },
  })
}

/** One that fits nowhere. */
async function askForTooMuch({ client }: SimulatedCluster): Promise<void> {
  const resources = { requests: { cpu: '1000' } }
  await client.create(pods, { metadata: at('huge'), spec: { containers: [{ ...container, resources }] } })
}

async function askForServices({ client }: SimulatedCluster): Promise<void> {
  const ports = [{ port: 80 }]
  await client.create(services, {
    metadata: at('web'),
    spec: { selector: { app: 'web' }, ports, trafficDistribution: 'PreferSameZone' },
  })
  await client.create(services, { metadata: at('outside'), spec: { ports } })
  const subset = { addresses: [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }], ports: [{ port: 80 }] }
  await client.create(endpoints, { metadata: at('outside'), subsets: [subset] })
}

async function askForJobs({ client }: SimulatedCluster): Promise<void> {
  const create = (name: string, spec: Partial<JobSpec>) =>
    client.create(jobs, { metadata: at(name), spec: { template: template(0), ...spec } })
  await create('passing', { completions: 2, parallelism: 1, ttlSecondsAfterFinished: 60 })
  const rules = [{ action: 'Ignore' as const, onExitCodes: { operator: 'In' as const, values: [7] } }]
  await create('failing', { template: template(3), backoffLimit: 0, podFailurePolicy: { rules } })
  const failsAtOnce = [{ action: 'FailJob' as const, onExitCodes: { operator: 'In' as const, values: [3] } }]
  await create('hopeless', { template: template(3), podFailurePolicy: { rules: failsAtOnce } })
  await create('indexed', {
    template: template(3),
    completionMode: 'Indexed',
    completions: 2,
    parallelism: 2,
    backoffLimitPerIndex: 0,
  })
  await create('foreign', { managedBy: 'example.com/queue' })
  await client.create(cronJobs, {
    metadata: at('hourly'),
    spec: { schedule: '*/10 * * * *', jobTemplate: { spec: { template: template(0) } } },
  })
}

async function askForVolumes({ client }: SimulatedCluster): Promise<void> {
  const storage = (amount: string) => ({ storage: amount })
  for (const [name, amount] of [
    ['small', '1Gi'],
    ['large', '9Gi'],
  ] as const) {
    await client.create(persistentVolumes, {
      metadata: { name },
      spec: {
        capacity: storage(amount),
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'by-hand',
        hostPath: { path: `/srv/${name}` },
      },
    })
  }
  for (const [name, amount] of [
    ['fitting', '1Gi'],
    ['waiting', '99Gi'],
  ] as const) {
    await client.create(persistentVolumeClaims, {
      metadata: at(name),
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'by-hand',
        resources: { requests: storage(amount) },
      },
    })
  }
}

/** Pods that nobody will ever place, that are to go and cannot: one for its finalizer, the other because it is kept. */
async function leavePodsBehind({ client }: SimulatedCluster): Promise<void> {
  await client.create(validatingAdmissionPolicies, {
    metadata: { name: 'keep' },
    spec: {
      matchConstraints: {
        resourceRules: [{ operations: ['DELETE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
      },
      matchConditions: [
        { name: 'collector', expression: "request.userInfo.username.endsWith('pod-garbage-collector')" },
      ],
      validations: [{ expression: "oldObject.metadata.name != 'kept'" }],
    },
  })
  await client.create(validatingAdmissionPolicyBindings, {
    metadata: { name: 'keep' },
    spec: { policyName: 'keep', validationActions: ['Deny'] },
  })
  for (const name of ['held', 'kept']) {
    await client.create(pods, {
      metadata: { ...at(name), finalizers: ['example.com/hold'] },
      spec: { schedulerName: 'nobody', containers: [container] },
    })
    await client.delete(pods, at(name))
  }
}
