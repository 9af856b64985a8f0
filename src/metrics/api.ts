// What is used, as objects of metrics.k8s.io: the API of metrics-server.
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { nodeMetrics, type NodeMetrics } from '#api/metrics/v1beta1/nodeMetrics.ts'
import { podMetrics, type PodMetrics } from '#api/metrics/v1beta1/podMetrics.ts'
import { apiVersionOf } from '#api/resource.ts'
import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import type { Clock } from '#lib/clock.ts'
import { durationText } from '#machinery/durationText.ts'
import { nanoQuantityOf, quantityOf } from '#machinery/quantity.ts'
import { timeText } from '#machinery/time.ts'
import type { Usage, UsageSource } from './usage.ts'

/** Makes the objects that say what a node or a pod uses; undefined where that is not known. */
export interface MetricsObjects {
  node(node: Node): NodeMetrics | undefined
  pod(pod: Pod): PodMetrics | undefined
}

export function metricsObjects(source: UsageSource, clock: Pick<Clock, 'now'>): MetricsObjects {
  const metadata = ({ name, namespace, labels }: ObjectMeta): ObjectMeta => ({
    name,
    ...(namespace === undefined ? {} : { namespace }),
    creationTimestamp: timeText(clock.now()),
    ...(labels === undefined ? {} : { labels }),
  })
  return {
    node(node) {
      const usage = source.node(node.metadata.name)
      if (usage === undefined) return undefined
      return {
        kind: nodeMetrics.kind,
        apiVersion: apiVersionOf(nodeMetrics),
        metadata: metadata(node.metadata),
        timestamp: timeText(usage.at),
        window: durationText(usage.window),
        usage: amounts(usage),
      }
    },
    pod(pod) {
      const usage = source.pod(pod)
      if (usage === undefined) return undefined
      return {
        kind: podMetrics.kind,
        apiVersion: apiVersionOf(podMetrics),
        metadata: metadata(pod.metadata),
        timestamp: timeText(usage.at),
        window: durationText(usage.window),
        containers: usage.containers.map((each) => ({ name: each.name, usage: amounts(each) })),
      }
    },
  }
}

function amounts({ cpuNanoCores, memoryBytes }: Pick<Usage, 'cpuNanoCores' | 'memoryBytes'>): Record<string, string> {
  return { cpu: nanoQuantityOf(cpuNanoCores), memory: quantityOf(memoryBytes, 'BinarySI') }
}
