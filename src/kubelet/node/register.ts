import { nodes, type Node } from '#api/core/v1/node.ts'
import type { ContainerImage, NodeStatus } from '#api/core/v1/nodeStatus.ts'
import type { ResourceList } from '#api/core/v1/container.ts'
import type { Taint } from '#api/core/v1/scheduling.ts'
import type { Client } from '#client/client.ts'
import { kubernetesVersion } from '#machinery/kubernetesVersion.ts'
import { quantityOf } from '#machinery/quantity.ts'
import { isReason } from '#machinery/status.ts'
import type { SignalName } from '../eviction/signals.ts'
import { unitsOf, type Threshold } from '../eviction/thresholds.ts'
import type { FoundImage, RuntimeHealth } from '../runtime/containerRuntime.ts'
import type { MachineFacts } from './machine.ts'

export interface NodeDescription {
  readonly name: string
  readonly addresses: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  readonly port: number
  /** From where on pods have to leave. */
  readonly thresholds: readonly Threshold[]
  readonly capacity: { readonly cpu?: string; readonly memory?: string; readonly pods?: string }
}

/** All that the node has, and the part of it that pods may ask for: what is left when pods would have to leave is not. */
export function computeCapacity(
  machine: MachineFacts,
  { capacity: given, thresholds }: Pick<NodeDescription, 'capacity' | 'thresholds'>,
): { readonly capacity: ResourceList; readonly allocatable: ResourceList } {
  const capacity = {
    cpu: given.cpu ?? String(machine.cpus),
    'ephemeral-storage': quantityOf(machine.diskBytes, 'BinarySI'),
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    memory: given.memory ?? quantityOf(machine.memoryBytes, 'BinarySI'),
    pods: given.pods ?? '110',
  }
  const less = (signal: SignalName, bytes: number): string => {
    const threshold = thresholds.find((each) => each.signal === signal && each.grace === 0)
    return quantityOf(threshold === undefined ? bytes : bytes - unitsOf(threshold.value, bytes), 'BinarySI')
  }
  const allocatable = {
    ...capacity,
    'ephemeral-storage': less('nodefs.available', machine.diskBytes),
    memory: given.memory ?? less('memory.available', machine.memoryBytes),
  }
  return { capacity, allocatable }
}

/**
 * A status with the extended resources that others advertise on the node (names with a domain, such as `example.com/dongle`).
 * Whoever does so writes the capacity; all of it is there for pods.
 */
export function withAdvertised<S extends Pick<NodeStatus, 'capacity' | 'allocatable'>>(
  status: S,
  known: NodeStatus | undefined,
): S {
  const advertised = Object.entries(known?.capacity ?? {}).filter(
    ([name]) => name.includes('/') && !name.split('/', 1)[0]!.endsWith('kubernetes.io'),
  )
  if (advertised.length === 0) return status
  const more = Object.fromEntries(advertised)
  return { ...status, capacity: { ...status.capacity, ...more }, allocatable: { ...status.allocatable, ...more } }
}

/** Labels that every node carries, by its machine. */
function computeNodeLabels({ name, labels }: NodeDescription, machine: MachineFacts): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': machine.architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': machine.architecture,
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    ...labels,
  }
}

/** At most so many images are told, the largest first; names beyond five of one image are left out (upstream's limits). */
const mostImages = 50
const mostNames = 5

/** The images on the node, as the scheduler looks at them. In one order, however the runtime lists them: a change is written. */
export function computeImages(images: readonly FoundImage[]): ContainerImage[] {
  return images
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes || ((a.names[0] ?? '') < (b.names[0] ?? '') ? -1 : 1))
    .slice(0, mostImages)
    .map(({ names, sizeBytes }) => ({ names: names.slice(0, mostNames), sizeBytes }))
}

/** Everything of a node's status but its conditions. */
export function computeNodeStatus(
  description: NodeDescription,
  machine: MachineFacts,
  health: RuntimeHealth | undefined,
  images: readonly FoundImage[],
): NodeStatus {
  const { name, addresses, port } = description
  return {
    ...computeCapacity(machine, description),
    addresses: [
      ...addresses.map((address) => ({ type: 'InternalIP' as const, address })),
      { type: 'Hostname', address: name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    nodeInfo: {
      machineID: machine.machineId,
      systemUUID: machine.systemUuid,
      bootID: machine.bootId,
      kernelVersion: machine.kernelVersion,
      osImage: machine.osImage,
      containerRuntimeVersion: health === undefined ? '' : `${health.name}://${health.version}`,
      kubeletVersion: kubernetesVersion,
      // Deprecated upstream; kept empty since 1.33.
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: machine.architecture,
      ...(machine.swapBytes === 0 ? {} : { swap: { capacity: machine.swapBytes } }),
    },
    images: computeImages(images),
    ...(health?.handlers === undefined || health.handlers.length === 0
      ? {}
      : { runtimeHandlers: [...health.handlers] }),
    ...(health?.features === undefined ? {} : { features: health.features }),
  }
}

/** Makes the Node, or takes the one that is there and gives it the labels it lacks; says which of both. */
export async function registerNode(
  client: Client,
  description: NodeDescription,
  machine: MachineFacts,
  status: NodeStatus,
  signal: AbortSignal,
): Promise<{ readonly node: Node; readonly isCreated: boolean }> {
  const { name, taints } = description
  const labels = computeNodeLabels(description, machine)
  try {
    const created = await client.create(
      nodes,
      {
        metadata: { name, labels, annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' } },
        spec: taints.length === 0 ? {} : { taints: [...taints] },
        status,
      },
      { signal },
    )
    return { node: created, isCreated: true }
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error
  }
  const node = await client.get(nodes, { name }, { signal })
  const lacks = Object.entries(labels).some(([key, value]) => node.metadata.labels?.[key] !== value)
  if (!lacks) return { node, isCreated: false }
  const body = { metadata: { labels } }
  return { node: await client.patch(nodes, { name }, { type: 'merge', body }, { signal }), isCreated: false }
}
