import type { Container, EphemeralContainer } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { exponentialDelay } from '#lib/async/backoff.ts'
import { quantityValue } from '#machinery/quantity.ts'
import { computePodLimits } from './cgroups/podCgroups.ts'
import { runPreStop, stopContainer, type PreStop } from './containerStop.ts'
import { runHook, type HookTarget } from './lifecycleHooks.ts'
import { podFolder, podLogFolder, type NodeServices } from './nodeServices.ts'
import type { OwnFacts } from './plan/fieldRefs.ts'
import type { PodAction } from './plan/podAction.ts'
import { claimBackoff } from './plan/planClaims.ts'
import { containerNamed } from './plan/podView.ts'
import { prepareContainer, prepareFolders, prepareSandbox } from './podStart.ts'
import type { PodState } from './podState.ts'
import { MountError, PodVolumes, type PodVolume } from './podVolumes.ts'
import { ConfigError } from './runtime/environment.ts'
import { RuntimeError, type ObservedPod } from './runtime/containerRuntime.ts'
import { removeUnmounted } from './volumes/removal.ts'

export interface PodActionsObserver {
  note(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void
  /** Something that was done beside came to its end. */
  changed(): void
}

/** One look of the worker: what it saw, and what ends it. */
export interface ActionContext {
  readonly pod: Pod
  readonly observed: ObservedPod
  readonly facts: OwnFacts
  /** Aborts when the pod is to end. */
  readonly pass: AbortSignal
  /** Aborts when the agent stops. */
  readonly signal: AbortSignal
}

const mountBackoff = { first: 500, most: 122_000 }
const sandboxBackoff = { first: 1_000, most: 10_000 }
/** What cannot be made as it is specified is looked at again after this. */
const retryConfigAfter = 10_000

/** Does what the plan says for one pod, and writes down in its state what came of it. */
export class PodActions {
  readonly #services: NodeServices
  readonly #state: PodState
  readonly #observer: PodActionsObserver
  readonly #volumes: PodVolumes
  /** Aborts pulls and stops that go on beside. */
  readonly #beside = new AbortController()
  #mountFailures = 0
  /** The end of what `mountVolumes` began. */
  #mounting: Promise<void> = Promise.resolve()
  #sandboxFailures = 0
  #refreshSoon = false

  constructor(podUid: string, services: NodeServices, state: PodState, observer: PodActionsObserver) {
    this.#services = services
    this.#state = state
    this.#observer = observer
    this.#volumes = new PodVolumes(services, podUid, (type, reason, message) => observer.note(type, reason, message))
  }

  /** What is mounted, by the names of volumes. */
  get volumes(): ReadonlyMap<string, PodVolume> {
    return this.#volumes.mounted()
  }

  /** When volumes must be written again at the latest. */
  get refreshAt(): number | undefined {
    return this.#state.volumesMounted ? this.#volumes.refreshAt : undefined
  }

  /** Writes volumes again at the next chance: what they are made from changed. */
  refreshVolumes(): void {
    this.#refreshSoon = true
  }

  /** Ends what goes on beside; containers are left as they are. */
  stop(): void {
    this.#beside.abort()
  }

