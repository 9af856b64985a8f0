import type { ResourceRequirements } from '#api/core/v1/container.ts'
import type { PendingResize } from './resize.ts'
import type { RestartBackoff } from './restarts.ts'

/** Why a container is not running although it should be, as its status shows it. */
export interface StartFailure {
  /** Such as `ErrImagePull` or `CreateContainerConfigError`. */
  readonly reason: string
  readonly message: string
  /** Not to be tried again before. */
  readonly retryAt: number
}

/** What is known of the image of a container that is to be started. */
export type ImageState = { readonly is: 'pulling' } | { readonly is: 'present'; readonly ref: string }

/** What probes have said of one run of a container; absent until there was a verdict. */
export interface ProbeVerdicts {
  readonly startup?: 'success' | 'failure'
  readonly liveness?: 'success' | 'failure'
  readonly readiness?: 'success' | 'failure'
}

/** Why a pod failed as a whole. */
export interface PodFailure {
  readonly reason: string
  readonly message: string
}

/** Why a pod has to leave at once. */
export interface Eviction extends PodFailure {
  /** What it has at most to end. */
  readonly graceSeconds: number
  /** For the sake of the node: the pod is told to be disrupted (`DisruptionTarget`). */
  readonly isDisruption?: boolean
}

/** How a resize stands that the status cannot tell by itself. */
export interface ResizeMemory {
  /** What is asked for and cannot be given. */
  readonly pending?: PendingResize
  /** Of the pod whose resources were given last. */
  readonly generation?: number
  /** Why containers do not have what they were given, and when that is tried again. */
  readonly error?: { readonly message: string; readonly retryAt: number }
}

/** What a pod's worker remembers between two looks at it: all that neither the API server nor the runtime can tell. */
export interface PodMemory {
  readonly node: {
    readonly addresses: readonly string[]
    readonly runtimeScheme: string
    /** Its containers can have mounts that are read-only with all that is mounted below. */
    readonly recursiveReadOnly?: boolean
  }
  /** The node refused the pod: nothing of it was ever started. */
  readonly rejection?: PodFailure
  /** It has to leave at once: it took more than it may, or the node is short of something. */
  readonly eviction?: Eviction
  readonly volumesMounted: boolean
  /** Since when nothing is left of the pod on the node but its record. */
  readonly removed?: boolean
  /** When `volumes` or `sandbox` may be tried again after a failure. */
  readonly retryAt: { readonly volumes?: number; readonly sandbox?: number }
  /** By container name. */
  readonly failures: ReadonlyMap<string, StartFailure>
  readonly images: ReadonlyMap<string, ImageState>
  /** By container name and hash (`backoffKey`). */
  readonly backoffs: ReadonlyMap<string, RestartBackoff>
  /** When a container that was asked to stop will be killed, by container id. */
  readonly stopping: ReadonlyMap<string, number>
  /** Of containers whose turn to stop is still to come, whether their hooks are over, by id. */
  readonly prepared: ReadonlyMap<string, boolean>
  /** Containers that were asked to stop while the pod went on, by id. */
  readonly stopped: ReadonlySet<string>
  /** What containers were made with or changed to, by container id. */
  readonly resources: ReadonlyMap<string, ResourceRequirements>
  readonly resize: ResizeMemory
  /** By container id. */
  readonly probes: ReadonlyMap<string, ProbeVerdicts>
  /** When its end began: from then the grace period counts. */
  readonly endingSince?: number
}

/** Nothing remembered: a pod that was not seen before. */
export function freshMemory(node: PodMemory['node']): PodMemory {
  return {
    node,
    volumesMounted: false,
    retryAt: {},
    failures: new Map(),
    images: new Map(),
    backoffs: new Map(),
    stopping: new Map(),
    prepared: new Map(),
    stopped: new Set(),
    resources: new Map(),
    resize: {},
    probes: new Map(),
  }
}
