import type { StatsSource } from '../api/statsSource.ts'
import { localVolumes } from '../plan/localVolumes.ts'
import type { PodWorker } from '../podWorker.ts'
import type { DiskUse } from '../runtime/containerRuntime.ts'
import type { ContainerUse, PodUse } from './rankPods.ts'
import { signals, type SignalName } from './signals.ts'

const none: DiskUse = { bytes: 0, inodes: 0 }

/** Measures one pod for the sake of a signal; what the signal does not ask for is zero. Undefined when nothing is known of it. */
export async function readPodUse(
  source: StatsSource,
  worker: PodWorker,
  signal: SignalName,
): Promise<PodUse | undefined> {
  const { pod, observed } = worker
  const whole = source.pod(pod)
  if (whole === undefined || observed.sandboxes.length === 0) return undefined
  const isOfDisk = signals[signal].condition === 'DiskPressure'
  const containers: ContainerUse[] = []
  for (const { run, usage } of source.running(worker)) {
    const [root, logs] = isOfDisk ? await Promise.all([source.written(run), source.logs(pod, run.name)]) : [none, none]
    containers.push({ name: run.name, memoryBytes: usage.memoryWorkingSetBytes, root, logs })
  }
  const onDisk = localVolumes(pod)
  const figures = isOfDisk ? (await source.options.volumes.of(worker)).filter(({ name }) => onDisk.has(name)) : []
  return {
    memoryBytes: whole.memoryWorkingSetBytes,
    processes: whole.pids,
    containers,
    volumes: {
      bytes: figures.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
      inodes: figures.reduce((sum, { inodesUsed }) => sum + inodesUsed, 0),
    },
  }
}
