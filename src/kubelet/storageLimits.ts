import type { Clock } from '#lib/clock.ts'
import type { Files } from '#lib/host/files.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { limitsStorage, planEviction, type WrittenBytes } from './plan/planEviction.ts'
import type { PodWorker } from './podWorker.ts'
import type { ContainerRuntime } from './runtime/containerRuntime.ts'

export interface StorageLimitsOptions {
  readonly clock: Clock
  readonly files: Pick<Files, 'usage' | 'list' | 'status'>
  readonly runtime: Pick<ContainerRuntime, 'written'>
  readonly logFolder: (pod: Pod) => string
  readonly workers: () => readonly PodWorker[]
  /** A pod had to leave for the sake of a limit. */
  readonly evicted: (signal: string) => void
  readonly report: (problem: string, error?: unknown) => void
}

const lookEvery = 10_000

/** Evicts pods that have written more than they said they would, until the signal aborts. Others cost nothing. */
export async function watchStorageLimits(options: StorageLimitsOptions, signal: AbortSignal): Promise<void> {
  const { clock, workers, evicted, report } = options
  while (!signal.aborted) {
    await clock.sleep(lookEvery, signal).catch(() => {})
    for (const worker of workers()) {
      if (signal.aborted) return
      if (worker.isEnding || !limitsStorage(worker.pod)) continue
      try {
        const broken = planEviction(worker.pod, await readWritten(options, worker, signal))
        if (broken === undefined) continue
        worker.evict({ reason: 'Evicted', message: broken.message, graceSeconds: 1 })
        evicted(broken.signal)
      } catch (error) {
        // What it has may be going away meanwhile.
        if (!signal.aborted && !worker.isEnding) report(`Cannot measure pod "${worker.pod.metadata.name}"`, error)
      }
    }
  }
}

async function readWritten(
  { files, runtime, logFolder }: StorageLimitsOptions,
  { pod, volumes, observed }: PodWorker,
  signal: AbortSignal,
): Promise<WrittenBytes> {
  const ofVolumes = new Map<string, number>()
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    const mounted = volumes.get(name)
    if (emptyDir !== undefined && mounted !== undefined) ofVolumes.set(name, (await files.usage(mounted.path)).bytes)
  }
  const ofContainers = new Map<string, number>()
  for (const run of observed.containers) {
    if (run.state !== 'running') continue
    let { bytes } = await runtime.written(run.id, signal)
    const folder = `${logFolder(pod)}/${run.name}`
    for (const name of await files.list(folder)) bytes += (await files.status(`${folder}/${name}`))?.size ?? 0
    ofContainers.set(run.name, bytes)
  }
  return { volumes: ofVolumes, containers: ofContainers }
}
