import { parseDuration } from '#lib/cel/time.ts'
import { canonicalQuantity, compareQuantities, quantityOf, quantityValue } from '#machinery/quantity.ts'
import { signalNames, type SignalName } from './signals.ts'

/** When a node is short of something and what it does about it, in the words of a KubeletConfiguration. */
export interface EvictionSettings {
  /** What must be left at least, by signal: a quantity, or a part such as `10%`. What is not named here is not looked at. */
  readonly evictionHard?: Readonly<Record<string, string>>
  /** What must be left for longer than the grace period of the signal. */
  readonly evictionSoft?: Readonly<Record<string, string>>
  /** Durations as Go writes them, by signal. */
  readonly evictionSoftGracePeriod?: Readonly<Record<string, string>>
  /** How much more than the threshold must be left before a node stops reclaiming, by signal. */
  readonly evictionMinimumReclaim?: Readonly<Record<string, string>>
  /** Milliseconds for which a condition stays after it was last seen; five minutes unless told. */
  readonly evictionPressureTransitionPeriod?: number
  /** Seconds that a pod gets at most when a soft threshold is met; none unless told. */
  readonly evictionMaxPodGracePeriod?: number
}

/** What v1.34's kubelet takes where nothing is said (`DefaultEvictionHard`). */
export const usualEviction: EvictionSettings = {
  evictionHard: {
    'memory.available': '100Mi',
    'nodefs.available': '10%',
    'nodefs.inodesFree': '5%',
    'imagefs.available': '15%',
    'imagefs.inodesFree': '5%',
  },
}

/** So much of something: a quantity, or a part of all there is. */
export type Amount = { readonly quantity: string } | { readonly part: number }

/** Met while less than `value` is left. */
export interface Threshold {
  readonly signal: SignalName
  readonly value: Amount
  /** For so many milliseconds it must be met before pods have to leave; 0 for a hard one. */
  readonly grace: number
  readonly minimumReclaim?: Amount
}

/** An amount of something of which there is so much, in its units. */
export function unitsOf(amount: Amount, capacity: number): number {
  return 'quantity' in amount ? quantityValue(amount.quantity) : Math.trunc(capacity * amount.part)
}

/** How messages write it. */
export function amountText(amount: Amount, capacity: number): string {
  return 'quantity' in amount ? amount.quantity : quantityOf(unitsOf(amount, capacity), 'BinarySI')
}

/** The thresholds of settings in which nothing is wrong (`evictionProblems`): the hard ones first. */
export function thresholdsOf(settings: EvictionSettings): readonly Threshold[] {
  const { evictionHard, evictionSoft, evictionSoftGracePeriod = {}, evictionMinimumReclaim = {} } = settings
  const read = (said: Readonly<Record<string, string>> = {}, graceOf: (signal: SignalName) => number): Threshold[] =>
    signalNames.flatMap((signal) => {
      const value = amountOf(said[signal])
      const minimumReclaim = amountOf(evictionMinimumReclaim[signal])
      // So a signal is left out of a list that replaces the usual one.
      if (value === undefined || said[signal] === '0%' || said[signal] === '100%') return []
      return [{ signal, value, grace: graceOf(signal), ...(minimumReclaim === undefined ? {} : { minimumReclaim }) }]
    })
  return [
    ...read(evictionHard, () => 0),
    ...read(evictionSoft, (signal) => millisecondsOf(evictionSoftGracePeriod[signal]) ?? 0),
  ]
}

/** What cannot be used: the setting with the signal, and what would be right. */
export interface EvictionProblem {
  readonly path: readonly string[]
  readonly text: string
}

type SettingBySignal = 'evictionHard' | 'evictionSoft' | 'evictionSoftGracePeriod' | 'evictionMinimumReclaim'

export function evictionProblems(settings: EvictionSettings): readonly EvictionProblem[] {
  const problems: EvictionProblem[] = []
  const check = (setting: SettingBySignal, rule: (value: string, signal: string) => string | undefined): void => {
    for (const [signal, value] of Object.entries<unknown>(settings[setting] ?? {})) {
      // What is no text is told already.
      if (typeof value !== 'string') continue
      const isKnown = (signalNames as readonly string[]).includes(signal)
      const text = isKnown ? rule(value, signal) : `is no signal; there are ${signalNames.join(', ')}`
      if (text !== undefined) problems.push({ path: [setting, signal], text })
    }
  }
  const amount = (least: number) => (value: string) => {
    const read = amountOf(value)
    if (read === undefined)
      return `is ${JSON.stringify(value)}; it must be a quantity such as 100Mi or a part such as 10%`
    if ('part' in read) return read.part <= 1 ? undefined : `is ${JSON.stringify(value)}; it must be at most 100%`
    return compareQuantities(read.quantity, '0') >= least
      ? undefined
      : `is ${JSON.stringify(value)}; it must be more than 0`
  }
  check('evictionHard', amount(1))
  check('evictionSoft', (value, signal) =>
    settings.evictionSoftGracePeriod?.[signal] === undefined
      ? 'needs a grace period: it must stand in evictionSoftGracePeriod too'
      : amount(1)(value),
  )
  check('evictionSoftGracePeriod', (value) =>
    millisecondsOf(value) === undefined
      ? `is ${JSON.stringify(value)}; it must be a duration such as 90s or 1h30m`
      : undefined,
  )
  check('evictionMinimumReclaim', amount(0))
  return problems
}

function amountOf(text: string | undefined): Amount | undefined {
  if (text === undefined) return undefined
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)
  // In single precision, as upstream reads it: the thresholds in messages are the same to the byte.
  if (percent !== null) return { part: Math.fround(Math.fround(Number(percent[1])) / 100) }
  // As it is written: so messages write it too.
  const isQuantity = typeof canonicalQuantity(text) === 'string' && compareQuantities(text, '0') >= 0
  return isQuantity ? { quantity: text } : undefined
}

function millisecondsOf(text: string | undefined): number | undefined {
  const nanos = text === undefined ? undefined : parseDuration(text)?.nanos
  return nanos === undefined || nanos < 0n ? undefined : Number(nanos / 1_000_000n)
}
