import type { Pod } from '#api/core/v1/pod.ts'
import type { Clock } from '#lib/clock.ts'
import { hashOfContainer, containerNamed } from '#kubelet/plan/podView.ts'
import {
  RuntimeError,
  type ContainerRuntime,
  type ExecResult,
  type FoundImage,
  type ObservedContainer,
  type ObservedSandbox,
} from '#kubelet/runtime/containerRuntime.ts'
import { behaviourOf } from './behaviour.ts'
import { containerId, imageDigest, imageName, runtimeScheme, stoppedBy } from './simulatedContainer.ts'

export interface SimulatedRuntimeOptions {
  readonly clock: Clock
  /** Addresses for the sandboxes of pods that are not in the node's network; undefined when there are none left. */
  readonly addressesOf: (podUid: string) => readonly string[] | undefined
  readonly releaseAddresses?: (podUid: string) => void
  /** What commands in containers come to; success without a word unless told. */
  readonly exec?: (containerName: string, command: readonly string[]) => ExecResult
}

interface Sandbox extends ObservedSandbox {
  readonly pod: Pod
}

interface Run extends ObservedContainer {
  readonly pod: Pod
  /** Ends it when its time has come. */
  readonly timer?: Disposable
  /** Resolves once it has ended. */
  readonly ended: PromiseWithResolvers<void>
}

/** gRPC codes, which is what a runtime over CRI would answer. */
const notFoundCode = 5
const unavailableAddress = 8
const unimplementedCode = 12
const wrongState = 9

/**
 * A container runtime without containers: one real node agent over it behaves as over containerd, under any clock and
 * without root. Containers do what their pod's annotations tell (`behaviour.ts`); they have no logs and no streams.
 * Disposing it drops every timer.
 */
