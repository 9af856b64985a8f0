import type { FoundImage } from '../runtime/containerRuntime.ts'

interface Use {
  readonly firstSeen: number
  readonly lastUsed: number
}

/** An image that has just come is mostly about to be used. */
const usualLeastAge = 120_000

/** Remembers when the images of a node came and were last used, and says which of them nobody needs. */
export class ImageUses {
  readonly #kept: ReadonlySet<string>
  readonly #leastAge: number
  #uses: ReadonlyMap<string, Use> = new Map()
  #hasBegun = false

  /** `kept`: names of images that are never given up; `leastAge`: milliseconds for which any image stays. */
  constructor(kept: readonly string[], leastAge = usualLeastAge) {
    this.#kept = new Set(kept)
    this.#leastAge = leastAge
  }

  /** `used`: how containers name their images: by ids, names and digests. What there is at first may be old. */
  note(images: readonly FoundImage[], used: ReadonlySet<string>, now: number): void {
    const uses = new Map<string, Use>()
    for (const image of images) {
      const known = this.#uses.get(image.id) ?? { firstSeen: this.#hasBegun ? now : -Infinity, lastUsed: -Infinity }
      uses.set(image.id, isUsed(image, used) ? { ...known, lastUsed: now } : known)
    }
    this.#uses = uses
    this.#hasBegun = true
  }

  /** The images that may go, the one that was not used for longest first. They must have been noted. */
  unused(images: readonly FoundImage[], used: ReadonlySet<string>, now: number): readonly FoundImage[] {
    const useOf = ({ id }: FoundImage): Use => this.#uses.get(id)!
    return images
      .filter((image) => image.isPinned !== true && !isUsed(image, this.#kept) && !isUsed(image, used))
      .filter((image) => now - useOf(image).firstSeen >= this.#leastAge)
      .toSorted(
        (a, b) => compare(useOf(a).lastUsed, useOf(b).lastUsed) || compare(useOf(a).firstSeen, useOf(b).firstSeen),
      )
  }
}

/** Both may be since ever, of which there is no difference. */
const compare = (a: number, b: number): number => (a === b ? 0 : a - b)

function isUsed({ id, ref, names }: FoundImage, used: ReadonlySet<string>): boolean {
  return used.has(id) || used.has(ref) || names.some((name) => used.has(name))
}
