import type { EventRecorder } from '#client/events.ts'
import type { StatsSource } from '../api/statsSource.ts'
import type { ImageDisk } from '../images/imageDisk.ts'
import type { KubeletMetrics } from '../kubeletMetrics.ts'
import type { KubeletOptions } from '../options.ts'
import { NodePressure } from './nodePressure.ts'
import { readPodUse } from './readPodUse.ts'
import { readSignals } from './signals.ts'
import type { EvictionSettings } from './thresholds.ts'

export interface PressureParts {
  readonly options: Pick<KubeletOptions, 'nodeName' | 'clock'>
  readonly settings: EvictionSettings
  /** What the node and its pods use. */
  readonly source: StatsSource
  readonly disk: ImageDisk
  /** Removes every image that nobody uses. */
  readonly removeImages: (signal: AbortSignal) => Promise<unknown>
  readonly recorder: EventRecorder
  readonly metrics: Pick<KubeletMetrics, 'evicted'>
  /** The node's conditions are others than before. */
  readonly changed: () => void
  readonly report: (problem: string, error?: unknown) => void
}

/** Watches over the disks, the memory and the processes that a node agent has to do with. */
export function assemblePressure(parts: PressureParts): NodePressure {
  const { options, settings, source, disk, recorder, metrics, changed, report } = parts
  const { nodeName, clock } = options
  const { workers } = source.options
  return new NodePressure({
    settings,
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
      if (isOfImages) await reclaim(parts, stop)
      return isOfImages
    },
    changed,
    evicted: (name) => metrics.evicted(name),
    report,
  })
}

/** Removes the containers of pods that are over, and then the images that nobody needs. What fails is told and left. */
async function reclaim({ source, removeImages, report }: PressureParts, stop: AbortSignal): Promise<void> {
  const attempt = async (what: string, act: () => Promise<unknown>): Promise<void> => {
    try {
      await act()
    } catch (error) {
      stop.throwIfAborted()
      report(what, error)
    }
  }
  for (const worker of source.options.workers()) {
    const { name } = worker.pod.metadata
    await attempt(`Cannot remove what is left of pod "${name}"`, () => worker.discardContainers(stop))
  }
  await attempt('Cannot find out which images are used', () => removeImages(stop))
}