export function simulatedRuntime(options: SimulatedRuntimeOptions): ContainerRuntime & Disposable {
  const { clock } = options
  const sandboxes = new Map<string, Sandbox>()
  const runs = new Map<string, Run>()
  const images = new Map<string, FoundImage>()
  const listeners = new Set<(podUid: string) => void>()

  const changed = (pod: Pod): void => {
    for (const listen of listeners) listen(uidOf(pod))
  }
  const sandboxNamed = (id: string): Sandbox => {
    const found = sandboxes.get(id)
    if (found === undefined) throw new RuntimeError(`sandbox "${id}": not found`, notFoundCode)
    return found
  }
  const runNamed = (id: string): Run => {
    const found = runs.get(id)
    if (found === undefined) throw new RuntimeError(`container "${id}": not found`, notFoundCode)
    return found
  }
  const end = (id: string, exitCode: number): void => {
    const run = runs.get(id)
    if (run?.state !== 'running') return
    run.timer?.[Symbol.dispose]()
    const reason = exitCode === 0 ? 'Completed' : 'Error'
    runs.set(id, { ...run, state: 'exited', finishedAt: clock.now(), exitCode, reason })
    run.ended.resolve()
    changed(run.pod)
  }
  const stop = async (id: string, graceSeconds: number): Promise<void> => {
    const run = runNamed(id)
    if (run.state !== 'running') return
    const { at, exitCode } = stoppedBy(behaviourOf(run.pod).of(run.name, run.attempt), clock.now(), graceSeconds)
    if (at <= clock.now()) return end(id, exitCode)
    using _timer = clock.after(at - clock.now(), () => end(id, exitCode))
    await run.ended.promise
  }
  const remove = (id: string): void => {
    end(id, 137)
    runs.delete(id)
  }
  const byPod = <T extends { readonly pod: Pod; readonly createdAt: number }>(all: Iterable<T>, uid: string): T[] =>
    [...all].filter(({ pod }) => uidOf(pod) === uid).toSorted((a, b) => b.createdAt - a.createdAt)

  return {
    scheme: runtimeScheme,
    async observe(uid) {
      return {
        sandboxes: byPod(sandboxes.values(), uid).map(({ pod: _pod, ...observed }) => observed),
        containers: byPod(runs.values(), uid).map(
          ({ pod: _pod, timer: _timer, ended: _ended, ...observed }) => observed,
        ),
      }
    },
    async pods() {
      const found = new Map<string, Pod>()
      for (const { pod } of [...sandboxes.values(), ...runs.values()]) found.set(uidOf(pod), pod)
      return [...found].map(([uid, { metadata }]) => ({
        uid,
        name: metadata.name,
        namespace: metadata.namespace ?? '',
      }))
    },
    async *changes(signal) {
      const waiting: string[] = []
      let wake = (): void => {}
      const listen = (uid: string): void => {
        waiting.push(uid)
        wake()
      }
      const onAbort = (): void => wake()
      listeners.add(listen)
      signal.addEventListener('abort', onAbort, { once: true })
      try {
        while (!signal.aborted) {
          const next = waiting.shift()
          if (next !== undefined) yield next
          else {
            await new Promise<void>((resolve) => {
              wake = resolve
            })
          }
        }
      } finally {
        listeners.delete(listen)
        signal.removeEventListener('abort', onAbort)
      }
    },
    health: async () => ({ name: 'simulated', version: '1.0.0' }),

    async createSandbox({ pod, attempt }) {
      const id = containerId(pod, '', attempt)
      const ips = pod.spec.hostNetwork === true ? [] : options.addressesOf(uidOf(pod))
      if (ips === undefined) throw new RuntimeError('no IP addresses available in range set', unavailableAddress)
      sandboxes.set(id, { id, attempt, ready: true, createdAt: clock.now(), ips, pod })
      changed(pod)
      return id
    },
    async stopSandbox(id) {
      const sandbox = sandboxNamed(id)
      for (const run of runs.values()) if (run.sandboxId === id) end(run.id, 137)
      if (!sandbox.ready) return
      sandboxes.set(id, { ...sandbox, ready: false, ips: [] })
      options.releaseAddresses?.(uidOf(sandbox.pod))
      changed(sandbox.pod)
    },
    async removeSandbox(id) {
      const sandbox = sandboxes.get(id)
      if (sandbox === undefined) return
      for (const run of runs.values()) if (run.sandboxId === id) remove(run.id)
      sandboxes.delete(id)
      if (sandbox.ready) options.releaseAddresses?.(uidOf(sandbox.pod))
      changed(sandbox.pod)
    },

    async createContainer({ pod, name, attempt, sandboxId, imageRef }) {
      const sandbox = sandboxNamed(sandboxId)
      if (!sandbox.ready) throw new RuntimeError(`sandbox "${sandboxId}" is not running`, wrongState)
      const container = containerNamed(pod, name)
      if (container === undefined) throw new RuntimeError(`pod has no container "${name}"`, notFoundCode)
      const id = containerId(pod, name, attempt)
      runs.set(id, {
        id,
        name,
        sandboxId,
        attempt,
        hash: hashOfContainer(container),
        state: 'created',
        createdAt: clock.now(),
        image: imageName(container.image ?? ''),
        imageRef,
        pod,
        ended: Promise.withResolvers(),
      })
      changed(pod)
      return id
    },
    async startContainer(id, signal) {
      const { pod, name, attempt, sandboxId } = runNamed(id)
      const { startAfter, exitAfter, exitCode, exitRuns } = behaviourOf(pod).of(name, attempt)
      const wait = attempt === 0 ? sandboxNamed(sandboxId).createdAt + startAfter - clock.now() : 0
      if (wait > 0) await clock.sleep(wait, signal)
      const run = runNamed(id)
      if (run.state !== 'created') throw new RuntimeError(`container "${id}" is in ${run.state} state`, wrongState)
      const ends = exitAfter !== undefined && attempt < exitRuns
      const timer = ends && exitAfter > 0 ? clock.after(exitAfter, () => end(id, exitCode)) : undefined
      runs.set(id, { ...run, state: 'running', startedAt: clock.now(), ...(timer === undefined ? {} : { timer }) })
      changed(pod)
      if (ends && exitAfter === 0) end(id, exitCode)
    },
    async resizeContainer(id) {
      runNamed(id)
    },
    stopContainer: (id, graceSeconds) => stop(id, graceSeconds),
    async removeContainer(id) {
      const run = runs.get(id)
      if (run === undefined) return
      remove(id)
      changed(run.pod)
    },
    async written(id) {
      runNamed(id)
      return { bytes: 0, inodes: 0 }
    },
    async exec(id, command) {
      const run = runNamed(id)
      if (run.state !== 'running') throw new RuntimeError(`container "${id}" is not running`, wrongState)
      return options.exec?.(run.name, command) ?? { exitCode: 0, stdout: '', stderr: '' }
    },
    async reopenLog(id) {
      runNamed(id)
    },

    findImage: async (image) => images.get(imageName(image)),
    async pullImage(image) {
      const ref = imageDigest(image)
      images.set(imageName(image), { id: ref, ref, names: [imageName(image), ref], sizeBytes: 0 })
      return ref
    },
    async removeImage(image) {
      for (const [name, { ref }] of images) if (name === imageName(image) || ref === image) images.delete(name)
    },
    images: async () => [...images.values()],
    imageStore: async () => ({ folder: '/', bytes: 0, inodes: 0 }),

    async streamUrl({ kind }) {
      throw new RuntimeError(`simulated containers have no ${kind} streams`, unimplementedCode)
    },

    [Symbol.dispose]() {
      for (const { timer } of runs.values()) timer?.[Symbol.dispose]()
    },
  }
}

function uidOf({ metadata }: Pod): string {
  return metadata.uid ?? ''
}
