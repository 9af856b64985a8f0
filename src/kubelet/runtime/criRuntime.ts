import type { Clock } from '#lib/clock.ts'
import type { Files } from '#lib/host/files.ts'
import { containerNamed } from '../plan/podView.ts'
import { containerConfig, sandboxConfig, type NodeFacts } from './containerConfig.ts'
import { computeContainerResources } from './containerResources.ts'
import {
  RuntimeError,
  type ContainerRequest,
  type ContainerRuntime,
  type DiskUse,
  type ExecResult,
  type FoundImage,
  type ObservedPod,
  type PodIdentity,
  type RegistryCredentials,
  type RuntimeHealth,
  type SandboxRequest,
  type StreamRequest,
} from './containerRuntime.ts'
import type { CriAbilities, CriFileSystem, CriImage } from './criMessages.ts'
import { PodRecords } from './podRecords.ts'
import { followTaskEvents } from './taskEvents.ts'

/** Calls to one container runtime. Failures are RuntimeErrors. */
export interface CriConnection {
  /** Calls a method of `runtime.v1`, such as `RuntimeService/RunPodSandbox`. */
  call<Answer>(method: string, request: object, timeoutMs: number, signal: AbortSignal): Promise<Answer>
  /** The payloads of containerd's events whose topics match the filters. */
  events(filters: readonly string[], signal: AbortSignal): AsyncIterable<TaskEvent>
}

/** A task of containerd did something. */
export interface TaskEvent {
  readonly topic: string
  readonly containerId: string
}

export interface CriRuntimeOptions {
  readonly connection: CriConnection
  readonly clock: Clock
  readonly files: Files
  readonly node: NodeFacts
  readonly report?: (problem: string, error?: unknown) => void
}

/** Starting and stopping may wait for the kernel. */
const slowCall = 120_000
const quickCall = 10_000
/** A registry may be slow; the pull is aborted by its signal, not by time. */
const pullCall = 3_600_000
/** How often everything is listed in case an event was missed. */
const relistEvery = 10_000
const reconnectAfter = 1_000

/**
 * Containers through the CRI of containerd.
 *
 * What it knows of pods is kept in `PodRecords` and brought up to date by its own calls, by containerd's events a few
 * milliseconds after the fact, and by a full list every ten seconds. So `observe` mostly answers from memory.
 */
