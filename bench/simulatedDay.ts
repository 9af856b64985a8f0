/** A day of a hundred nodes in simulated time: cron jobs, the traffic of a day with autoscaling, machines and processes that fail. */
import { deployments } from '#api/apps/v1/deployment.ts'
import { horizontalPodAutoscalers } from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import { cronJobs } from '#api/batch/v1/cronJob.ts'
import { jobs } from '#api/batch/v1/job.ts'
import { pods } from '#api/core/v1/pod.ts'
import { services } from '#api/core/v1/service.ts'
import { cluster, type Behaviours, type Cluster } from '#simulation/library.ts'
import type { Measurement } from './measurement.ts'

const shops = 3
const reports = 10
const failures = 12
const namespace = 'default'

const behaviours: Behaviours = Object.fromEntries([
  ...Array.from({ length: shops }, (_, at) => [
    `shop-${at}`,
    { startAfter: '4s', readyAfter: '6s', cpuPerRequest: '1m' },
  ]),
  ...Array.from({ length: reports }, (_, at) => [`report-${at}`, { exitAfter: `${20 + at * 7}s` }]),
])

async function furnish({ client }: Cluster): Promise<void> {
  for (let at = 0; at < shops; at++) {
    const name = `shop-${at}`
    const labels = { app: name }
    const resources = { requests: { cpu: '200m' } }
    await client.create(deployments, {
      metadata: { name, namespace },
      spec: {
        replicas: 3,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'shop', image: 'shop:1', resources }] } },
      },
    })
    await client.create(services, {
      metadata: { name, namespace, annotations: { 'simulation.k8ts.dev/traffic': '100..3000 every 24h' } },
      spec: { selector: labels, ports: [{ port: 80 }] },
    })
    await client.create(horizontalPodAutoscalers, {
      metadata: { name, namespace },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        minReplicas: 2,
        maxReplicas: 40,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
        ],
      },
    })
  }
  for (let at = 0; at < reports; at++) {
    await client.create(cronJobs, {
      metadata: { name: `report-${at}`, namespace },
      spec: {
        schedule: at % 4 === 0 ? '*/10 * * * *' : `${at} * * * *`,
        jobTemplate: {
          spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'report', image: 'report:1' }] } } },
        },
      },
    })
  }
}

export async function simulateDay(): Promise<Measurement[]> {
  await using it = await cluster({ nodes: 100, behaviours, tell: 'warnings' })
  let made = 0
  let most = 0
  let runs = 0
  it.informers.of(pods).onChange(({ old }) => (made += Number(old === undefined)))
  it.informers.of(jobs).onChange(({ old }) => (runs += Number(old === undefined)))
  await furnish(it)
  await it.advance('1m')
  const [began, before] = [performance.now(), process.cpuUsage()]
  for (let hour = 0; hour < 24; hour++) {
    const node = `node-${1 + hour * 4}`
    if (hour % 2 === 0) it.nodes.turnOff(node)
    await it.advance('20m')
    if (hour % 2 === 0) it.nodes.turnOn(node)
    const running = (await it.client.list(pods, { namespace })).items.filter(
      ({ metadata, status }) => status?.phase === 'Running' && metadata.deletionTimestamp === undefined,
    )
    most = Math.max(most, running.length)
    it.crash(running[0]!.metadata)
    await it.advance('40m')
  }
  const seconds = (performance.now() - began) / 1_000
  const { user, system } = process.cpuUsage(before)
  return [
    { name: 'a simulated day of 100 nodes', value: seconds, unit: 's', goal: { atMost: 5 } },
    { name: 'processor time for that', value: (user + system) / 1e6, unit: 's' },
    { name: 'pods made in it', value: made, unit: 'pods' },
    { name: 'most pods at once', value: most, unit: 'pods' },
    { name: 'jobs run in it', value: runs, unit: 'jobs' },
    { name: 'machines that failed in it', value: failures, unit: 'machines' },
  ]
}
