/**
 * What can be asked of a node about its containers: logs, streams into them, and what they use. `server.ts` answers over
 * HTTPS; a component in the same process may call this directly.
 */
import type { Pod } from '#api/core/v1/pod.ts'
import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import { podLogFolder, type NodeServices } from '../nodeServices.ts'
import { containerNamed } from '../plan/podView.ts'
import type { PodWorker } from '../podWorker.ts'
import type { ObservedContainer } from '../runtime/containerRuntime.ts'
import { readLog, type LogOptions } from './logs.ts'

export interface CommandStreams {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

/** An answer of another kind than what was asked for. `code` is the HTTP status. */
export class KubeletApiError extends Error {
  override name = 'KubeletApiError'
  readonly code: number
  constructor(message: string, code: number) {
    super(message)
    this.code = code
  }
}

export interface KubeletApi {
  /** The pods of this node with their newest statuses. */
  pods(): readonly Pod[]
  /** What a container wrote. Rejects with a KubeletApiError in upstream's words when it has no log. */
  logs(
    namespace: string,
    name: string,
    container: string,
    options: LogOptions & { readonly previous?: boolean },
    signal: AbortSignal,
  ): Promise<AsyncIterable<Buffer>>
  /** An address that takes one SPDY or WebSocket connection to a new process in the container. */
  exec(
    namespace: string,
    name: string,
    container: string,
    command: readonly string[],
    streams: CommandStreams,
    signal: AbortSignal,
  ): Promise<string>
  /** The same, to the container's own first process. */
  attach(
    namespace: string,
    name: string,
    container: string,
    streams: CommandStreams,
    signal: AbortSignal,
  ): Promise<string>
  /** The same, to ports in the pod's network. */
  portForward(namespace: string, name: string, signal: AbortSignal): Promise<string>
}

/** What a node's workers let others see. */
export function kubeletApi(
  services: NodeServices,
  workers: () => readonly PodWorker[],
  systemLog: (pod: string) => string | undefined = () => undefined,
): KubeletApi {
  const find = (namespace: string, name: string): PodWorker | undefined =>
    workers().find(({ pod: { metadata } }) => metadata.name === name && metadata.namespace === namespace)
  /** For streams, whose refusals do not repeat the pod's name. */
  const connectable = (namespace: string, name: string): PodWorker => {
    const worker = find(namespace, name)
    if (worker === undefined) throw new KubeletApiError('pod does not exist', 404)
    return worker
  }
  const runningId = (worker: PodWorker, container: string): string | undefined =>
    worker.observed.containers.find((each) => each.name === container && each.state === 'running')?.id
  const { runtime, clock } = services
  return {
    pods: () => workers().map((worker) => ({ ...worker.pod, status: worker.status })),
    async logs(namespace, name, container, { previous, ...options }, signal) {
      const path = namespace === 'kube-system' ? systemLog(name) : undefined
      if (path !== undefined) return readLog({ path, isOpen: () => true, clock }, options, signal)
      const worker = find(namespace, name)
      if (worker === undefined) throw new KubeletApiError(`pod "${name}" does not exist`, 404)
      if (containerNamed(worker.pod, container) === undefined) {
        throw new KubeletApiError(`container "${container}" not found in pod "${name}"`, 404)
      }
      const run = runOfLog(worker, container, previous === true)
      const file = `${podLogFolder(services, worker.pod)}/${container}/${run.attempt}.log`
      const isOpen = (): boolean =>
        worker.observed.containers.some((each) => each.id === run.id && each.state !== 'exited')
      return readLog({ path: file, isOpen, clock }, options, signal)
    },
    async exec(namespace, name, container, command, streams, signal) {
      const containerId = runningId(connectable(namespace, name), container)
      if (containerId === undefined) throw new KubeletApiError(`container not found ("${container}")`, 500)
      return runtime.streamUrl({ kind: 'exec', containerId, command, ...streams }, signal)
    },
    async attach(namespace, name, container, streams, signal) {
      const worker = connectable(namespace, name)
      const containerId = runningId(worker, container)
      if (containerId === undefined) {
        throw new KubeletApiError(`container ${container} not found in pod ${name}_${namespace}`, 500)
      }
      // The terminal was decided on when the container was made.
      const tty = containerNamed(worker.pod, container)?.tty === true
      return runtime.streamUrl({ kind: 'attach', containerId, ...streams, tty, stderr: streams.stderr && !tty }, signal)
    },
    async portForward(namespace, name, signal) {
      const sandbox = connectable(namespace, name).observed.sandboxes.find((each) => each.ready)
      if (sandbox === undefined) throw new KubeletApiError(`pod not found ("${name}_${namespace}")`, 500)
      return runtime.streamUrl({ kind: 'portForward', sandboxId: sandbox.id, ports: [] }, signal)
    },
  }
}

/** The run whose log is meant. */
function runOfLog(worker: PodWorker, container: string, previous: boolean): ObservedContainer {
  const { name } = worker.pod.metadata
  const fail = (why: string): KubeletApiError => new KubeletApiError(why, 400)
  const { status } = worker
  const shown = [
    ...(status.initContainerStatuses ?? []),
    ...(status.containerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ].find((each) => each.name === container)
  if (shown === undefined) throw fail(`container "${container}" in pod "${name}" is not available`)
  const id = previous ? shown.lastState?.terminated?.containerID : idOfLog(shown)
  const run = worker.observed.containers.find((each) => id?.endsWith(`//${each.id}`) === true)
  if (run !== undefined) return run
  if (previous) throw fail(`previous terminated container "${container}" in pod "${name}" not found`)
  const waiting = shown.state?.waiting
  if (waiting === undefined) throw fail(`container "${container}" in pod "${name}" is terminated`)
  throw fail(`container "${container}" in pod "${name}" is waiting to start: ${waitingText(waiting.reason)}`)
}

function idOfLog({ state, lastState, containerID }: ContainerStatus): string | undefined {
  if (state?.running !== undefined) return containerID
  return state?.terminated?.containerID ?? lastState?.terminated?.containerID
}

function waitingText(reason = ''): string {
  if (reason === 'ErrImagePull') return "image can't be pulled"
  if (reason === 'ImagePullBackOff') return 'trying and failing to pull image'
  return reason
}
