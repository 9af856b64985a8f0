import { randomSuffix, type Random } from '#lib/random.ts'

/** What is left of a DNS label for the base once the five random characters have their place. */
const longestBase = 63 - 5

/** A name from `metadata.generateName`: the base, cut so that the whole fits a DNS label, and five random characters. */
export function generateName(base: string, random: Random): string {
  return base.slice(0, longestBase) + randomSuffix(random)
}
