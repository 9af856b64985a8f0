import type { Pod } from '#api/core/v1/pod.ts'
import type { Clock } from '#lib/clock.ts'
import type { Files } from '#lib/host/files.ts'
import { tailText } from '../api/logFormat.ts'
import { annotationNames, labelNames } from './containerConfig.ts'
import {
  RuntimeError,
  type ObservedContainer,
  type ObservedPod,
  type ObservedSandbox,
  type PodIdentity,
} from './containerRuntime.ts'
import type {
  CriContainer,
  CriContainerState,
  CriContainerStatus,
  CriSandbox,
  CriSandboxStatus,
} from './criMessages.ts'
import type { CriConnection } from './criRuntime.ts'

const callTimeout = 10_000
const cleanupTime = 15
const notFound = 5

interface PodRecord {
  readonly identity: PodIdentity
  /** What was last read; undefined until it was. */
  readonly sandboxes: Map<string, ObservedSandbox | undefined>
  readonly containers: Map<string, ObservedContainer | undefined>
}

/**
 * What the runtime has, by pod, as last read. An id that is touched is read again at the next `observe`; everything
 * else is answered from here.
 */
export class PodRecords {
  readonly #connection: CriConnection
  readonly #files: Files
  readonly #clock: Clock
  readonly #pods = new Map<string, PodRecord>()
  /** Pod uid by sandbox or container id. */
  readonly #owners = new Map<string, string>()
  readonly #touched = new Set<string>()
  /** Containers of which an event said that they ended; the CRI says so a moment later. */
  readonly #ended = new Set<string>()
  /** Containers that are being stopped: whoever does so hears of their end when the CRI knows of it. */
  readonly #stopping = new Set<string>()
  /** Ids that the last list did not have. */
  readonly #missing = new Set<string>()
  /** Sandbox by container id; a status does not name it. */
  readonly #sandboxes = new Map<string, string>()
  #listed: Promise<unknown> | undefined

  constructor(connection: CriConnection, files: Files, clock: Clock) {
    this.#connection = connection
    this.#files = files
    this.#clock = clock
  }

