/**
 * The controllers at scale, over simulated nodes in one process: a Deployment of ten thousand replicas made and rolled, and a
 * namespace with ten thousand objects deleted, in real time; a day of a hundred nodes with failures in simulated time.
 */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { deployments } from '#api/apps/v1/deployment.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Patch } from '#client/client.ts'
import { isAbort } from '#lib/async/abort.ts'
import { systemClock } from '#lib/clock.ts'
import { runComponents } from '#lib/component.ts'
import { systemRandom } from '#lib/random.ts'
import { isReason } from '#machinery/status.ts'
import { clusterParts, type ClusterParts } from '#simulation/clusterParts.ts'
import { simulatedNodeSpecs } from '#simulation/simulatedNodeSpecs.ts'
import { openMemoryStore } from '#storage/memory.ts'
import type { Measurement } from './measurement.ts'
import { simulateDay } from './simulatedDay.ts'

const replicas = 10_000
const nodeCount = 200

/** Each in a process of its own, so that one leaves nothing to the other. */
export async function run(): Promise<Measurement[]> {
  const measurements: Measurement[] = []
  for (const what of Object.keys(parts)) {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'measure', what], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    measurements.push(...(JSON.parse(await text(child.stdout)) as Measurement[]))
  }
  return measurements
}

const parts: Readonly<Record<string, () => Promise<Measurement[]>>> = {
  deployment: () => withCluster(nodeCount, rollDeployment),
  namespace: () => withCluster(10, deleteNamespace),
  day: simulateDay,
}

/** Runs a cluster in real time for one measurement; its nodes are ready. */
async function withCluster(
  count: number,
  measure: (cluster: ClusterParts) => Promise<Measurement[]>,
): Promise<Measurement[]> {
  const store = openMemoryStore()
  const cluster = clusterParts(
    { nodes: simulatedNodeSpecs({ count }) },
    {
      store,
      clock: systemClock,
      random: systemRandom,
      report: (problem, error) => console.error(problem, error instanceof Error ? error.message : (error ?? '')),
      onBug: (error) => console.error(error),
    },
  )
  const abort = new AbortController()
  const ended = runComponents(cluster.components, abort.signal)
  const copies = cluster.informers.of(nodes)
  const isFree = (taints: readonly unknown[] | undefined): boolean => (taints ?? []).length === 0
  await until(() => copies.list({ matches: ({ spec }) => isFree(spec.taints) }).length >= count)
  const measurements = await measure(cluster)
  abort.abort()
  await ended.catch((error: unknown) => {
    if (!isAbort(error)) throw error
  })
  await store[Symbol.asyncDispose]()
  return measurements
}

/** Looks again and again; resolves with how many seconds it took. */
async function until(holds: () => boolean | Promise<boolean>): Promise<number> {
  const began = performance.now()
  while (!(await holds())) await systemClock.sleep(20)
  return (performance.now() - began) / 1_000
}

/** How many seconds of processor time `work` took. */
async function withWork<T>(work: () => Promise<T>): Promise<[T, number]> {
  const before = process.cpuUsage()
  const result = await work()
  const { user, system } = process.cpuUsage(before)
  return [result, (user + system) / 1e6]
}

async function rollDeployment({ client, informers }: ClusterParts): Promise<Measurement[]> {
  const metadata = { name: 'web', namespace: 'default' }
  const labels = { app: 'web' }
  const selector = { matchLabels: labels }
  const template = (image: string) => ({ metadata: { labels }, spec: { containers: [{ name: 'web', image }] } })
  const podCopies = informers.of(pods)
  const isDone = async (): Promise<boolean> => {
    const { metadata: seen, status = {} } = await client.get(deployments, metadata)
    return (
      status.observedGeneration === seen.generation &&
      status.updatedReplicas === replicas &&
      status.availableReplicas === replicas &&
      status.replicas === replicas
    )
  }
  const began = performance.now()
  const [created, createWork] = await withWork(async () => {
    await client.create(deployments, { metadata, spec: { replicas: 0, selector, template: template('web:1') } })
    await client.patch(deployments, metadata, { type: 'merge', body: { spec: { replicas } } })
    return until(() => podCopies.list().length >= replicas)
  })
  await until(isDone)
  const running = (performance.now() - began) / 1_000
  const patch: Patch = { type: 'merge', body: { spec: { template: template('web:2') } } }
  await client.patch(deployments, metadata, patch)
  const [rolled, rollWork] = await withWork(() => until(isDone))
  return [
    { name: `Deployment 0 → ${replicas}: pods created`, value: created, unit: 's', goal: { atMost: 5 } },
    { name: 'processor time for that', value: createWork, unit: 's' },
    { name: 'all of them available', value: running, unit: 's' },
    { name: `Deployment of ${replicas} rolled`, value: rolled, unit: 's', goal: { atMost: 15 } },
    { name: 'processor time for that', value: rollWork, unit: 's' },
  ]
}

async function deleteNamespace({ client }: ClusterParts): Promise<Measurement[]> {
  const name = 'full'
  await client.create(namespaces, { metadata: { name } })
  const data = { key: 'value' }
  const batch = 100
  for (let from = 0; from < replicas; from += batch) {
    await Promise.all(
      Array.from({ length: batch }, (_, at) =>
        client.create(configMaps, { metadata: { name: `map-${from + at}`, namespace: name }, data }),
      ),
    )
  }
  const [took, work] = await withWork(async () => {
    await client.delete(namespaces, { name })
    return until(() =>
      client.get(namespaces, { name }).then(
        () => false,
        (error: unknown) => isReason(error, 'NotFound'),
      ),
    )
  })
  return [
    { name: `namespace with ${replicas} objects deleted`, value: took, unit: 's', goal: { atMost: 5 } },
    { name: 'processor time for that', value: work, unit: 's' },
  ]
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === 'measure') {
  console.log(JSON.stringify(await parts[process.argv[3]!]!()))
}