  /** Brings mounted volumes up to date if something asks for it. */
  async refreshIfNeeded({ pod, facts, signal }: Pick<ActionContext, 'pod' | 'facts' | 'signal'>): Promise<void> {
    if (!this.#state.volumesMounted) return
    const { refreshAt } = this.#volumes
    const isDue = refreshAt !== undefined && refreshAt <= this.#services.clock.now()
    if (!this.#refreshSoon && !isDue) return
    this.#refreshSoon = false
    try {
      await this.#volumes.refresh(pod, facts, signal)
    } catch (error) {
      if (!(error instanceof MountError)) throw error
      this.#observer.note('Warning', error.reason, error.message)
      this.#volumes.refreshLater(this.#services.clock.now() + mountBackoff.most)
    }
  }

  async perform(action: PodAction, context: ActionContext): Promise<void> {
    switch (action.do) {
      case 'mountVolumes':
        return this.#mountVolumes(context)
      case 'unmountVolumes':
        return this.#unmountVolumes(context.pod)
      case 'createSandbox':
        return this.#createSandbox(action.attempt, context)
      case 'stopSandbox':
        return this.#services.runtime.stopSandbox(action.id, context.signal)
      case 'removeSandbox':
        return this.#services.runtime.removeSandbox(action.id, context.signal)
      case 'pullImage':
        return this.#pullImage(action.container, context)
      case 'startContainer':
        return this.#startContainer(action, context)
      case 'prepareStop':
        return this.#prepareStop(action, context)
      case 'stopContainer':
        return this.#stopContainer(action, context)
      case 'resize':
        return this.#resize(action.runs, context)
      case 'removeContainer':
        return this.#removeContainer(action.id, context)
      case 'recordEvent':
        return this.#observer.note(action.type, action.reason, action.message, action.container)
      case 'removePod':
        return this.#cleanUp(context)
    }
  }

  async #mountVolumes({ pod, facts, pass, signal }: ActionContext): Promise<void> {
    try {
      const { finished } = await this.#volumes.begin(pod, facts, AbortSignal.any([pass, signal]))
      this.#mounting = finished
      this.#state.setVolumes(true)
    } catch (error) {
      this.#failMount(error)
    }
  }

  #failMount(error: unknown): void {
    if (!(error instanceof MountError)) throw error
    this.#observer.note('Warning', error.reason, error.message)
    const delay = exponentialDelay(this.#mountFailures++, error.isAwaited ? claimBackoff : mountBackoff)
    this.#state.setVolumes(false)
    this.#state.retryLater('volumes', this.#services.clock.now() + delay)
  }

  async #unmountVolumes(pod: Pod): Promise<void> {
    await this.#mounting.catch(() => {})
    await this.#volumes.unmount()
    await this.#services.cgroups.remove(pod)
    this.#services.objects.release(pod.metadata.uid ?? '')
    this.#state.setVolumes(false)
  }

  async #createSandbox(attempt: number, { pod, pass, signal }: ActionContext): Promise<void> {
    const { runtime, cgroups, sandboxStarts, clock } = this.#services
    try {
      const request = prepareSandbox(this.#services, pod, attempt)
      await sandboxStarts.run(async () => {
        // In its turn: of pods that come together the first need not wait for the groups and folders of all.
        cgroups.create(pod)
        const folders = prepareFolders(this.#services, pod)
        folders.catch(() => {})
        // Carried through like the start of a container, once it has begun.
        await runtime.createSandbox(request, signal)
        await folders
      }, pass)
      this.#sandboxFailures = 0
    } catch (error) {
      pass.throwIfAborted()
      if (error instanceof RuntimeError && error.isUnavailable) throw error
      const text = error instanceof RuntimeError ? error.rpcText : (error as Error).message
      this.#observer.note('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${text}`)
      this.#state.retryLater('sandbox', clock.now() + exponentialDelay(this.#sandboxFailures++, sandboxBackoff))
    }
  }

  /** Goes on beside; `changed` says when it is over. */
  async #pullImage(name: string, { pod }: ActionContext): Promise<void> {
    const container = containerNamed(pod, name)
    if (container === undefined) return
    const { images, objects, report } = this.#services
    const pulling = { is: 'pulling' } as const
    this.#state.setImage(name, pulling)
    const pull = async (): Promise<void> => {
      try {
        const namespace = pod.metadata.namespace ?? ''
        const outcome = await images.ensure(
          pod,
          container,
          objects.objectsOf(namespace),
          (type, reason, message) => this.#observer.note(type, reason, message, name),
          this.#beside.signal,
        )
        // The container may have got another image meanwhile.
        if (this.#state.image(name) !== pulling) return
        if (outcome.ok) this.#state.setImage(name, { is: 'present', ref: outcome.ref })
        else this.#state.fail(name, outcome.failure)
      } catch (error) {
        if (this.#beside.signal.aborted) return
        this.#state.fail(name, { ...waitingForRuntime, retryAt: this.#services.clock.now() + sandboxBackoff.first })
        report(`Cannot look for image "${container.image}"`, error)
      }
      this.#observer.changed()
    }
    void pull()
  }

  async #startContainer(
    { name, attempt, imageRef, endedAt }: Extract<PodAction, { do: 'startContainer' }>,
    { pod, observed, facts, pass, signal }: ActionContext,
  ): Promise<void> {
    const container = containerNamed(pod, name)
    const sandbox = observed.sandboxes[0]
    if (container === undefined || sandbox === undefined) return
    const { runtime, clock } = this.#services
    const targetId = targetOf(container, observed)
    let id: string
    try {
      await this.#mounting
      this.#mountFailures = 0
    } catch (error) {
      pass.throwIfAborted()
      return this.#failMount(error)
    }
    try {
      const start = { pod, container, attempt, imageRef, sandboxId: sandbox.id, facts }
      const whole = targetId === undefined ? start : { ...start, targetId }
      const request = await prepareContainer(this.#services, this.#volumes, whole, pass)
      // While this is awaited the container is made; it does not start before.
      const admitted = this.#services.admitPod(pod, facts.podIPs, pass)
      admitted.catch(() => {})
      id = await runtime.createContainer(request, pass)
      await admitted
    } catch (error) {
      pass.throwIfAborted()
      return this.#failStart(name, error)
    }
    this.#observer.note('Normal', 'Created', `Created container: ${name}`, name)
    this.#state.noteStart(pod, name, endedAt, clock.now())
    this.#state.noteResources(id, container.resources ?? {})
    try {
      // Also of a pod that is being deleted: containerd leaves the process of a start that it gives up, which nobody ends then.
      await runtime.startContainer(id, signal)
    } catch (error) {
      pass.throwIfAborted()
      if (!(error instanceof RuntimeError) || error.isUnavailable) throw error
      this.#observer.note('Warning', 'Failed', `Error: ${error.message}`, name)
      // The runtime kept it as ended, so that its back-off says when to try again.
      this.#state.fail(name, { reason: 'RunContainerError', message: error.message, retryAt: 0 })
      return
    }
    this.#observer.note('Normal', 'Started', `Started container ${name}`, name)
    this.#state.noteStarted(name)
    const target = { pod, container, containerId: id, podIP: facts.podIPs[0] ?? '', runtime, clock }
    if (container.lifecycle?.postStart !== undefined) await this.#runPostStart(target, pass)
  }

  #failStart(name: string, error: unknown): void {
    const isRuntime = error instanceof RuntimeError
    if (!isRuntime && !(error instanceof ConfigError)) throw error
    if (isRuntime && error.isUnavailable) throw error
    const { message } = error
    this.#observer.note('Warning', 'Failed', `Error: ${message}`, name)
    const reason = isRuntime ? 'CreateContainerError' : 'CreateContainerConfigError'
    this.#state.fail(name, { reason, message, retryAt: this.#services.clock.now() + retryConfigAfter })
  }

  /** A hook that fails costs the container its life. */
  async #runPostStart(target: HookTarget, pass: AbortSignal): Promise<void> {
    const { container, containerId, pod } = target
    try {
      await runHook(container.lifecycle!.postStart!, target, undefined, pass)
    } catch (error) {
      pass.throwIfAborted()
      this.#observer.note('Warning', 'FailedPostStartHook', 'PostStartHook failed', container.name)
      this.#observer.note('Normal', 'Killing', 'FailedPostStartHook', container.name)
      this.#state.fail(container.name, { reason: 'PostStartHookError', message: (error as Error).message, retryAt: 0 })
      await this.#services.runtime.stopContainer(containerId, pod.spec.terminationGracePeriodSeconds ?? 30, pass)
    }
  }

