import type { NodeFeatures, NodeRuntimeHandler } from '#api/core/v1/nodeStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'

/** A pod's sandbox: the namespaces its containers share. Times are milliseconds since the epoch. */
export interface ObservedSandbox {
  readonly id: string
  readonly attempt: number
  readonly ready: boolean
  readonly createdAt: number
  /** Empty for a pod in the node's network and after the sandbox stopped. */
  readonly ips: readonly string[]
}

/** One run of one container; a restarted container has several. */
export interface ObservedContainer {
  readonly id: string
  readonly name: string
  readonly sandboxId: string
  /** How often the container had been started before this run. */
  readonly attempt: number
  /** Of the part of its spec whose change asks for a new container (`hashOfContainer`). */
  readonly hash: string
  readonly state: 'created' | 'running' | 'exited' | 'unknown'
  readonly createdAt: number
  readonly startedAt?: number
  readonly finishedAt?: number
  readonly exitCode?: number
  readonly reason?: string
  /** What the runtime says, or what the container left as its termination message. */
  readonly message?: string
  /** The image's full name, and the digest it was found under. */
  readonly image: string
  readonly imageRef: string
  readonly user?: { readonly uid: number; readonly gid: number; readonly supplementalGroups?: readonly number[] }
}

/** Everything that the runtime has of one pod; sandboxes and containers newest first. */
export interface ObservedPod {
  readonly sandboxes: readonly ObservedSandbox[]
  readonly containers: readonly ObservedContainer[]
}

/** A pod known to the runtime, whether or not the API server knows it. */
export interface PodIdentity {
  readonly uid: string
  readonly name: string
  readonly namespace: string
}

/** What a sandbox is made of besides its pod: all that had to be looked up. */
export interface SandboxRequest {
  readonly pod: Pod
  readonly attempt: number
  readonly hostname: string
  readonly logFolder: string
  /** The control group of the pod, absolute. */
  readonly cgroupParent: string
  readonly dns: DnsSettings
}

export interface DnsSettings {
  readonly servers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}

export interface MountRequest {
  readonly containerPath: string
  readonly hostPath: string
  readonly readOnly: boolean
  /** Also what is mounted below. */
  readonly recursiveReadOnly?: boolean
  readonly propagation: 'private' | 'hostToContainer' | 'bidirectional'
}

/** What one container is made of besides its pod. */
export interface ContainerRequest {
  readonly pod: Pod
  readonly name: string
  readonly attempt: number
  readonly sandboxId: string
  readonly sandbox: SandboxRequest
  /** The digest or id of the image, as `pullImage` and `findImage` return it. */
  readonly imageRef: string
  readonly environment: readonly { readonly name: string; readonly value: string }[]
  readonly mounts: readonly MountRequest[]
  readonly command: readonly string[]
  readonly arguments: readonly string[]
  /** Below the sandbox's log folder. */
  readonly logPath: string
  /** A file on the node that the container sees as its termination message path. */
  readonly terminationMessageFile?: string
  /** For an ephemeral container: the id of the container whose processes it shall see. */
  readonly targetId?: string
  /** Groups that its volumes belong to. */
  readonly supplementalGroups?: readonly number[]
}

export interface FoundImage {
  readonly id: string
  readonly ref: string
  /** The user that the image names: a number, or a name. */
  readonly uid?: number
  readonly username?: string
  readonly names: readonly string[]
  readonly sizeBytes: number
  /** The runtime itself needs it. */
  readonly isPinned?: boolean
}

/** So much of a disk. */
export interface DiskUse {
  readonly bytes: number
  readonly inodes: number
}

export interface RegistryCredentials {
  readonly username?: string
  readonly password?: string
  readonly auth?: string
  readonly serverAddress?: string
  readonly identityToken?: string
}

export interface ExecResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  /** The command ran longer than it was allowed to. */
  readonly timedOut?: boolean
}

export interface RuntimeHealth {
  readonly name: string
  readonly version: string
  /** Its handlers and what they can do; absent or empty when it does not say. */
  readonly handlers?: readonly NodeRuntimeHandler[]
  readonly features?: NodeFeatures
  /** Why the runtime cannot run pods; absent when it can. */
  readonly problem?: string
  /** Why it cannot make pod networks; absent when it can. */
  readonly networkProblem?: string
}

