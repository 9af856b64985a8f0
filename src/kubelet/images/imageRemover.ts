import type { Clock } from '#lib/clock.ts'
import type { ContainerRuntime, ObservedPod } from '../runtime/containerRuntime.ts'
import type { ImageUses } from './unusedImages.ts'

export interface ImageRemoverOptions {
  readonly runtime: Pick<ContainerRuntime, 'pods' | 'observe' | 'images' | 'removeImage'>
  readonly clock: Clock
  readonly uses: ImageUses
  readonly report: (problem: string, error?: unknown) => void
}

/** How containers name the images that they are made of, those that have ended too. */
export function usedImages(pods: readonly ObservedPod[]): ReadonlySet<string> {
  return new Set(pods.flatMap(({ containers }) => containers.flatMap(({ image, imageRef }) => [image, imageRef])))
}

/**
 * Removes images that nobody needs, those first that were not used for longest, until so many bytes are free or none is left;
 * returns how many were. An image that cannot be removed is told of and left; rejects when the runtime says nothing.
 */
export async function removeUnusedImages(
  { runtime, clock, uses, report }: ImageRemoverOptions,
  bytes: number,
  signal: AbortSignal,
): Promise<number> {
  const known = await runtime.pods(signal)
  const pods = await Promise.all(known.map(({ uid }) => runtime.observe(uid, signal)))
  const [images, used, now] = [await runtime.images(signal), usedImages(pods), clock.now()]
  uses.note(images, used, now)
  let freed = 0
  for (const { id, names, sizeBytes } of uses.unused(images, used, now)) {
    if (freed >= bytes) break
    try {
      await runtime.removeImage(id, signal)
      freed += sizeBytes
    } catch (error) {
      signal.throwIfAborted()
      report(`Cannot remove image "${names[0] ?? id}"`, error)
    }
  }
  return freed
}
