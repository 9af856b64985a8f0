/**
 * What a decision of the scheduler takes by itself, without API, store and events, in the workloads of `schedulingWorkloads.ts`.
 *
 *     node bin/pinned.js bench/decisions.ts [NAME ...]
 *
 * Names are those of the workloads, or parts of them.
 */
import { seededRandom } from '#lib/random.ts'
import { SchedulerCache } from '#scheduler/cache.ts'
import { placementBy } from '#scheduler/cycle.ts'
import { defaultPlugins } from '#scheduler/plugins/index.ts'
import { nodeOf, podOf } from '#scheduler/testObjects.ts'
import { renderMeasurements, type Measurement } from './measurement.ts'
import { workloads, type PodGroup, type Workload } from './schedulingWorkloads.ts'

const mostBefore = 5_000
const warmUp = 500
const measured = 1_500

export async function run(wanted: readonly string[] = []): Promise<Measurement[]> {
  return (
    workloads
      // Where pods stay pending or make room first, a decision is only a part of what happens.
      .filter(({ name, before }) => !name.startsWith('Preemption') && before.every(({ stays }) => stays === undefined))
      .filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
      .map((workload) => ({ name: workload.name, value: measure(workload), unit: 'µs of processor time' }))
  )
}

function measure(workload: Workload): number {
  const cache = new SchedulerCache()
  for (const [index, { count, name, labels, capacity, taints = [] }] of workload.nodes.entries()) {
    for (let i = 0; i < count; i++) {
      const sketch = { name: name ?? `node-${index}-${i}`, allocatable: { memory: '32Gi', ...capacity } }
      cache.setNode(nodeOf({ ...sketch, labels: { ...labels?.(i) }, spec: { taints: [...taints] } }))
    }
  }
  const labelsOf = new Map<string, Record<string, string>>()
  for (const { prefix, count, labels } of workload.namespaces ?? []) {
    for (let i = 0; i < count; i++) labelsOf.set(`${prefix}-${i}`, { ...labels })
  }
  const [service] = workload.services ?? []
  const plugins = defaultPlugins({
    siblingsOf: ({ metadata: { namespace } }) =>
      service?.namespace === namespace
        ? { key: 'service', includes: ({ metadata }) => metadata.labels?.['app'] === service?.selector['app'] }
        : undefined,
    namespaces: { version: 1, names: [...labelsOf.keys()], labelsOf: (name) => labelsOf.get(name) },
  })
  const placement = placementBy(plugins)
  const random = seededRandom(1)
  let made = 0
  const place = (group: PodGroup, count: number): number => {
    const pods = Array.from({ length: count }, (_, i) => {
      const { namespace, labels = {}, spec = {} } = group.pod(i)
      const requests = { cpu: '100m', memory: '500Mi' }
      // Each has objects of its own, as pods from the API do.
      const pod = podOf({ name: `pod-${made++}`, labels: { ...labels }, requests, spec: structuredClone(spec) })
      return { ...pod, metadata: { ...pod.metadata, namespace } }
    })
    const before = process.cpuUsage()
    for (const pod of pods) {
      const fitting = placement.findFitting(pod, cache.snapshot())
      if (!fitting.isAny) throw new Error(`${workload.name}: no node for pod ${pod.metadata.name}`)
      cache.assume(pod, placement.choose(pod, fitting, random).name)
    }
    const { user, system } = process.cpuUsage(before)
    return (user + system) / count
  }
  for (const group of workload.before) place(group, Math.min(group.count, mostBefore))
  place(workload.measured, warmUp)
  return place(workload.measured, measured)
}

if (import.meta.main) {
  for (const line of renderMeasurements(await run(process.argv.slice(2)))) console.log(line)
}
