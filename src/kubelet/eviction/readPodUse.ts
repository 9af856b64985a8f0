import type { Pod } from '#api/core/v1/pod.ts'
import type { StatsSource } from '../api/statsSource.ts'
import type { PodWorker } from '../podWorker.ts'
import type { ContainerRuntime } from '../runtime/containerRuntime.ts'
import type { ContainerUse, DiskUse, PodUse } from './rankPods.ts'
import { signals, type SignalName } from './signals.ts'

type Volume = NonNullable<Pod['spec']['volumes']>[number]

/** What pods write there is on the node's disk, and goes with them. */
function isOnDisk({ emptyDir, configMap, downwardAPI, gitRepo }: Volume): boolean {
  return (emptyDir !== undefined && emptyDir.medium !== 'Memory') || (configMap ?? downwardAPI ?? gitRepo) !== undefined
}

const none: DiskUse = { bytes: 0, inodes: 0 }

/** Measures one pod for the sake of a signal; what the signal does not ask for is zero. Undefined when nothing is known of it. */
export async function readPodUse(
  source: StatsSource,
  runtime: Pick<ContainerRuntime, 'written'>,
  worker: PodWorker,
  signal: SignalName,
  stop: AbortSignal,
): Promise<PodUse | undefined> {
  const whole = source.pod(worker.pod)
  if (whole === undefined || worker.observed.sandboxes.length === 0) return undefined
  const { files, logFolder, volumes } = source.options
  const isOfDisk = signals[signal].condition === 'DiskPressure'
  const containers: ContainerUse[] = []
  for (const { run, usage } of source.running(worker)) {
    const { name, id } = run
    let logs = none
    const folder = `${logFolder(worker.pod)}/${name}`
    for (const file of isOfDisk ? await files.list(folder) : []) {
      const size = (await files.status(`${folder}/${file}`))?.size ?? 0
      logs = { bytes: logs.bytes + size, inodes: logs.inodes + 1 }
    }
    const root = isOfDisk ? await runtime.written(id, stop) : none
    containers.push({ name, memoryBytes: usage.memoryWorkingSetBytes, root, logs })
  }
  const onDisk = new Set((worker.pod.spec.volumes ?? []).filter(isOnDisk).map(({ name }) => name))
  const figures = isOfDisk ? (await volumes.of(worker)).filter(({ name }) => onDisk.has(name)) : []
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