  /** All that there is of a pod, newest first. */
  async observe(uid: string, signal: AbortSignal): Promise<ObservedPod> {
    // The first look after a start finds what an earlier agent left.
    await (this.#listed ??= this.relist(signal).catch((error: unknown) => {
      this.#listed = undefined
      throw error
    }))
    const record = this.#pods.get(uid)
    if (record === undefined) return { sandboxes: [], containers: [] }
    await Promise.all([
      ...[...record.sandboxes].map(([id, known]) => this.#refreshSandbox(record, id, known, signal)),
      ...[...record.containers].map(([id, known]) => this.#refreshContainer(record, id, known, signal)),
    ])
    const newestFirst = (a: { createdAt: number }, b: { createdAt: number }): number => b.createdAt - a.createdAt
    return {
      sandboxes: [...record.sandboxes.values()].filter((each) => each !== undefined).toSorted(newestFirst),
      containers: [...record.containers.values()].filter((each) => each !== undefined).toSorted(newestFirst),
    }
  }

  identities(): readonly PodIdentity[] {
    return [...this.#pods.values()].map((record) => record.identity)
  }

  addSandbox(pod: Pod, id: string): void {
    const record = this.#recordOf(identityOf(pod))
    if (!record.sandboxes.has(id)) record.sandboxes.set(id, undefined)
    this.#own(id, record)
  }

  addContainer(pod: Pod, id: string, sandboxId: string): void {
    const record = this.#recordOf(identityOf(pod))
    this.#sandboxes.set(id, sandboxId)
    if (!record.containers.has(id)) record.containers.set(id, undefined)
    this.#own(id, record)
  }

  touchSandbox(id: string): void {
    this.#touched.add(id)
    // Its containers ended with it.
    const record = this.#pods.get(this.#owners.get(id) ?? '')
    for (const [containerId, run] of record?.containers ?? []) if (run?.sandboxId === id) this.#touched.add(containerId)
  }

  touchContainer(id: string): void {
    this.#touched.add(id)
  }

  /** A container is being stopped until this is disposed of. */
  stopping(id: string): Disposable {
    this.#stopping.add(id)
    return {
      [Symbol.dispose]: () => {
        this.#stopping.delete(id)
        // By now the CRI knows of the end.
        this.#ended.delete(id)
        if (this.#owners.has(id)) this.#touched.add(id)
      },
    }
  }

  touchAll(): void {
    for (const id of this.#owners.keys()) this.#touched.add(id)
  }

  forgetSandbox(id: string): void {
    const record = this.#pods.get(this.#owners.get(id) ?? '')
    if (record === undefined) return
    record.sandboxes.delete(id)
    for (const [containerId, run] of record.containers) {
      if (run === undefined || run.sandboxId === id) this.forgetContainer(containerId)
    }
    this.#disown(id, record)
  }

  forgetContainer(id: string): void {
    const record = this.#pods.get(this.#owners.get(id) ?? '')
    if (record === undefined) return
    record.containers.delete(id)
    this.#disown(id, record)
  }

  /** Takes note of an event and returns the pod it is about; undefined when it is nobody's we know. */
  noteTask(id: string, isEnd: boolean): string | undefined {
    const uid = this.#owners.get(id)
    if (uid === undefined) return undefined
    if (isEnd) this.#ended.add(id)
    if (isEnd && this.#stopping.has(id)) return undefined
    this.#touched.add(id)
    return uid
  }

  /** Compares everything with what is known and returns the uids of pods in which something differs. */
  async relist(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const [{ items }, { containers }] = await Promise.all([
      this.#call<{ items: CriSandbox[] }>('ListPodSandbox', {}, signal),
      this.#call<{ containers: CriContainer[] }>('ListContainers', {}, signal),
    ])
    const changed = new Set<string>()
    const seen = new Set<string>()
    const gone: string[] = []
    for (const sandbox of items) {
      const record = this.#recordOf(identityOfLabels(sandbox.labels))
      seen.add(sandbox.id)
      const known = record.sandboxes.get(sandbox.id)
      if (known !== undefined && known.ready === (sandbox.state === 'SANDBOX_READY')) continue
      if (known === undefined) record.sandboxes.set(sandbox.id, undefined)
      this.#note(sandbox.id, record, changed)
    }
    for (const container of containers) {
      const record = this.#recordOf(identityOfLabels(container.labels))
      seen.add(container.id)
      this.#sandboxes.set(container.id, container.podSandboxId)
      const known = record.containers.get(container.id)
      if (known !== undefined && known.state === states[container.state]) continue
      if (known === undefined) record.containers.set(container.id, undefined)
      this.#note(container.id, record, changed)
    }
    for (const [id, uid] of this.#owners) {
      if (seen.has(id)) {
        this.#missing.delete(id)
        continue
      }
      changed.add(uid)
      // It may be newer than the list. What two lists in a row do not have is gone.
      if (this.#missing.delete(id)) {
        gone.push(id)
        continue
      }
      this.#missing.add(id)
      this.#touched.add(id)
    }
    for (const id of gone) {
      if (this.#pods.get(this.#owners.get(id) ?? '')?.sandboxes.has(id) === true) this.forgetSandbox(id)
      else this.forgetContainer(id)
    }
    return changed
  }

  #note(id: string, record: PodRecord, changed: Set<string>): void {
    this.#own(id, record)
    this.#touched.add(id)
    changed.add(record.identity.uid)
  }

  #recordOf(identity: PodIdentity): PodRecord {
    const known = this.#pods.get(identity.uid)
    if (known !== undefined) return known
    const record: PodRecord = { identity, sandboxes: new Map(), containers: new Map() }
    this.#pods.set(identity.uid, record)
    return record
  }

  #own(id: string, record: PodRecord): void {
    this.#owners.set(id, record.identity.uid)
  }

  #disown(id: string, record: PodRecord): void {
    this.#owners.delete(id)
    this.#touched.delete(id)
    this.#ended.delete(id)
    this.#sandboxes.delete(id)
    this.#missing.delete(id)
    if (record.sandboxes.size === 0 && record.containers.size === 0) this.#pods.delete(record.identity.uid)
  }

  async #refreshSandbox(
    record: PodRecord,
    id: string,
    known: ObservedSandbox | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (known !== undefined && !this.#touched.has(id)) return
    this.#touched.delete(id)
    const answer = await this.#read<{ status: CriSandboxStatus }>('PodSandboxStatus', { podSandboxId: id }, id, signal)
    if (answer === undefined) this.forgetSandbox(id)
    else if (record.sandboxes.has(id)) record.sandboxes.set(id, observedSandbox(answer.status))
  }

  async #refreshContainer(
    record: PodRecord,
    id: string,
    known: ObservedContainer | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (known !== undefined && !this.#touched.has(id)) return
    this.#touched.delete(id)
    // To clean up after a task takes containerd so long that there is nothing to be read any sooner.
    if (known?.state === 'running' && this.#ended.has(id)) await this.#clock.sleep(cleanupTime, signal)
    for (let wait = 10; ; wait *= 2) {
      const answer = await this.#read<{ status: CriContainerStatus }>(
        'ContainerStatus',
        { containerId: id },
        id,
        signal,
      )
      if (answer === undefined) return this.forgetContainer(id)
      const isLate = answer.status.state === 'CONTAINER_RUNNING' && this.#ended.has(id)
      if (isLate && wait < 1000) {
        await this.#clock.sleep(wait, signal)
        continue
      }
      if (answer.status.state === 'CONTAINER_EXITED') this.#ended.delete(id)
      if (!record.containers.has(id)) return
      const sandboxId = this.#sandboxes.get(id) ?? ''
      record.containers.set(id, await this.#observedContainer(answer.status, sandboxId))
      return
    }
  }

  async #observedContainer(status: CriContainerStatus, sandboxId: string): Promise<ObservedContainer> {
    const { annotations } = status
    const state = states[status.state]
    const message = state === 'exited' ? await this.#endMessage(status) : status.message
    const user = status.user?.linux
    return {
      id: status.id,
      name: status.labels[labelNames.containerName] ?? status.metadata.name,
      sandboxId,
      attempt: Number(annotations[annotationNames.restartCount] ?? status.metadata.attempt),
      hash: annotations[annotationNames.hash] ?? '',
      state,
      createdAt: milliseconds(status.createdAt),
      ...(status.startedAt === '0' ? {} : { startedAt: milliseconds(status.startedAt) }),
      ...(status.finishedAt === '0' ? {} : { finishedAt: milliseconds(status.finishedAt) }),
      ...(state === 'exited' ? { exitCode: status.exitCode } : {}),
      ...(status.reason === '' ? {} : { reason: status.reason }),
      ...(message === '' ? {} : { message }),
      image: status.image?.image ?? '',
      imageRef: status.imageRef,
      ...(user === null || user === undefined
        ? {}
        : {
            user: {
              uid: Number(user.uid),
              gid: Number(user.gid),
              supplementalGroups: user.supplementalGroups.map(Number),
            },
          }),
    }
  }

  /** What the runtime says, then what the container left as its last words. */
  async #endMessage(status: CriContainerStatus): Promise<string> {
    const file = status.annotations[annotationNames.terminationMessageFile]
    const left = file === undefined ? '' : await this.#lastBytes(file)
    const wantsLogs =
      left === '' &&
      status.exitCode !== 0 &&
      status.annotations[annotationNames.terminationMessagePolicy] === 'FallbackToLogsOnError'
    const words = wantsLogs ? await this.#lastLines(status.logPath) : left
    return [status.message, words].filter((text) => text !== '').join(': ')
  }

  async #lastBytes(path: string): Promise<string> {
    try {
      const bytes = await this.#files.read(path, 1024 * 1024)
      return bytes === undefined ? '' : bytes.subarray(-longestMessage).toString('utf8')
    } catch (error) {
      return `Error on reading termination message from logs: ${(error as Error).message}`
    }
  }

  async #lastLines(path: string): Promise<string> {
    const log = await this.#files.read(path, 64 * 1024 * 1024).catch(() => undefined)
    return log === undefined ? '' : tailText(log, 80, 2048)
  }

  /** Undefined when it is gone. */
  async #read<A>(method: string, request: object, id: string, signal: AbortSignal): Promise<A | undefined> {
    try {
      return await this.#call<A>(method, request, signal)
    } catch (error) {
      if (error instanceof RuntimeError && error.code === notFound) return undefined
      this.#touched.add(id)
      throw error
    }
  }

  #call<A>(method: string, request: object, signal: AbortSignal): Promise<A> {
    return this.#connection.call<A>(`RuntimeService/${method}`, request, callTimeout, signal)
  }
}