export function criRuntime(options: CriRuntimeOptions): ContainerRuntime {
  const { connection, clock, node } = options
  const records = new PodRecords(connection, options.files, clock)
  const runtime = <A>(method: string, request: object, timeout: number, signal: AbortSignal): Promise<A> =>
    connection.call<A>(`RuntimeService/${method}`, request, timeout, signal)
  const image = <A>(method: string, request: object, timeout: number, signal: AbortSignal): Promise<A> =>
    connection.call<A>(`ImageService/${method}`, request, timeout, signal)
  let version: { runtimeName: string; runtimeVersion: string } | undefined

  return {
    scheme: 'containerd',
    observe: (podUid: string, signal: AbortSignal): Promise<ObservedPod> => records.observe(podUid, signal),
    async pods(signal): Promise<readonly PodIdentity[]> {
      await records.relist(signal)
      return records.identities()
    },
    changes: (signal) => changesOf(options, records, signal),
    async health(signal): Promise<RuntimeHealth> {
      type Answer = CriAbilities & { status: { conditions: CriCondition[] } | null }
      const answer = await runtime<Answer>('Status', {}, quickCall, signal)
      version ??= await runtime('Version', {}, quickCall, signal)
      const conditions = answer.status?.conditions ?? []
      const problem = conditionProblem(conditions, 'RuntimeReady', 'runtime')
      const networkProblem = conditionProblem(conditions, 'NetworkReady', 'runtime network')
      return {
        name: version!.runtimeName,
        version: version!.runtimeVersion.replace(/^v/, '').split('~')[0]!,
        handlers: answer.runtimeHandlers.map(({ name, features }) => ({
          name,
          ...(features === null ? {} : { features }),
        })),
        ...(answer.features === null ? {} : { features: answer.features }),
        ...(problem === undefined ? {} : { problem }),
        ...(networkProblem === undefined ? {} : { networkProblem }),
      }
    },

    async createSandbox(request: SandboxRequest, signal): Promise<string> {
      const handler = ''
      const { podSandboxId } = await runtime<{ podSandboxId: string }>(
        'RunPodSandbox',
        { config: sandboxConfig(request, node), runtimeHandler: handler },
        slowCall,
        signal,
      )
      records.addSandbox(request.pod, podSandboxId)
      return podSandboxId
    },
    async stopSandbox(id, signal) {
      await unlessGone(runtime('StopPodSandbox', { podSandboxId: id }, slowCall, signal))
      records.touchSandbox(id)
    },
    async removeSandbox(id, signal) {
      await unlessGone(runtime('RemovePodSandbox', { podSandboxId: id }, slowCall, signal))
      records.forgetSandbox(id)
    },

    async createContainer(request: ContainerRequest, signal): Promise<string> {
      const { containerId } = await runtime<{ containerId: string }>(
        'CreateContainer',
        {
          podSandboxId: request.sandboxId,
          config: containerConfig(request, node),
          sandboxConfig: sandboxConfig(request.sandbox, node),
        },
        slowCall,
        signal,
      )
      records.addContainer(request.pod, containerId, request.sandboxId)
      return containerId
    },
    async startContainer(id, signal) {
      try {
        await runtime('StartContainer', { containerId: id }, slowCall, signal)
      } finally {
        records.touchContainer(id)
      }
    },
    async resizeContainer(id, pod, name, signal) {
      const container = containerNamed(pod, name)
      if (container === undefined) throw new Error(`Pod "${pod.metadata.name}" has no container "${name}"`)
      const linux = computeContainerResources(pod, container, node)
      await runtime('UpdateContainerResources', { containerId: id, linux }, slowCall, signal)
    },
    async stopContainer(id, graceSeconds, signal) {
      const timeout = slowCall + graceSeconds * 1000
      using _stopping = records.stopping(id)
      await unlessGone(runtime('StopContainer', { containerId: id, timeout: graceSeconds }, timeout, signal))
    },
    async removeContainer(id, signal) {
      await unlessGone(runtime('RemoveContainer', { containerId: id }, slowCall, signal))
      records.forgetContainer(id)
    },
    async written(id, signal) {
      type Answer = { stats: { writableLayer: CriFileSystem | null } | null }
      const { stats } = await runtime<Answer>('ContainerStats', { containerId: id }, quickCall, signal)
      return useOf(stats?.writableLayer)
    },
    async exec(id, command, timeoutSeconds, signal): Promise<ExecResult> {
      try {
        const answer = await runtime<{ stdout: Buffer; stderr: Buffer; exitCode: number }>(
          'ExecSync',
          { containerId: id, cmd: command, timeout: timeoutSeconds },
          // The runtime ends the command itself, and says so.
          timeoutSeconds === 0 ? pullCall : timeoutSeconds * 1000 + quickCall,
          signal,
        )
        const { stdout, stderr, exitCode } = answer
        return { exitCode, stdout: stdout.toString('utf8'), stderr: stderr.toString('utf8') }
      } catch (error) {
        const timedOut = error instanceof RuntimeError && error.code === deadlineExceeded
        if (timedOut) return { exitCode: -1, stdout: '', stderr: '', timedOut }
        throw error
      }
    },
    async reopenLog(id, signal) {
      await runtime('ReopenContainerLog', { containerId: id }, quickCall, signal)
    },

    async findImage(name, signal): Promise<FoundImage | undefined> {
      const answer = await image<{ image: CriImage | null }>(
        'ImageStatus',
        { image: { image: name } },
        quickCall,
        signal,
      )
      return answer.image === null ? undefined : foundImage(answer.image)
    },
    async pullImage(name, credentials: RegistryCredentials | undefined, signal): Promise<string> {
      const request = { image: { image: name }, ...(credentials === undefined ? {} : { auth: credentials }) }
      const { imageRef } = await image<{ imageRef: string }>('PullImage', request, pullCall, signal)
      return imageRef
    },
    async removeImage(name, signal) {
      await image('RemoveImage', { image: { image: name } }, slowCall, signal)
    },
    async images(signal): Promise<readonly FoundImage[]> {
      const { images } = await image<{ images: CriImage[] }>('ListImages', {}, quickCall, signal)
      return images.map(foundImage)
    },
    async imageStore(signal) {
      type Answer = { imageFilesystems: CriFileSystem[] }
      const { imageFilesystems } = await image<Answer>('ImageFsInfo', {}, quickCall, signal)
      const folder = imageFilesystems[0]?.fsId?.mountpoint
      if (folder === undefined) throw new RuntimeError('no file system of images is known', notFound)
      return { folder, ...useOf(imageFilesystems[0]) }
    },

    async streamUrl(request: StreamRequest, signal): Promise<string> {
      const { url } = await streamCall(runtime, request, signal)
      return url
    },
  }
}