const codeNames: Readonly<Record<number, string>> = {
  1: 'Canceled',
  2: 'Unknown',
  3: 'InvalidArgument',
  4: 'DeadlineExceeded',
  5: 'NotFound',
  6: 'AlreadyExists',
  7: 'PermissionDenied',
  8: 'ResourceExhausted',
  9: 'FailedPrecondition',
  10: 'Aborted',
  11: 'OutOfRange',
  12: 'Unimplemented',
  13: 'Internal',
  14: 'Unavailable',
  15: 'DataLoss',
  16: 'Unauthenticated',
}

/** A refusal by the runtime, in its own words. `code` is the gRPC status code. */
export class RuntimeError extends Error {
  override name = 'RuntimeError'
  readonly code: number
  constructor(message: string, code: number) {
    super(message)
    this.code = code
  }
  /** How upstream prints it: with the code by name. */
  get rpcText(): string {
    return `rpc error: code = ${codeNames[this.code] ?? 'Unknown'} desc = ${this.message}`
  }
  /** The runtime has no code for what went wrong. */
  get isUnknown(): boolean {
    return this.code === 2
  }
  /** The runtime cannot be reached: nothing is known about any pod. */
  get isUnavailable(): boolean {
    return this.code === 14
  }
}

/** What the kubelet needs from a container runtime; the simulator implements it too. Failures are RuntimeErrors. */
export interface ContainerRuntime {
  /** The scheme of container ids in statuses, such as `containerd`. */
  readonly scheme: string
  observe(podUid: string, signal: AbortSignal): Promise<ObservedPod>
  /** Every pod of which something is left. */
  pods(signal: AbortSignal): Promise<readonly PodIdentity[]>
  /** Uids of pods in which something changed; an empty string when anything may have. Ends only by the signal. */
  changes(signal: AbortSignal): AsyncIterable<string>
  health(signal: AbortSignal): Promise<RuntimeHealth>

  createSandbox(request: SandboxRequest, signal: AbortSignal): Promise<string>
  /** Stops everything in it and takes its network away; it can still be read. */
  stopSandbox(id: string, signal: AbortSignal): Promise<void>
  /** Stops it unless that was done, and removes it with its containers. */
  removeSandbox(id: string, signal: AbortSignal): Promise<void>

  createContainer(request: ContainerRequest, signal: AbortSignal): Promise<string>
  startContainer(id: string, signal: AbortSignal): Promise<void>
  /** Gives a running container of the pod what the pod says, of processor time and memory. */
  resizeContainer(id: string, pod: Pod, name: string, signal: AbortSignal): Promise<void>
  /** Asks it to stop and kills it after the grace; resolves once it has ended. */
  stopContainer(id: string, graceSeconds: number, signal: AbortSignal): Promise<void>
  removeContainer(id: string, signal: AbortSignal): Promise<void>
  /** What a container has written beside volumes; the runtime may have counted some seconds ago. */
  written(id: string, signal: AbortSignal): Promise<DiskUse>
  exec(id: string, command: readonly string[], timeoutSeconds: number, signal: AbortSignal): Promise<ExecResult>
  /** Tells the runtime that the log file was moved away and a fresh one is wanted. */
  reopenLog(id: string, signal: AbortSignal): Promise<void>

  findImage(image: string, signal: AbortSignal): Promise<FoundImage | undefined>
  pullImage(image: string, credentials: RegistryCredentials | undefined, signal: AbortSignal): Promise<string>
  removeImage(image: string, signal: AbortSignal): Promise<void>
  images(signal: AbortSignal): Promise<readonly FoundImage[]>
  /** Where it keeps images, and what containers write, and what that takes up. */
  imageStore(signal: AbortSignal): Promise<DiskUse & { readonly folder: string }>

  /** An address at which one streaming connection may be made (SPDY or WebSocket upgrade). */
  streamUrl(request: StreamRequest, signal: AbortSignal): Promise<string>
}

export type StreamRequest =
  | {
      readonly kind: 'exec'
      readonly containerId: string
      readonly command: readonly string[]
      readonly tty: boolean
      readonly stdin: boolean
      readonly stdout: boolean
      readonly stderr: boolean
    }
  | {
      readonly kind: 'attach'
      readonly containerId: string
      readonly tty: boolean
      readonly stdin: boolean
      readonly stdout: boolean
      readonly stderr: boolean
    }
  | { readonly kind: 'portForward'; readonly sandboxId: string; readonly ports: readonly number[] }
