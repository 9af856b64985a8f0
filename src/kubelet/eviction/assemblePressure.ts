import type { EventRecorder } from '#client/events.ts'
import type { StatsSource } from '../api/statsSource.ts'
import { reclaimDisk } from '../images/reclaimDisk.ts'
import type { ImageUses } from '../images/unusedImages.ts'
import type { KubeletMetrics } from '../kubeletMetrics.ts'
import type { KubeletOptions } from '../options.ts'
import { imageDisk } from './imageDisk.ts'
import { NodePressure } from './nodePressure.ts'
import { readPodUse } from './readPodUse.ts'
import { readSignals } from './signals.ts'
import { usualEviction } from './thresholds.ts'

export interface PressureParts {
  readonly options: KubeletOptions
  /** What the node and its pods use. */
  readonly source: StatsSource
  readonly uses: ImageUses
  readonly recorder: EventRecorder
  readonly metrics: Pick<KubeletMetrics, 'evicted'>
  /** The node's conditions are others than before. */
  readonly changed: () => void
  readonly report: (problem: string, error?: unknown) => void
}

/** Watches over the disks, the memory and the processes that a node agent has to do with. */
export function assemblePressure(parts: PressureParts, signal: AbortSignal): NodePressure {
  const { options, source, uses, recorder, metrics, changed, report } = parts
  const { nodeName, clock, runtime, host } = options
  const { workers, folder } = source.options
  const disk = imageDisk(runtime, host.files, folder, signal)
  return new NodePressure({
    settings: { ...usualEviction, ...options.eviction },
    nodeName,
    clock,
    recorder,
    workers,
    readSignals: (wanted) => readSignals(source, disk.folder, wanted),
    readUse: (worker, name) => readPodUse(source, worker, name),
    hasImageDisk: disk.isOwn,
    async reclaim(name, stop) {
      // Images, and what containers leave, are on the disk of images.
      const isOfImages = name.startsWith('imagefs') || (name.startsWith('nodefs') && !(await disk.isOwn()))
      if (isOfImages) await reclaimDisk({ runtime, clock, uses, workers, report }, stop)
      return isOfImages
    },
    changed,
    evicted: (name) => metrics.evicted(name),
    report,
  })
}
