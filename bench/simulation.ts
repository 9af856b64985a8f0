/** A cluster of simulated nodes in one process, in real time: how long until all nodes are ready and all replicas run, and in how much memory. */
import { spawn } from 'node:child_process'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { deployments } from '#api/apps/v1/deployment.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { systemClock } from '#lib/clock.ts'
import { runComponents } from '#lib/component.ts'
import { isAbort } from '#lib/async/abort.ts'
import { systemRandom } from '#lib/random.ts'
import { clusterParts } from '#simulation/clusterParts.ts'
import { simulatedNodeSpecs } from '#simulation/simulatedNodeSpecs.ts'
import { openMemoryStore } from '#storage/memory.ts'
import { type Measurement } from './measurement.ts'

/** How often the event loop is asked how late it is, in milliseconds. */
const delayResolution = 5

interface Size {
  readonly nodes: number
  readonly replicas: number
}

/** Measured in a process of its own, so that the memory is the cluster's alone. */
export async function run(size: Size = { nodes: 1_000, replicas: 10_000 }): Promise<Measurement[]> {
  const arguments_ = [fileURLToPath(import.meta.url), 'measure', String(size.nodes), String(size.replicas)]
  const child = spawn(process.execPath, arguments_, { stdio: ['ignore', 'pipe', 'inherit'] })
  return JSON.parse(await text(child.stdout)) as Measurement[]
}

async function measure(size: Size): Promise<Measurement[]> {
  const began = performance.now()
  const store = openMemoryStore()
  const parts = clusterParts(
    { nodes: simulatedNodeSpecs({ count: size.nodes }) },
    {
      store,
      clock: systemClock,
      random: systemRandom,
      report: (problem, error) => console.error(problem, error instanceof Error ? error.message : (error ?? '')),
      onBug: (error) => console.error(error),
    },
  )
  const abort = new AbortController()
  const ended = runComponents(parts.components, abort.signal)
  const nodeCopies = parts.informers.of(nodes)
  const podCopies = parts.informers.of(pods)
  const until = (wanted: number, counted: () => number): Promise<number> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (counted() >= wanted) resolve(performance.now())
        else systemClock.after(20, look)
      }
      look()
    })
  const isFree = (taints: readonly unknown[] | undefined): boolean => (taints ?? []).length === 0
  const nodesReady = await until(
    size.nodes,
    () => nodeCopies.list({ matches: ({ spec }) => isFree(spec.taints) }).length,
  )
  const atRest = process.memoryUsage().rss

  const { metadata, spec } = {
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: size.replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx:1.27' }] } },
    },
  }
  let running = 0
  let placed = 0
  const isPlaced = ({ spec: { nodeName = '' } }: Pod): boolean => nodeName !== ''
  const isRunning = ({ status }: Pod): boolean =>
    status?.phase === 'Running' &&
    status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true
  podCopies.onChange(({ old, new: pod }) => {
    placed += Number(pod !== undefined && isPlaced(pod)) - Number(old !== undefined && isPlaced(old))
    running += Number(pod !== undefined && isRunning(pod)) - Number(old !== undefined && isRunning(old))
  })
  let placedSoon = 0
  systemClock.after(1_000, () => (placedSoon = placed))
  const delays = monitorEventLoopDelay({ resolution: delayResolution })
  delays.enable()
  const workBefore = process.cpuUsage()
  const revisionBefore = await store.revision()
  const created = performance.now()
  await parts.client.create(deployments, { metadata, spec })
  const allRunning = await until(size.replicas, () => running)
  const work = process.cpuUsage(workBefore)
  delays.disable()
  const written = (await store.revision()) - revisionBefore
  const full = process.memoryUsage().rss
  const cpuBefore = process.cpuUsage()
  const restedFor = 20_000
  const revision = await store.revision()
  await systemClock.sleep(restedFor)
  const cpu = process.cpuUsage(cpuBefore)
  const writes = (await store.revision()) - revision
  abort.abort()
  await ended.catch((error: unknown) => {
    if (!isAbort(error)) throw error
  })
  await store[Symbol.asyncDispose]()
  const seconds = (milliseconds: number): number => milliseconds / 1_000
  const mebibytes = (bytes: number): number => bytes / 2 ** 20
  return [
    { name: `${size.nodes} nodes ready`, value: seconds(nodesReady - began), unit: 's' },
    { name: `memory with ${size.nodes} nodes`, value: mebibytes(atRest), unit: 'MiB' },
    { name: `${size.replicas} replicas running`, value: seconds(allRunning - created), unit: 's' },
    { name: 'pods created, placed and started', value: size.replicas / seconds(allRunning - created), unit: 'pods/s' },
    { name: 'processor time for that', value: (work.user + work.system) / 1e6, unit: 's' },
    { name: 'writes for that', value: written, unit: 'writes' },
    { name: 'placed after a second', value: placedSoon, unit: 'pods' },
    { name: 'turns of the event loop, median', value: delays.percentile(50) / 1e6 - delayResolution, unit: 'ms' },
    { name: 'turns of the event loop, 99 of 100', value: delays.percentile(99) / 1e6 - delayResolution, unit: 'ms' },
    { name: 'longest turn of the event loop', value: delays.max / 1e6 - delayResolution, unit: 'ms' },
    { name: `memory with ${size.replicas} pods`, value: mebibytes(full), unit: 'MiB' },
    { name: 'processor at rest, of one core', value: (cpu.user + cpu.system) / 10 / restedFor, unit: '%' },
    { name: 'writes at rest', value: writes / seconds(restedFor), unit: 'writes/s' },
  ]
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === 'measure') {
  const [nodeCount, replicas] = process.argv.slice(3).map(Number)
  console.log(JSON.stringify(await measure({ nodes: nodeCount!, replicas: replicas! })))
}