/** Upstream's limit for what a container may say when it ends. */
const longestMessage = 4096

const states: Readonly<Record<CriContainerState, ObservedContainer['state']>> = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
  CONTAINER_UNKNOWN: 'unknown',
}

function observedSandbox(status: CriSandboxStatus): ObservedSandbox {
  const ready = status.state === 'SANDBOX_READY'
  const { ip = '', additionalIps = [] } = status.network ?? {}
  const ips = [ip, ...additionalIps.map((each) => each.ip)].filter((each) => each !== '')
  const { attempt } = status.metadata
  return { id: status.id, attempt, ready, createdAt: milliseconds(status.createdAt), ips: ready ? ips : [] }
}

/** Nanoseconds since the epoch, which do not fit a number, as milliseconds. */
function milliseconds(nanoseconds: string): number {
  return Number(BigInt(nanoseconds) / 1_000_000n)
}

function identityOf(pod: Pod): PodIdentity {
  const { uid = '', name, namespace = '' } = pod.metadata
  return { uid, name, namespace }
}

function identityOfLabels(labels: Readonly<Record<string, string>>): PodIdentity {
  return {
    uid: labels[labelNames.podUid] ?? '',
    name: labels[labelNames.podName] ?? '',
    namespace: labels[labelNames.podNamespace] ?? '',
  }
}
