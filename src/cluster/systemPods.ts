import { nodes, type Node } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Client, Draft } from '#client/client.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { dataPlaneLabels } from '#ingress/service.ts'
import { timeText } from '#machinery/time.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import type { ClusterConfig } from './config.ts'

/** A part of this process that is shown as a pod, because people look for it there. */
export interface SystemPart {
  /** `kube-apiserver`, `kube-proxy`, `dns`: the pod is called after it and the node. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** The parts of a control plane, under the names by which Kubernetes users know them. */
export const controlPlaneParts: readonly SystemPart[] = [
  { name: 'kube-apiserver', labels: { component: 'kube-apiserver', tier: 'control-plane' } },
  { name: 'store', labels: { component: 'store', tier: 'control-plane' } },
  { name: 'kube-controller-manager', labels: { component: 'kube-controller-manager', tier: 'control-plane' } },
  { name: 'kube-scheduler', labels: { component: 'kube-scheduler', tier: 'control-plane' } },
]

/** The parts of a node. */
export const nodeParts: readonly SystemPart[] = [
  { name: 'kube-proxy', labels: { 'k8s-app': 'kube-proxy' } },
  { name: 'dns', labels: { 'k8s-app': 'kube-dns' } },
]

/** A part of nodes that begins when it is first needed. */
export const ingressPart: SystemPart = { name: 'ingress', labels: dataPlaneLabels }

/** All parts that nodes' processes have. */
export const allParts: readonly SystemPart[] = [...controlPlaneParts, ...nodeParts, ingressPart]

/** The parts of a node of a cluster with this configuration, from its start. */
export function partsOf({ dns }: Pick<ClusterConfig, 'dns'>, isControlPlane: boolean): readonly SystemPart[] {
  const parts = isControlPlane ? [...controlPlaneParts, ...nodeParts] : nodeParts
  return dns === false ? parts.filter(({ name }) => name !== 'dns') : parts
}

export interface SystemPodsOptions {
  readonly client: Client
  readonly clock: Clock
  readonly node: string
  /** The node's, the primary one first. */
  readonly addresses: readonly string[]
  readonly parts: readonly SystemPart[]
  /** Components that run before a part counts as running. */
  readonly needs: readonly string[]
  readonly report?: (problem: string, error: unknown) => void
}

/** A mirror of something that runs on a node without the API server's doing carries this annotation; kubelets leave it alone. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror'

const checkEvery = 10_000
const retryAfter = 1_000
/** How often the node is looked for that the pods belong to. */
const nodeCheckEvery = 100

/** Keeps a mirror pod in `kube-system` for each part of this process: with its node, address, start and state. */
export function systemPodsComponent(options: SystemPodsOptions): Component {
  return {
    name: 'system-pods',
    needs: options.needs,
    async run(ready, signal) {
      const started = options.clock.now()
      ready()
      while (!signal.aborted) {
        let again = checkEvery
        let shown = options.node
        try {
          const node = await unlessGone(options.client.get(nodes, { name: options.node }, { signal }))
          // The node's agent registers it in a moment.
          if (node === undefined) again = nodeCheckEvery
          else {
            for (const part of options.parts) {
              shown = part.name
              await ensurePod(options, part, node, started, signal)
            }
          }
        } catch (error) {
          if (signal.aborted) return
          options.report?.(`Cannot show ${shown} as a pod`, error)
          again = retryAfter
        }
        await options.clock.sleep(again, signal).catch(() => {})
      }
    },
  }
}

async function ensurePod(
  { client, addresses }: SystemPodsOptions,
  part: SystemPart,
  node: Node,
  started: number,
  signal: AbortSignal,
): Promise<void> {
  const wanted = mirrorPod(part, node, started)
  const at = { name: `${part.name}-${node.metadata.name}`, namespace: 'kube-system' }
  // Listed, because a node may ask for a pod by name only once it has it.
  const ofNode = { namespace: at.namespace, fieldSelector: `spec.nodeName=${node.metadata.name}` }
  const { items } = await client.list(pods, { ...ofNode, signal })
  let known = items.find(({ metadata }) => metadata.name === at.name)
  const isOurs = known?.metadata.annotations?.[mirrorAnnotation] === wanted.metadata.annotations![mirrorAnnotation]
  if (!isOurs || known?.metadata.deletionTimestamp !== undefined) {
    // Another life of this process, or somebody deleted it: what it shows still runs.
    if (known !== undefined) await client.delete(pods, at, { gracePeriodSeconds: 0, signal })
    known = await client.create(pods, wanted, { signal })
  }
  // Nodes that were silent for a while had theirs marked.
  const isReady = known?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
  if (known?.status?.phase === 'Running' && isReady) return
  await client.patchStatus(
    pods,
    at,
    { type: 'merge', body: { status: runningStatus(part, addresses, started) } },
    { signal },
  )
}

function mirrorPod({ name, labels }: SystemPart, { metadata: node }: Node, started: number): Draft<Pod> {
  return {
    metadata: {
      name: `${name}-${node.name}`,
      namespace: 'kube-system',
      labels: { ...labels },
      annotations: {
        'kubernetes.io/config.source': 'file',
        [mirrorAnnotation]: `${name}-${started}`,
        'kubernetes.io/config.hash': `${name}-${started}`,
      },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid ?? '', controller: true }],
    },
    spec: {
      nodeName: node.name,
      hostNetwork: true,
      restartPolicy: 'Always',
      automountServiceAccountToken: false,
      enableServiceLinks: true,
      tolerations: [{ operator: 'Exists' }],
      containers: [{ name, image: `k8ts/${name}`, imagePullPolicy: 'IfNotPresent' }],
    },
  }
}

function runningStatus({ name }: SystemPart, addresses: readonly string[], started: number): Pod['status'] {
  const time = timeText(started)
  const condition = (type: string): NonNullable<NonNullable<Pod['status']>['conditions']>[number] => ({
    type,
    status: 'True',
    lastTransitionTime: time,
  })
  return {
    phase: 'Running',
    startTime: time,
    hostIP: addresses[0]!,
    hostIPs: addresses.map((ip) => ({ ip })),
    podIP: addresses[0]!,
    podIPs: addresses.map((ip) => ({ ip })),
    qosClass: 'BestEffort',
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(condition),
    containerStatuses: [
      {
        name,
        image: `k8ts/${name}`,
        imageID: '',
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: time } },
        lastState: {},
      },
    ],
  }
}
