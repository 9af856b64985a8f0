// Amounts such as `250m`, `1.5Gi` and `2e3`: reading, comparing, adding, and writing them as Kubernetes does.
// A quantity is exact: a whole number of nano-units, so `0.1` plus `0.2` is `300m`. Finer parts round up (away from zero).

/** The text style in which a quantity was written and is written again. */
export type QuantityFormat = 'BinarySI' | 'DecimalSI' | 'DecimalExponent'

/** An exact amount in billionths, and the style it prefers. */
export interface QuantityValue {
  readonly nanos: bigint
  readonly format: QuantityFormat
}

/** What upstream answers to text that is not a quantity at all. */
export const quantityFormatError =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
const quantitySuffixError = "unable to parse quantity's suffix"
const quantityNumberError = 'unable to parse numeric part of quantity'

const nanosPerUnit = 1_000_000_000n
const maximumUnits = (1n << 63n) - 1n

const decimalExponents = new Map<string, number>([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
])
const decimalSuffixes = new Map([...decimalExponents].map(([suffix, exponent]) => [exponent, suffix]))
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']

type ParsedQuantity = QuantityValue | { readonly problem: string }

/** Quantities are few and come again and again: the last ones read are kept. */
const knownQuantities = new Map<string, ParsedQuantity>()
const mostRemembered = 4_096
const longestRemembered = 32

/** Reads a quantity, or says as upstream does why it cannot. */
function parseQuantity(text: string): ParsedQuantity {
  const known = knownQuantities.get(text)
  if (known !== undefined) return known
  const parsed = readQuantity(text)
  if (text.length <= longestRemembered) {
    if (knownQuantities.size >= mostRemembered) knownQuantities.clear()
    knownQuantities.set(text, parsed)
  }
  return parsed
}

function readQuantity(text: string): ParsedQuantity {
  if (text === '') return { problem: quantityFormatError }
  const match = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(.*)$/s.exec(text)!
  const [, sign, whole = '', fraction = '', suffix = ''] = match
  if (whole === '' && fraction === '') return { problem: quantityFormatError }
  if (!/^[eEinumkKMGTP]*[-+]?[0-9]*$/.test(suffix)) return { problem: quantityFormatError }
  // A bound before the arithmetic: nobody needs more digits, and powers of ten are memory.
  if (whole.length + fraction.length > 1000) return { problem: quantityNumberError }

  const scale = readSuffix(suffix)
  if (scale === undefined) return { problem: quantitySuffixError }
  let numerator = BigInt(whole + fraction) * scale.multiplier
  let exponent = scale.exponent - fraction.length + 9
  if (numerator === 0n) exponent = 0
  let nanos: bigint
  if (exponent >= 0) {
    // Larger than any value that could remain after the cap.
    nanos = numerator * 10n ** BigInt(Math.min(exponent, 40))
  } else {
    if (-exponent > 1100) {
      nanos = numerator === 0n ? 0n : 1n
    } else {
      const divisor = 10n ** BigInt(-exponent)
      nanos = (numerator + divisor - 1n) / divisor
    }
  }
  const cap = maximumUnits * nanosPerUnit
  if (nanos > cap) nanos = cap
  return { nanos: sign === '-' ? -nanos : nanos, format: scale.format }
}

function readSuffix(
  suffix: string,
): { readonly multiplier: bigint; readonly exponent: number; readonly format: QuantityFormat } | undefined {
  const decimal = decimalExponents.get(suffix)
  if (decimal !== undefined) return { multiplier: 1n, exponent: decimal, format: 'DecimalSI' }
  const binary = binarySuffixes.indexOf(suffix)
  if (binary > 0) return { multiplier: 1n << BigInt(10 * binary), exponent: 0, format: 'BinarySI' }
  const exponent = /^[eE]([-+]?[0-9]+)$/.exec(suffix)?.[1]
  if (exponent === undefined) return undefined
  const power = Number(exponent)
  if (Math.abs(power) > 2 ** 31) return undefined
  return { multiplier: 1n, exponent: power, format: 'DecimalExponent' }
}

/** Reads a quantity that was checked before; throws on text that is none. */
export function mustParseQuantity(text: string): QuantityValue {
  const parsed = parseQuantity(text)
  if ('problem' in parsed) throw new Error(`Cannot read quantity "${text}": ${parsed.problem}`)
  return parsed
}

/**
 * Writes a quantity in its canonical form: the largest suffix that leaves a whole number. An amount that is not whole
 * cannot be written with binary suffixes and falls back to decimal ones; so do binary amounts below 1024.
 */
function formatQuantity(value: QuantityValue): string {
  const { nanos } = value
  if (nanos === 0n) return '0'
  const negative = nanos < 0n
  const magnitude = negative ? -nanos : nanos
  const sign = negative ? '-' : ''
  if (value.format === 'BinarySI' && magnitude >= 1024n * nanosPerUnit && magnitude % nanosPerUnit === 0n) {
    let units = magnitude / nanosPerUnit
    let suffix = 0
    while (suffix < 6 && units % 1024n === 0n) {
      units /= 1024n
      suffix++
    }
    return `${sign}${units}${binarySuffixes[suffix]}`
  }
  let mantissa = magnitude
  let exponent = -9
  while (exponent < 18 && mantissa % 1000n === 0n) {
    mantissa /= 1000n
    exponent += 3
  }
  if (value.format === 'DecimalExponent') {
    // Exponents are multiples of three here too, without the limit of the suffixes.
    while (mantissa % 1000n === 0n) {
      mantissa /= 1000n
      exponent += 3
    }
    return exponent === 0 ? `${sign}${mantissa}` : `${sign}${mantissa}e${exponent}`
  }
  return `${sign}${mantissa}${decimalSuffixes.get(exponent)}`
}