  /** Goes on beside; the end of the container is seen like any other. */
  async #stopContainer(
    { id, name, graceSeconds, why }: Extract<PodAction, { do: 'stopContainer' }>,
    { pod, facts }: ActionContext,
  ): Promise<void> {
    const { runtime, clock, report } = this.#services
    const isFirst = !this.#state.isStopping(id) && !this.#state.isPrepared(id)
    if (isFirst) this.#observer.note('Normal', 'Killing', why, name)
    this.#state.noteStop(id, clock.now() + graceSeconds * 1000)
    const target = isFirst ? this.#preStopOf(id, name, pod, facts) : undefined
    const stop = async (): Promise<void> => {
      try {
        const signal = this.#beside.signal
        await stopContainer(id, graceSeconds, target, runtime, clock, signal, () => this.#notePreStopFailed(name))
      } catch (error) {
        if (this.#beside.signal.aborted) return
        report(`Cannot stop container "${name}" of pod "${pod.metadata.name}"`, error)
        await clock.sleep(sandboxBackoff.first, this.#beside.signal).catch(() => {})
        this.#state.forgetStop(id)
      }
      this.#observer.changed()
    }
    void stop()
  }

  /** Goes on beside, until the hook is over. */
  async #prepareStop(
    { id, name, graceSeconds, why }: Extract<PodAction, { do: 'prepareStop' }>,
    { pod, facts }: ActionContext,
  ): Promise<void> {
    this.#observer.note('Normal', 'Killing', why, name)
    const target = this.#preStopOf(id, name, pod, facts)
    this.#state.notePrepared(id, target === undefined)
    if (target === undefined) return
    const run = async (): Promise<void> => {
      const { signal } = this.#beside
      await runPreStop(target, graceSeconds, signal, () => this.#notePreStopFailed(name))
      this.#state.notePrepared(id, true)
      this.#observer.changed()
    }
    // It was given up with the pod's worker.
    run().catch(() => {})
  }

  #preStopOf(id: string, name: string, pod: Pod, { podIPs }: OwnFacts): PreStop | undefined {
    const { runtime, clock } = this.#services
    const container = containerNamed(pod, name)
    const hook = container?.lifecycle?.preStop
    if (container === undefined || hook === undefined) return undefined
    return { hook, pod, container, containerId: id, podIP: podIPs[0] ?? '', runtime, clock }
  }

  #notePreStopFailed(name: string): void {
    this.#observer.note('Warning', 'FailedPreStopHook', 'PreStopHook failed', name)
  }

  /** What takes more is given room first, and what takes less leaves room last. */
  async #resize(runs: Extract<PodAction, { do: 'resize' }>['runs'], { pod, signal }: ActionContext): Promise<void> {
    const { runtime, cgroups, clock } = this.#services
    try {
      checkMemory(pod, runs, cgroups)
      cgroups.widen(pod)
      for (const { id, name } of runs) {
        await runtime.resizeContainer(id, pod, name, signal)
        this.#state.noteResources(id, containerNamed(pod, name)?.resources ?? {})
      }
      cgroups.limit(pod)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof RuntimeError && error.isUnavailable) throw error
      const text = error instanceof RuntimeError ? error.rpcText : (error as Error).message
      this.#state.failResize(text, clock.now() + retryConfigAfter)
    }
  }

  async #removeContainer(id: string, { pod, observed, signal }: ActionContext): Promise<void> {
    const { runtime, host } = this.#services
    await runtime.removeContainer(id, signal)
    const run = observed.containers.find((each) => each.id === id)
    if (run === undefined) return
    const folder = `${podLogFolder(this.#services, pod)}/${run.name}`
    const prefix = `${run.attempt}.log`
    for (const file of await host.files.list(folder)) {
      if (file === prefix || file.startsWith(`${prefix}.`)) await host.files.remove(`${folder}/${file}`)
    }
    const messages = `${podFolder(this.#services, pod.metadata.uid ?? '')}/containers/${run.name}`
    await host.files.remove(`${messages}/${run.attempt}.termination-message`)
  }

  /** Nothing of the pod stays on the node. */
  async #cleanUp({ pod, observed, signal }: ActionContext): Promise<void> {
    const { runtime, host, images } = this.#services
    for (const sandbox of observed.sandboxes) await runtime.removeSandbox(sandbox.id, signal)
    await this.#unmountVolumes(pod)
    await removeUnmounted(host, podFolder(this.#services, pod.metadata.uid ?? ''))
    await host.files.remove(podLogFolder(this.#services, pod))
    images.forget(pod.metadata.uid ?? '')
  }
}

/** A limit below what is used would end the container. Throws in upstream's words. */
function checkMemory(
  pod: Pod,
  runs: Extract<PodAction, { do: 'resize' }>['runs'],
  cgroups: NodeServices['cgroups'],
): void {
  const problems: string[] = []
  const check = (what: string, limit: number | undefined, used: number | undefined): void => {
    if (limit === undefined || used === undefined || used < limit) return
    problems.push(`attempting to set ${what} memory limit (${limit}) below current usage (${used})`)
  }
  check('pod', computePodLimits(pod).memoryBytes, cgroups.usage(pod)?.memoryUsageBytes)
  for (const { id, name } of runs) {
    const limit = containerNamed(pod, name)?.resources?.limits?.['memory']
    const used = cgroups.containerUsage(pod, id)?.memoryUsageBytes
    check(`container "${name}"`, limit === undefined ? undefined : quantityValue(limit), used)
  }
  if (problems.length === 0) return
  const all = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`
  throw new Error(`cannot decrease memory limits: ${all}`)
}

const waitingForRuntime = { reason: 'ContainerCreating', message: '' } as const

/** The container whose processes an ephemeral container shall see. */
function targetOf(container: Container | EphemeralContainer, observed: ObservedPod): string | undefined {
  const name = 'targetContainerName' in container ? container.targetContainerName : undefined
  if (name === undefined || name === '') return undefined
  return observed.containers.find((run) => run.name === name && run.state === 'running')?.id
}
