import type { Pod } from '#api/core/v1/pod.ts'
import type { Taint } from '#api/core/v1/scheduling.ts'
import type { Client } from '#client/client.ts'
import type { EventWriter } from '#client/events.ts'
import type { Informers } from '#client/informers.ts'
import type { Clock } from '#lib/clock.ts'
import type { Host } from '#lib/host/host.ts'
import type { Random } from '#lib/random.ts'
import type { MachineFacts } from './node/machine.ts'
import type { ContainerRuntime } from './runtime/containerRuntime.ts'
import type { KubeletSettings } from './settings.ts'

/** Everything that one node agent is made of. Its process must be inside the node's network and mount namespaces. */
export interface KubeletOptions {
  readonly nodeName: string
  /** Speaks to the API server as this node. */
  readonly client: Client
  /** Shared with other components of the process; the kubelet has its own when absent. */
  readonly informers?: Informers
  readonly events?: EventWriter
  readonly runtime: ContainerRuntime
  readonly host: Host
  readonly clock: Clock
  readonly random: Random
  readonly directories: KubeletDirectories
  /** The node's control group, absolute; `kubepods` is made below it. Empty on a host that is a node itself. */
  readonly cgroupRoot: string
  /** The node's own addresses, the first one first in statuses. */
  readonly addresses: readonly string[]
  readonly dns: NodeDns
  /** Extra labels and taints for the Node when it is registered first. */
  readonly labels?: Readonly<Record<string, string>>
  readonly taints?: readonly Taint[]
  /** What the node offers; measured where absent. `pods` is 110 unless told. */
  readonly capacity?: { readonly cpu?: string; readonly memory?: string; readonly pods?: string }
  /** Taken as given instead of being read from /proc; simulated nodes have their own. */
  readonly machine?: MachineFacts
  readonly server?: KubeletServerOptions
  /** As v1.34's kubelet where absent. */
  readonly settings?: KubeletSettings
  /** The names of images that stay although no container is made of them, such as that of sandboxes. */
  readonly keptImages?: readonly string[]
  /** Container logs are moved away at this size; 10 MiB and 5 files unless told. */
  readonly logRotation?: { readonly maxBytes: number; readonly files: number }
  /** How many sandboxes are made at once; 4 unless told. */
  readonly sandboxStartsAtOnce?: number
  /** The file with the log of a mirror pod in `kube-system`, by the pod's name; nothing when it has none here. */
  readonly systemLog?: (pod: string) => string | undefined
  /** Awaited between a pod's getting its addresses and the start of each of its containers. */
  readonly admitPod?: (pod: Pod, addresses: readonly string[], signal: AbortSignal) => Promise<void>
  /** Told of what went wrong and will be tried again. */
  readonly report?: (problem: string, error?: unknown) => void
}

export interface KubeletDirectories {
  /** Volumes, hosts files and termination messages of pods: `<root>/pods/<uid>/…`. */
  readonly root: string
  /** Container logs: `<logs>/<namespace>_<name>_<uid>/<container>/<restart>.log`. */
  readonly logs: string
}

/** What pods resolve names with. */
export interface NodeDns {
  /** Addresses of the cluster's DNS service. */
  readonly clusterServers: readonly string[]
  /** The domain of services, such as `cluster.local`. */
  readonly clusterDomain: string
  /** The text of the node's own resolv.conf, for pods that use the node's settings. */
  readonly nodeResolvConf: string
}

/** The HTTPS server for the API server; without it only `KubeletApi` answers, in process. */
export interface KubeletServerOptions {
  readonly address: string
  /** 10250 unless told. */
  readonly port?: number
  /** PEM. */
  readonly certificate: string
  readonly key: string
  /** PEM of the authority whose clients are let in. */
  readonly clientAuthority: string
  /** Common names of the client certificates that are let in. */
  readonly clientNames: readonly string[]
}
