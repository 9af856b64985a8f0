/** Doubles as Go writes and reads them. */

/** The shortest digits, with an exponent below 10^-4 and from 10^6 on: Go's `%g`. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const [digits, power] = value.toExponential().split('e') as [string, string]
  const exponent = Number(power)
  if (exponent >= -4 && exponent < 6) return withoutExponent(value)
  return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

/** All digits and no exponent. */
export function withoutExponent(value: number): string {
  const text = String(value)
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text)
  if (match === null) return text
  const [, sign, first, rest = '', power] = match
  const exponent = Number(power)
  const digits = first! + rest
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  return `${sign}${digits.padEnd(exponent + 1, '0')}`
}

/** Reads what Go's `ParseFloat` reads of decimal numbers; nothing when it is none or too large. */
export function parseDouble(text: string): number | undefined {
  if (text.length > 1000) return undefined
  const special = /^([+-]?)(?:inf(?:inity)?|(nan))$/i.exec(text)
  if (special !== null) {
    if (special[2] !== undefined) return special[1] === '' ? Number.NaN : undefined
    return special[1] === '-' ? -Infinity : Infinity
  }
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}
