import type { Clock } from '#lib/clock.ts'
import type { PodWorker } from '../podWorker.ts'
import type { ContainerRuntime, ObservedPod } from '../runtime/containerRuntime.ts'
import type { ImageUses } from './unusedImages.ts'

export interface ReclaimOptions {
  readonly runtime: Pick<ContainerRuntime, 'observe' | 'images' | 'removeImage'>
  readonly clock: Clock
  readonly uses: ImageUses
  readonly workers: () => readonly PodWorker[]
  readonly report: (problem: string, error?: unknown) => void
}

/** How containers name the images that they are made of, those that have ended too. */
export function usedImages(pods: readonly ObservedPod[]): ReadonlySet<string> {
  return new Set(pods.flatMap(({ containers }) => containers.flatMap(({ image, imageRef }) => [image, imageRef])))
}

/** Removes the containers of pods that are over, and then the images that nobody needs. What fails is told and left. */
export async function reclaimDisk(options: ReclaimOptions, signal: AbortSignal): Promise<void> {
  const { runtime, clock, uses, workers, report } = options
  const attempt = async (what: string, act: () => Promise<void>): Promise<void> => {
    try {
      await act()
    } catch (error) {
      signal.throwIfAborted()
      report(what, error)
    }
  }
  for (const worker of workers()) {
    const { name } = worker.pod.metadata
    await attempt(`Cannot remove what is left of pod "${name}"`, () => worker.discardContainers(signal))
  }
  await attempt('Cannot find out which images are used', async () => {
    const pods = await Promise.all(workers().map(({ pod }) => runtime.observe(pod.metadata.uid ?? '', signal)))
    const [images, used, now] = [await runtime.images(signal), usedImages(pods), clock.now()]
    uses.note(images, used, now)
    for (const { id, names } of uses.unused(images, used, now)) {
      await attempt(`Cannot remove image "${names[0] ?? id}"`, () => runtime.removeImage(id, signal))
    }
  })
}
