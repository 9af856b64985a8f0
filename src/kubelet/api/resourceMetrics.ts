import { familiesText, TextFamily } from './promText.ts'
import type { StatsSource } from './statsSource.ts'

const counter = (name: string, help: string): TextFamily => new TextFamily(name, `[STABLE] ${help}`, 'counter')
const gauge = (name: string, help: string): TextFamily => new TextFamily(name, `[STABLE] ${help}`, 'gauge')

/** `/metrics/resource`: what those read who only want to know how much is used. */
export function resourceMetrics(source: StatsSource): string {
  const at = source.options.clock.now()
  const cpu = counter(
    'container_cpu_usage_seconds_total',
    'Cumulative cpu time consumed by the container in core-seconds',
  )
  const memory = gauge('container_memory_working_set_bytes', 'Current working set of the container in bytes')
  const starts = gauge('container_start_time_seconds', 'Start time of the container since unix epoch in seconds')
  const nodeCpu = counter('node_cpu_usage_seconds_total', 'Cumulative cpu time consumed by the node in core-seconds')
  const nodeMemory = gauge('node_memory_working_set_bytes', 'Current working set of the node in bytes')
  const podCpu = counter('pod_cpu_usage_seconds_total', 'Cumulative cpu time consumed by the pod in core-seconds')
  const podMemory = gauge('pod_memory_working_set_bytes', 'Current working set of the pod in bytes')
  const failed = gauge('resource_scrape_error', '1 if there was an error while getting container metrics, 0 otherwise')
  let problems = 0
  for (const worker of source.options.workers()) {
    const { name, namespace, uid } = worker.pod.metadata
    const pod = `namespace="${namespace}",pod="${name}"`
    try {
      for (const { run, usage } of source.running(worker)) {
        const labels = `container="${run.name}",${pod}`
        cpu.add(labels, usage.cpuNanoseconds / 1e9, at)
        memory.add(labels, usage.memoryWorkingSetBytes, at)
        starts.add(labels, (run.startedAt ?? run.createdAt) / 1000)
        source.rates.note(run.id, usage.cpuNanoseconds, at)
      }
      const usage = source.pod(worker.pod)
      if (usage === undefined) continue
      source.rates.note(`pod ${uid}`, usage.cpuNanoseconds, at)
      podCpu.add(pod, usage.cpuNanoseconds / 1e9, at)
      podMemory.add(pod, usage.memoryWorkingSetBytes, at)
    } catch {
      // What can be read of the others is told all the same.
      problems++
    }
  }
  const node = source.node()
  if (node !== undefined) {
    source.rates.note('node', node.cpuNanoseconds, at)
    nodeCpu.add('', node.cpuNanoseconds / 1e9, at)
    nodeMemory.add('', node.memoryWorkingSetBytes, at)
  }
  source.rates.settle(at)
  failed.add('', problems > 0 ? 1 : 0)
  return familiesText([cpu, memory, starts, nodeCpu, nodeMemory, podCpu, podMemory, failed])
}
