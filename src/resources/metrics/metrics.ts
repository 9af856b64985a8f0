import { nodes, type Node } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { nodeMetrics, type NodeMetrics } from '#api/metrics/v1beta1/nodeMetrics.ts'
import { podMetrics, type PodMetrics } from '#api/metrics/v1beta1/podMetrics.ts'
import type { KubeObject } from '#api/resource.ts'
import { QuantitySum } from '#machinery/quantity.ts'
import { notFound } from '#machinery/status.ts'
import { nameColumn } from '#resources/columns.ts'
import type { Column, Strategy } from '#server/strategy.ts'

/** Makes the objects that say what a node or a pod uses; undefined where that is not known. */
export interface MetricsObjects {
  node(node: Node): NodeMetrics | undefined
  pod(pod: Pod): PodMetrics | undefined
}

type Amounts = Readonly<Record<string, string>>

function columnsOf<T extends KubeObject & { readonly window: string }>(
  usageOf: (object: T) => readonly Amounts[],
): readonly Column<T>[] {
  const amount = (resource: string): Column<T> => ({
    name: resource,
    format: 'quantity',
    description: '',
    value(object) {
      const sum = new QuantitySum()
      for (const usage of usageOf(object)) sum.add(usage[resource] ?? '0')
      return sum.text
    },
  })
  return [
    { ...nameColumn, description: 'Name of the resource' },
    amount('cpu'),
    amount('memory'),
    { name: 'Window', format: 'duration', description: '', value: ({ window }) => window },
  ]
}

/** What is not known of an object is refused under the name that metrics-server gives it. */
const unknown = (plural: string, name: string) => notFound({ group: nodeMetrics.group, plural }, name)

/** What nodes use, as it was last measured. */
export const nodeMetricsStrategy = (objects: MetricsObjects): Strategy<NodeMetrics> => ({
  resource: nodeMetrics,
  verbs: ['get', 'list'],
  columns: columnsOf(({ usage }) => [usage]),
  computed: {
    get(cluster, _namespace, name) {
      const node = cluster.get(nodes, '', name)
      if (node === undefined) throw notFound(nodes, name)
      const found = objects.node(node)
      if (found === undefined) throw unknown('nodemetrics', name)
      return found
    },
    list: (cluster, _namespace, mayBeWanted) =>
      cluster
        .list(nodes, '')
        .filter(({ metadata }) => mayBeWanted(metadata.labels))
        .flatMap((node) => objects.node(node) ?? []),
  },
})

/** What pods use, as it was last measured. */
export const podMetricsStrategy = (objects: MetricsObjects): Strategy<PodMetrics> => ({
  resource: podMetrics,
  verbs: ['get', 'list'],
  columns: columnsOf(({ containers }) => containers.map(({ usage }) => usage)),
  computed: {
    get(cluster, namespace, name) {
      const pod = cluster.get(pods, namespace, name)
      if (pod === undefined) throw notFound(pods, name)
      const found = objects.pod(pod)
      if (found === undefined) throw unknown('podmetrics', `${namespace}/${name}`)
      return found
    },
    list(cluster, namespace, mayBeWanted) {
      const found: PodMetrics[] = []
      // Autoscalers ask about a few of many pods, four times a minute.
      for (const pod of cluster.list(pods, namespace)) {
        const metrics = mayBeWanted(pod.metadata.labels) ? objects.pod(pod) : undefined
        if (metrics !== undefined) found.push(metrics)
      }
      return found
    },
  },
})
