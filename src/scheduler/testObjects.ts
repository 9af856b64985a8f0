import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { SchedulerCache } from './cache.ts'
import type { ClusterView } from './snapshot.ts'

/** What tests say about a pod; the rest is filled in. */
export interface PodSketch {
  readonly name: string
  readonly labels?: Record<string, string>
  readonly requests?: Record<string, string>
  readonly spec?: Partial<Pod['spec']>
  readonly status?: Pod['status']
  readonly deletionTimestamp?: string
}

/** A pod for tests of the scheduler; its uid is its name. */
export function podOf({ name, labels = {}, requests = {}, spec = {}, status, deletionTimestamp }: PodSketch): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      labels,
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    spec: { containers: [{ name: 'c', image: 'busybox:1.35', resources: { requests } }], ...spec },
    ...(status === undefined ? {} : { status }),
  }
}

export interface NodeSketch {
  readonly name: string
  readonly labels?: Record<string, string>
  readonly allocatable?: Record<string, string>
  readonly spec?: Node['spec']
  readonly images?: NonNullable<NonNullable<Node['status']>['images']>
}

/** A node for tests of the scheduler: 4 CPUs, 8 GiB and 110 pods unless said otherwise. */
export function nodeOf({ name, labels = {}, allocatable = {}, spec = {}, images = [] }: NodeSketch): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec,
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...allocatable }, images },
  }
}

/** The cluster that has these nodes, with pods on them by the node's name. */
export function clusterOf(
  nodes: readonly NodeSketch[],
  pods: Readonly<Record<string, readonly PodSketch[]>> = {},
): ClusterView {
  const cache = new SchedulerCache()
  for (const node of nodes) cache.setNode(nodeOf(node))
  for (const [node, sketches] of Object.entries(pods)) {
    for (const sketch of sketches) {
      const pod = podOf(sketch)
      cache.setPod({ ...pod, spec: { ...pod.spec, nodeName: node } })
    }
  }
  return cache.snapshot()
}