const deadlineExceeded = 4
const notFound = 5

type RuntimeCall = <A>(method: string, request: object, timeout: number, signal: AbortSignal) => Promise<A>

function streamCall(runtime: RuntimeCall, request: StreamRequest, signal: AbortSignal): Promise<{ url: string }> {
  switch (request.kind) {
    case 'exec': {
      const { containerId, command, tty, stdin, stdout, stderr } = request
      return runtime('Exec', { containerId, cmd: command, tty, stdin, stdout, stderr }, quickCall, signal)
    }
    case 'attach': {
      const { containerId, tty, stdin, stdout, stderr } = request
      return runtime('Attach', { containerId, tty, stdin, stdout, stderr }, quickCall, signal)
    }
    default:
      return runtime('PortForward', { podSandboxId: request.sandboxId, port: request.ports }, quickCall, signal)
  }
}

interface CriCondition {
  readonly type: string
  readonly status: boolean
  readonly reason: string
  readonly message: string
}

/** In the words in which the node's Ready condition tells it. */
function conditionProblem(conditions: readonly CriCondition[], type: string, what: string): string | undefined {
  const condition = conditions.find((each) => each.type === type)
  if (condition?.status === true) return undefined
  if (condition === undefined) return `container ${what} status has no condition ${type}`
  return `container ${what} not ready: ${type}=false reason:${condition.reason} message:${condition.message}`
}

function useOf(used: CriFileSystem | null | undefined): DiskUse {
  return { bytes: Number(used?.usedBytes?.value ?? 0), inodes: Number(used?.inodesUsed?.value ?? 0) }
}

function foundImage({ id, repoTags, repoDigests, size, uid, username, pinned }: CriImage): FoundImage {
  return {
    id,
    ref: repoDigests[0] ?? id,
    ...(uid === null ? {} : { uid: Number(uid.value) }),
    ...(username === '' ? {} : { username }),
    names: [...repoDigests, ...repoTags],
    sizeBytes: Number(size),
    ...(pinned ? { isPinned: true } : {}),
  }
}

/** What is gone already need not be stopped or removed. */
async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!(error instanceof RuntimeError && error.code === notFound)) throw error
  }
}

/** Changes as they are seen: by events, by the list every ten seconds, and `''` after a broken connection. */
async function* changesOf(
  { connection, clock, report }: CriRuntimeOptions,
  records: PodRecords,
  signal: AbortSignal,
): AsyncIterable<string> {
  const changed = new Set<string>()
  let wake: () => void = () => {}
  const add = (uid: string | undefined): void => {
    if (uid === undefined) return
    changed.add(uid)
    wake()
  }
  const relist = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(relistEvery, signal)
      try {
        for (const uid of await records.relist(signal)) add(uid)
      } catch (error) {
        if (signal.aborted) throw error
        report?.('Cannot list what the container runtime has', error)
      }
    }
  }
  const listen = async (): Promise<void> => {
    for (;;) {
      try {
        await followTaskEvents(connection, records, add, signal)
      } catch (error) {
        if (signal.aborted) throw error
        report?.('Lost the events of the container runtime', error)
      }
      await clock.sleep(reconnectAfter, signal)
      records.touchAll()
      add('')
    }
  }
  const onAbort = (): void => wake()
  signal.addEventListener('abort', onAbort, { once: true })
  const running = [relist(), listen()].map((each) => each.catch(() => {}))
  while (!signal.aborted) {
    const batch = [...changed]
    changed.clear()
    yield* batch
    if (changed.size > 0 || signal.aborted) continue
    await new Promise<void>((resolve) => (wake = resolve))
  }
  await Promise.all(running)
}