// Nearly every quantity in a cluster is one of these and already canonical.
const plainQuantity = /^(?:0|[1-9][0-9]{0,2}(?:m|k|Mi|Gi|Ki|Ti|M|G)?)$/

/** The canonical text of a quantity, or why the text is none. */
export function canonicalQuantity(text: string): string | { readonly problem: string } {
  if (plainQuantity.test(text)) return text
  const parsed = parseQuantity(text)
  return 'problem' in parsed ? parsed : formatQuantity(parsed)
}

/** Below zero, zero or above, as `left` is less than, equal to or more than `right`. */
export function compareQuantities(left: string, right: string): number {
  const a = mustParseQuantity(left).nanos
  const b = mustParseQuantity(right).nanos
  return a < b ? -1 : a > b ? 1 : 0
}

/** The sum, in the style of the first one unless that is zero. */
export function addQuantities(left: string, right: string): string {
  const a = mustParseQuantity(left)
  const b = mustParseQuantity(right)
  return formatQuantity({ nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format })
}

/** The difference, in the style of the first one unless that is zero. */
export function subtractQuantities(left: string, right: string): string {
  const a = mustParseQuantity(left)
  const b = mustParseQuantity(right)
  return formatQuantity({ nanos: a.nanos - b.nanos, format: a.nanos === 0n ? b.format : a.format })
}

const values = new Map<string, number>()
const milliValues = new Map<string, number>()

/**
 * The amount in whole units, rounded up. Exact up to 2^53; beyond that the nearest number. Throws on text that is no
 * quantity.
 */
export function quantityValue(text: string): number {
  return remembered(values, text, nanosPerUnit)
}

/** The amount in thousandths, rounded up: `250m` and `0.25` are 250. Throws on text that is no quantity. */
export function quantityMilliValue(text: string): number {
  return nanosInMilli(text) ?? remembered(milliValues, text, 1_000_000n)
}

const nanoText = /^[0-9]{1,15}n$/

/** Measures of cpu are written in billionths, and none comes again: they are read without being remembered. */
function nanosInMilli(text: string): number | undefined {
  if (text.charCodeAt(text.length - 1) !== 0x6e /* n */ || !nanoText.test(text)) return undefined
  const raised = Number(text.slice(0, -1)) + 999_999
  return (raised - (raised % 1_000_000)) / 1_000_000
}

// A cluster uses few different quantities, and a scheduler reads them all the time.
function remembered(cache: Map<string, number>, text: string, divisor: bigint): number {
  const known = cache.get(text)
  if (known !== undefined) return known
  const { nanos } = mustParseQuantity(text)
  const value = Number(nanos > 0n ? (nanos + divisor - 1n) / divisor : -((-nanos + divisor - 1n) / divisor))
  if (cache.size >= 4096) cache.clear()
  cache.set(text, value)
  return value
}

/** Adds up many quantities and writes the sum once, in the style of the first one that is not zero. */
export class QuantitySum {
  #nanos = 0n
  #format: QuantityFormat = 'DecimalSI'

  add(text: string): void {
    const { nanos, format } = mustParseQuantity(text)
    if (this.#nanos === 0n) this.#format = format
    this.#nanos += nanos
  }

  get text(): string {
    return formatQuantity({ nanos: this.#nanos, format: this.#format })
  }
}

/** The canonical quantity of a whole number of units. */
export function quantityOf(units: number, format: QuantityFormat = 'DecimalSI'): string {
  const whole = Math.trunc(units)
  if (format === 'BinarySI' && whole >= 1024 && Number.isSafeInteger(whole)) return binaryText(whole)
  const text = format === 'DecimalExponent' ? undefined : decimalText(whole, 0)
  return text ?? formatQuantity({ nanos: BigInt(whole) * nanosPerUnit, format })
}

function binaryText(units: number): string {
  let [mantissa, suffix] = [units, 0]
  while (suffix < 6 && mantissa % 1024 === 0) {
    mantissa /= 1024
    suffix++
  }
  return `${mantissa}${binarySuffixes[suffix]}`
}

/** An amount above zero in units of ten to the power of `scale`, by numbers alone; undefined where they are not exact. */
function decimalText(amount: number, scale: number): string | undefined {
  if (amount <= 0 || !Number.isSafeInteger(amount)) return undefined
  let [mantissa, exponent] = [amount, scale]
  while (exponent < 18 && mantissa % 1000 === 0) {
    mantissa /= 1000
    exponent += 3
  }
  return `${mantissa}${decimalSuffixes.get(exponent)}`
}

/** The canonical quantity of a whole number of thousandths: 1500 is `1500m`. */
export function milliQuantityOf(milliUnits: number): string {
  const whole = Math.trunc(milliUnits)
  return decimalText(whole, -3) ?? formatQuantity({ nanos: BigInt(whole) * 1_000_000n, format: 'DecimalSI' })
}

/** The canonical quantity of a whole number of billionths, as measures of cpu are written: `180867234n`. */
export function nanoQuantityOf(nanoUnits: number): string {
  const whole = Math.trunc(nanoUnits)
  return decimalText(whole, -9) ?? formatQuantity({ nanos: BigInt(whole), format: 'DecimalSI' })
}
