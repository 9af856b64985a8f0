import type { Node } from '#api/core/v1/node.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { ResourceList } from '#api/core/v1/container.ts'
import type { Client } from '#client/client.ts'
import type { EventRecorder } from '#client/events.ts'
import type { Semaphore } from '#lib/async/mutex.ts'
import type { Clock } from '#lib/clock.ts'
import type { Host } from '#lib/host/host.ts'
import type { PodCgroups } from './cgroups/podCgroups.ts'
import type { PressureCondition } from './eviction/signals.ts'
import type { ImagePuller } from './images/imagePuller.ts'
import type { KubeletDirectories, KubeletOptions, NodeDns } from './options.ts'
import type { ReferencedObjectsCache } from './referencedObjects.ts'
import type { KubeletMetrics } from './kubeletMetrics.ts'
import type { ContainerRuntime } from './runtime/containerRuntime.ts'

/** What the workers of one node share. */
export interface NodeServices {
  readonly nodeName: string
  readonly client: Client
  readonly runtime: ContainerRuntime
  readonly host: Pick<Host, 'files' | 'memoryFiles' | 'mounts'>
  readonly clock: Clock
  readonly directories: KubeletDirectories
  readonly addresses: readonly string[]
  readonly dns: NodeDns
  readonly cgroups: PodCgroups
  readonly images: ImagePuller
  readonly objects: ReferencedObjectsCache
  readonly recorder: EventRecorder
  readonly metrics: Pick<KubeletMetrics, 'seen' | 'noted' | 'probed' | 'forget'>
  /** Lets so many sandboxes be made at once, so that those made first are done first. */
  readonly sandboxStarts: Semaphore
  /** Every service of the cluster, once they are known. */
  services(signal: AbortSignal): Promise<readonly Service[]>
  /** Whether the machine confines programs by AppArmor. */
  readonly hasAppArmor: boolean
  allocatable(): ResourceList
  /** What the node is short of now. */
  pressures(): readonly PressureCondition[]
  /** The node itself, once it is registered. */
  node(): Node | undefined
  /** Uids of the pods of this node that have a PersistentVolume mounted, by its name. */
  readonly volumeUsers: Map<string, Set<string>>
  /** The text of the node's own /etc/hosts. */
  hostsFile(): Promise<string>
  readonly admitPod: NonNullable<KubeletOptions['admitPod']>
  readonly report: (problem: string, error?: unknown) => void
}

/** Where the node keeps what belongs to one pod. */
export function podFolder({ directories }: Pick<NodeServices, 'directories'>, uid: string): string {
  return `${directories.root}/pods/${uid}`
}

/** Where volumes are kept that must not reach a disk: one file system in memory for all pods of the node. */
export function memoryFolder({ directories }: Pick<NodeServices, 'directories'>): string {
  return `${directories.root}/memory`
}

/** Where the runtime writes the logs of a pod's containers: `<container>/<restart>.log`. */
export function podLogFolder(
  { directories }: Pick<NodeServices, 'directories'>,
  pod: { readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid?: string } },
): string {
  const { name, namespace, uid } = pod.metadata
  return `${directories.logs}/${namespace}_${name}_${uid}`
}
