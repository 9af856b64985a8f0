import type { EventRecorder } from '#client/events.ts'
import type { Clock } from '#lib/clock.ts'
import { nodeReference } from '../node/nodeEvents.ts'

/** When images are removed that nobody uses, in the words of a KubeletConfiguration. */
export interface ImageSettings {
  /** From so much of the disk of images on, in percent, until less than the lower threshold is used; 100: never. 85 unless told. */
  readonly imageGCHighThresholdPercent?: number
  /** 80 unless told. */
  readonly imageGCLowThresholdPercent?: number
  /** Milliseconds for which an image stays after it was first seen; two minutes unless told. */
  readonly imageMinimumGCAge?: number
}

export interface CollectOptions {
  readonly settings: ImageSettings
  readonly nodeName: string
  readonly clock: Clock
  readonly recorder: EventRecorder
  /** The disk of images. */
  readonly readSpace: () => Promise<{ readonly freeBytes: number; readonly totalBytes: number }>
  /** Removes images that nobody uses until so many bytes are free; returns how many were. */
  readonly remove: (bytes: number) => Promise<number>
  readonly report: (problem: string, error?: unknown) => void
}

const lookEvery = 300_000
const usualHigh = 85
const usualLow = 80
const never = 100

/** How many bytes of images are too many on such a disk; nothing while less than the upper threshold is used. */
export function bytesToFree(
  { freeBytes, totalBytes }: { readonly freeBytes: number; readonly totalBytes: number },
  { imageGCHighThresholdPercent: high = usualHigh, imageGCLowThresholdPercent: low = usualLow }: ImageSettings,
): number {
  const usedPercent = 100 - Math.trunc((Math.min(freeBytes, totalBytes) * 100) / totalBytes)
  return usedPercent < high ? 0 : Math.trunc((totalBytes * (100 - low)) / 100) - freeBytes
}

/** Keeps the disk of images from filling up with those that nobody uses, until the signal aborts. */
export async function collectImages(options: CollectOptions, signal: AbortSignal): Promise<void> {
  const { settings, nodeName, clock, recorder, readSpace, remove, report } = options
  if (settings.imageGCHighThresholdPercent === never) return
  const tell = (reason: string, message: string): void =>
    recorder.record(nodeReference(nodeName), { type: 'Warning', reason, message })
  let hasFailed = false
  while (!signal.aborted) {
    try {
      const wanted = bytesToFree(await readSpace(), settings)
      const freed = wanted === 0 ? 0 : await remove(wanted)
      const isEnough = freed >= wanted
      if (!isEnough) {
        const message = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`
        tell('FreeDiskSpaceFailed', message)
        if (hasFailed) tell('ImageGCFailed', message)
      }
      hasFailed = !isEnough
    } catch (error) {
      if (signal.aborted) return
      report('Cannot collect the images that nobody uses', error)
    }
    await clock.sleep(lookEvery, signal).catch(() => {})
  }
}
