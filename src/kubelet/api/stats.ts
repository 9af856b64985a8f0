import { cadvisorMetrics } from './cadvisorMetrics.ts'
import { resourceMetrics } from './resourceMetrics.ts'
import type { StatsSource } from './statsSource.ts'
import { StatsSummary } from './summary.ts'

/** What the node and its containers use, in the forms in which kubelets tell it. */
export interface NodeStats {
  /** `/stats/summary`. */
  summary(): Promise<object>
  /** `kubelet_volume_stats_…`: what is told of volumes behind claims. */
  volumeMetrics(): Promise<string>
  /** `/metrics/resource`, in Prometheus' text form. */
  resourceMetrics(): string
  /** `/metrics/cadvisor`, in the same form. */
  cadvisorMetrics(): Promise<string>
}

export function nodeStats(source: StatsSource): NodeStats {
  const summary = new StatsSummary(source)
  return {
    summary: () => summary.read(),
    volumeMetrics: () => source.options.volumes.metrics(),
    resourceMetrics: () => resourceMetrics(source),
    cadvisorMetrics: () => cadvisorMetrics(source),
  }
}
