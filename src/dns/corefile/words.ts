/** Reads the words of a Corefile: zones, numbers, durations, addresses. What is wrong is said with its line. */
import { formatIp, parseIp } from '#lib/net/ip.ts'
import { parseCidr } from '#lib/net/cidr.ts'

import { CorefileError, type Directive } from './syntax.ts'

export function fail(directive: Directive, problem: string): never {
  throw new CorefileError(directive.line, `${directive.name}: ${problem}`)
}

/** Fails when a directive has another number of words than these. */
export function checkCount(directive: Directive, least: number, most: number): void {
  const { words } = directive
  if (words.length >= least && words.length <= most) return
  fail(directive, `wrong argument count or unexpected line ending after '${words.at(-1) ?? directive.name}'`)
}

/** The value of a property, which has exactly one. */
export function oneWord(directive: Directive): string {
  checkCount(directive, 1, 1)
  return directive.words[0]!
}

/** Fails when a directive has properties in braces. */
export function withoutProperties(directive: Directive): void {
  const [first] = directive.properties ?? []
  if (first !== undefined) fail({ ...first, name: directive.name }, `unknown property '${first.name}'`)
}

/** A zone or name in lower case without a dot at the end; a range of addresses becomes the zone of its names. */
export function readZone(directive: Directive, text: string): string {
  if (text.includes('/')) return readReverseRange(directive, text)
  const name = text.toLowerCase().replace(/\.$/, '')
  if (name === '' && text !== '.') return fail(directive, 'a zone is empty; the root is "."')
  const isName = name === '' || (name.length <= 253 && name.split('.').every((label) => /^[^\s]{1,63}$/.test(label)))
  return isName ? name : fail(directive, `'${text}' is not a zone or name`)
}

export const readZones = (directive: Directive, words: readonly string[]): readonly string[] =>
  words.map((word) => readZone(directive, word))

function readReverseRange(directive: Directive, text: string): string {
  const cidr = parseCidr(text)
  const step = cidr?.family === 4 ? 8 : 4
  if (cidr === undefined || cidr.prefix % step !== 0)
    return fail(
      directive,
      `'${text}' is not a range of addresses that ends with a whole ${step === 8 ? 'number' : 'digit'}`,
    )
  const { base, family, prefix } = cidr
  const parts =
    family === 4
      ? [...base].map(String)
      : [...base].flatMap((byte) => [byte >> 4, byte & 15].map((digit) => digit.toString(16)))
  const end = family === 4 ? 'in-addr.arpa' : 'ip6.arpa'
  return [...parts.slice(0, prefix / step).toReversed(), end].join('.')
}

/** A whole number from `least` to `most`. */
export function readNumber(directive: Directive, text: string, least: number, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  return fail(directive, `'${text}' must be a whole number from ${least} to ${most}`)
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds of a duration such as `1m30s`. */
export function readDuration(directive: Directive, text: string): number {
  const parts = [...text.matchAll(/(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)/g)]
  if (parts.length > 0 && parts.map(([part]) => part).join('') === text)
    return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * unitMs[unit!]!, 0)
  return text === '0' ? 0 : fail(directive, `'${text}' must be a duration such as 30s or 5m`)
}

/** An address, with or without a port: `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:53`. */
export function readAddress(text: string, usualPort: number): { address: string; port: number } | undefined {
  const match = /^\[(.*)\](?::(\d{1,5}))?$/.exec(text) ?? /^([\d.]+)(?::(\d{1,5}))?$/.exec(text)
  const ip = parseIp(match?.[1] ?? text)
  const port = Number(match?.[2] ?? usualPort)
  return ip === undefined || port < 1 || port > 65_535 ? undefined : { address: formatIp(ip), port }
}
