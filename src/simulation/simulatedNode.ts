import { createHash } from 'node:crypto'
import { leases, type Lease } from '#api/coordination/v1/lease.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { NodeCondition, NodeStatus } from '#api/core/v1/nodeStatus.ts'
import type { Taint } from '#api/core/v1/scheduling.ts'
import type { Draft } from '#client/client.ts'
import { ttlAnnotation } from '#controllers/nodeTtl/plan.ts'
import { kubernetesVersion } from '#machinery/kubernetesVersion.ts'
import { microTimeText, timeText } from '#machinery/time.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'

/** The label by which people and selectors tell simulated nodes from real ones. */
export const simulatedLabel = 'k8ts.dev/simulated'

/** What one simulated node is to look like. */
export interface SimulatedNodeSpec {
  readonly name: string
  /** Its address in the cluster. */
  readonly address: string
  /** What it offers, as quantities; 32 CPUs, 256Gi of memory, 110 pods and 1Ti of storage unless told. */
  readonly capacity?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly taints?: readonly Taint[]
  /** Written into the Node where no controller hands blocks out. */
  readonly podCidrs?: readonly string[]
  /** Written into the Node, so that no controller has to: for how long copies of objects last there. */
  readonly ttlSeconds?: number
  readonly architecture?: 'amd64' | 'arm64'
  readonly kubeletVersion?: string
}

const defaultCapacity: Readonly<Record<string, string>> = {
  cpu: '32',
  'ephemeral-storage': '1Ti',
  'hugepages-1Gi': '0',
  'hugepages-2Mi': '0',
  memory: '256Gi',
  pods: '110',
}

/** Leases of nodes are in this namespace. */
export const nodeLeaseNamespace = 'kube-node-lease'

/** A node as a kubelet registers it: with its whole status, ready from the first moment. */
export function computeNode(spec: SimulatedNodeSpec, now: number): Draft<Node> {
  const { name, labels, taints, podCidrs = [], ttlSeconds, architecture = 'amd64' } = spec
  return {
    metadata: {
      name,
      labels: {
        'beta.kubernetes.io/arch': architecture,
        'beta.kubernetes.io/os': 'linux',
        'kubernetes.io/arch': architecture,
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        [simulatedLabel]: 'true',
        ...labels,
      },
      annotations: {
        'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
        ...(ttlSeconds === undefined ? {} : { [ttlAnnotation]: String(ttlSeconds) }),
      },
    },
    spec: {
      ...(podCidrs.length === 0 ? {} : { podCIDR: podCidrs[0]!, podCIDRs: [...podCidrs] }),
      ...(taints === undefined || taints.length === 0 ? {} : { taints: [...taints] }),
    },
    status: { ...factsOf(spec), conditions: [...computeHealthyConditions([], now)] },
  }
}

const knownFacts = new WeakMap<SimulatedNodeSpec, NodeStatus>()

/** What a node says of itself that does not change: what it offers, where it is and what it runs. */
function factsOf(spec: SimulatedNodeSpec): NodeStatus {
  let facts = knownFacts.get(spec)
  if (facts === undefined) knownFacts.set(spec, (facts = computeFacts(spec)))
  return facts
}

function computeFacts(spec: SimulatedNodeSpec): NodeStatus {
  const { name, address, architecture = 'amd64' } = spec
  const capacity = { ...defaultCapacity, ...spec.capacity }
  const identity = createHash('sha256').update(name).digest('hex')
  return {
    capacity,
    allocatable: capacity,
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: name },
    ],
    // No server answers for a simulated node: there are no logs to read and nothing to execute in.
    daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
    nodeInfo: {
      machineID: identity.slice(0, 32),
      systemUUID: uuidOf(identity.slice(0, 32)),
      bootID: uuidOf(identity.slice(32)),
      kernelVersion: 'simulated',
      osImage: 'Simulated node',
      containerRuntimeVersion: 'simulated://1.0.0',
      kubeletVersion: spec.kubeletVersion ?? kubernetesVersion,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture,
    },
  }
}

function uuidOf(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

const healthy: readonly Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>[] = [
  {
    type: 'MemoryPressure',
    status: 'False',
    reason: 'KubeletHasSufficientMemory',
    message: 'kubelet has sufficient memory available',
  },
  {
    type: 'DiskPressure',
    status: 'False',
    reason: 'KubeletHasNoDiskPressure',
    message: 'kubelet has no disk pressure',
  },
  {
    type: 'PIDPressure',
    status: 'False',
    reason: 'KubeletHasSufficientPID',
    message: 'kubelet has sufficient PID available',
  },
  { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' },
]

/** The conditions of a healthy node; those of others are kept, and times as long as what they tell. */
export function computeHealthyConditions(old: readonly NodeCondition[], now: number): readonly NodeCondition[] {
  const time = timeText(now)
  const own = healthy.map(({ type, status, reason, message }): NodeCondition => {
    const before = old.find((condition) => condition.type === type)
    const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? time) : time
    return { type, status, lastHeartbeatTime: time, lastTransitionTime, reason: reason!, message: message! }
  })
  return [...own, ...old.filter(({ type }) => !healthy.some((condition) => condition.type === type))]
}

/** The change of its status that brings a node back to what it has to say; undefined when it says that already. */
export function planStatus(spec: SimulatedNodeSpec, { status = {} }: Node, now: number): NodeStatus | undefined {
  const facts = factsOf(spec)
  const told = { capacity: status.capacity, addresses: status.addresses, nodeInfo: status.nodeInfo }
  const wanted = { capacity: facts.capacity, addresses: facts.addresses, nodeInfo: facts.nodeInfo }
  const change = sameJson(told, wanted) ? {} : facts
  if (change !== facts && isHealthy(status)) return undefined
  return { ...change, conditions: computeHealthyConditions(status.conditions ?? [], now).slice(0, healthy.length) }
}

/** Whether a node tells that it is healthy, whenever that was. */
function isHealthy({ conditions = [] }: NodeStatus): boolean {
  return healthy.every(({ type, status, reason, message }) => {
    const found = conditions.find((condition) => condition.type === type)
    return found?.status === status && found.reason === reason && found.message === message
  })
}

/** The lease by which a node says that it is alive. */
export function computeLease(node: Pick<Node, 'metadata'>, durationSeconds: number, now: number): Draft<Lease> {
  const { name, uid } = node.metadata
  return {
    apiVersion: `${leases.group}/${leases.version}`,
    kind: leases.kind,
    metadata: {
      name,
      namespace: nodeLeaseNamespace,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: uid! }],
    },
    spec: { holderIdentity: name, leaseDurationSeconds: durationSeconds, renewTime: microTimeText(now) },
  }
}
