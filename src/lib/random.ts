/** A source of randomness that a test can seed. */
export interface Random {
  /** A number from 0 up to but not including 1. */
  next(): number
}

/** The platform's randomness. Not for secrets: those come from node:crypto. */
export const systemRandom: Random = { next: () => Math.random() }

/** The same sequence for the same seed (mulberry32: 32 bits of state, good enough for spreading and for tests). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
    },
  }
}

/** A whole number from 0 up to but not including `bound`. */
export function randomInteger(random: Random, bound: number): number {
  return Math.floor(random.next() * bound)
}

/** The letters and digits of generated names: no vowels and nothing that reads like another, so no words appear. */
const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789'

/** A name's random ending, as the API server and the controllers make it (apimachinery's `rand.String`). */
export function randomSuffix(random: Random, length = 5): string {
  let text = ''
  for (let i = 0; i < length; i++) text += nameAlphabet[randomInteger(random, nameAlphabet.length)]
  return text
}

/** `value` plus up to `fraction` of it, so that loops which started together drift apart. */
export function jittered(random: Random, value: number, fraction: number): number {
  return value * (1 + random.next() * fraction)
}
