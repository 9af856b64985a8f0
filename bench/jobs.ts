/**
 * An indexed Job on simulated nodes, in one process and in real time: how long until each of its pods was made, placed, run
 * to its end and counted. `node bench/jobs.ts measure 100000` takes another number of pods.
 */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { jobs, type Job } from '#api/batch/v1/job.ts'
import { nodes } from '#api/core/v1/node.ts'
import { isAbort } from '#lib/async/abort.ts'
import { systemClock } from '#lib/clock.ts'
import { runComponents } from '#lib/component.ts'
import { systemRandom } from '#lib/random.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import { clusterParts } from '#simulation/clusterParts.ts'
import { simulatedNodeSpecs } from '#simulation/simulatedNodeSpecs.ts'
import { openMemoryStore } from '#storage/memory.ts'
import type { Measurement } from './measurement.ts'

interface Size {
  readonly nodes: number
  readonly pods: number
}

/** A hundred thousand pods within so many seconds, and fewer in proportion. */
const goal = (size: Size): number => (120 * size.pods) / 100_000

/** Measured in a process of its own, so that nothing else of the run takes part. */
export async function run(size: Size = { nodes: 200, pods: 10_000 }): Promise<Measurement[]> {
  const file = fileURLToPath(import.meta.url)
  const child = spawn(process.execPath, [file, 'measure', String(size.pods), String(size.nodes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(await text(child.stdout)) as Measurement[]
}

async function measure(size: Size): Promise<Measurement[]> {
  const store = openMemoryStore()
  const parts = clusterParts(
    // Finished pods stay, so that all of them are there in the end.
    { nodes: simulatedNodeSpecs({ count: size.nodes }), config: { terminatedPodThreshold: size.pods + 1 } },
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
  const until = async (holds: () => boolean): Promise<number> => {
    while (!holds()) await systemClock.sleep(20)
    return performance.now()
  }
  const isFree = (taints: readonly unknown[] | undefined): boolean => (taints ?? []).length === 0
  await until(() => nodeCopies.list({ matches: ({ spec }) => isFree(spec.taints) }).length === size.nodes)
  const job: Job['spec'] = {
    completionMode: 'Indexed',
    completions: size.pods,
    parallelism: Math.min(size.pods, 100 * size.nodes, 10_000),
    template: {
      metadata: { annotations: { 'simulation.k8ts.dev/exit-after': '100ms' } },
      spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox:1.35' }] },
    },
  }
  const at = { name: 'wide', namespace: 'default' }
  const jobCopies = parts.informers.of(jobs)
  const work = process.cpuUsage()
  const revision = await store.revision()
  const created = performance.now()
  await parts.client.create(jobs, { metadata: at, spec: job })
  const copy = (): Job | undefined => jobCopies.get(`${at.namespace}/${at.name}`)
  const complete = await until(() => isConditionTrue(copy()?.status?.conditions, 'Complete'))
  const { user, system } = process.cpuUsage(work)
  const written = (await store.revision()) - revision
  const { succeeded, failed = 0, completedIndexes } = copy()!.status!
  if (succeeded !== size.pods || failed > 0 || completedIndexes !== `0-${size.pods - 1}`) {
    throw new Error(`The job counted ${succeeded} successes and ${failed} failures: ${completedIndexes}`)
  }
  abort.abort()
  await ended.catch((error: unknown) => {
    if (!isAbort(error)) throw error
  })
  await store[Symbol.asyncDispose]()
  const seconds = (complete - created) / 1_000
  return [
    {
      name: `Indexed Job of ${size.pods} pods complete`,
      value: seconds,
      unit: 's',
      goal: { atMost: goal(size) },
    },
    { name: 'pods run and counted', value: size.pods / seconds, unit: 'pods/s' },
    { name: 'processor time for that', value: (user + system) / 1e6, unit: 's' },
    { name: 'writes for that', value: written, unit: 'writes' },
  ]
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === 'measure') {
  const [podCount, nodeCount = 200] = process.argv.slice(3).map(Number)
  console.log(JSON.stringify(await measure({ pods: podCount!, nodes: nodeCount })))
}
