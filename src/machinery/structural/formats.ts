// The formats that texts of custom objects can have, as upstream's validator knows them (kube-openapi's strfmt). Others
// are only words.
import { parseCidr } from '#lib/net/cidr.ts'
import { parseIp } from '#lib/net/ip.ts'
import { durationNanos } from '#machinery/codec/scalars.ts'

type Test = (text: string) => boolean

const matches =
  (pattern: RegExp): Test =>
  (text) =>
    pattern.test(text)

const hex = (length: number): string => `[0-9a-f]{${length}}`
const uuid = (third: string, fourth: string): Test =>
  matches(new RegExp(`^${hex(8)}-?${hex(4)}-?${third}-?${fourth}-?${hex(12)}$`, 'i'))

const color = '(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])'
const name = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'

const texts: Readonly<Record<string, Test>> = {
  bsonobjectid: matches(/^[0-9a-f]{24}$/i),
  uri: isRequestUri,
  email: isEmail,
  hostname: isHostname,
  ipv4: (text) => text.includes('.') && parseIp(withoutZeros(text)) !== undefined,
  ipv6: (text) => text.includes(':') && parseIp(text) !== undefined,
  cidr: (text) => parseCidr(withoutZeros(text)) !== undefined,
  mac: isMac,
  uuid: uuid(hex(4), hex(4)),
  uuid3: uuid(`3${hex(3)}`, hex(4)),
  uuid4: uuid(`4${hex(3)}`, `[89ab]${hex(3)}`),
  uuid5: uuid(`5${hex(3)}`, `[89ab]${hex(3)}`),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: (text) => text.length === 11 && /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text),
  hexcolor: matches(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: matches(new RegExp(`^rgb\\(\\s*${color}\\s*,\\s*${color}\\s*,\\s*${color}\\s*\\)$`)),
  byte: isBase64,
  password: () => true,
  date: isDate,
  duration: isDuration,
  datetime: isDateTime,
  k8sshortname: (text) => text.length <= 63 && new RegExp(`^${name}$`).test(text),
  k8slongname: (text) => text.length <= 253 && new RegExp(`^${name}(\\.${name})*$`).test(text),
}

const normalized = (format: string): string => format.replaceAll('-', '')

/** Whether a format means something for values of a type; others are ignored. */
export function isKnownFormat(type: string | undefined, format: string): boolean {
  switch (type) {
    case undefined:
    case '':
    case 'string':
      return Object.hasOwn(texts, normalized(format))
    case 'integer':
      return format === 'int32' || format === 'int64'
    case 'number':
      return format === 'float' || format === 'double'
    default:
      return false
  }
}

/** Whether a text has a format; formats that are not for texts hold for all. */
export function hasFormat(format: string, text: string): boolean {
  const key = normalized(format)
  return !Object.hasOwn(texts, key) || texts[key]!(text)
}

/** Addresses may have leading zeros, which older versions of Go accepted. */
function withoutZeros(text: string): string {
  return text.includes(':') ? text : text.replace(/(^|\.)0+(?=\d)/g, '$1')
}

/** An absolute address or an absolute path. */
function isRequestUri(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (text === '' || /[\u0000-\u001f\u007f]/.test(text) || /%(?![0-9a-fA-F]{2})/.test(text)) return false
  if (text.startsWith('/')) return true
  const match = /^[A-Za-z][A-Za-z0-9+.-]*:(.*)$/s.exec(text)
  if (match === null) return false
  const host = /^\/\/(?:[^@/?]*@)?([^/?]*)/.exec(match[1]!)?.[1]
  return host === undefined || /^(\[[0-9a-fA-F:.%]+\]|[^\s[\]<>"^`{|}:\\]*)(:\d*)?$/.test(host)
}

/** An address such as `a@b.c` or `Name <a@b.c>` (RFC 5322). */
function isEmail(text: string): boolean {
  const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\u0080-\\uffff-]+"
  const address = `(?:${atom}(?:\\.${atom})*|"[^"\\\\]*")@(?:${atom}(?:\\.${atom})*|\\[[^\\]]*\\])`
  if (text.length > 1_000) return false
  return new RegExp(`^\\s*${address}\\s*$`).test(text) || new RegExp(`^[^<>@]*<${address}>\\s*$`).test(text)
}

function isHostname(text: string): boolean {
  const parts = text.split('.')
  const letter = /^[a-zA-Z0-9\p{S}\p{L}](-?[a-zA-Z0-9\p{S}\p{L}])*$/u
  if (new TextEncoder().encode(text).length > 255) return false
  if (parts.length === 1) return text.length <= 63 && letter.test(text)
  const last = parts.pop()!
  const segment = /^[a-zA-Z0-9\p{S}\p{L}]([a-zA-Z0-9\p{S}\p{L}-]*[a-zA-Z0-9\p{S}\p{L}])?$/u
  return parts.every((part) => part.length <= 63 && segment.test(part)) && /^[a-zA-Z\p{L}]{2,63}$/u.test(last)
}

/** Six, eight or twenty bytes, in pairs with colons or dashes, or in fours with dots. */
function isMac(text: string): boolean {
  const pairs = /^[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2})*$/i
  const fours = /^[0-9a-f]{4}(?:\.[0-9a-f]{4})+$/i
  if (!pairs.test(text) && !fours.test(text)) return false
  return [12, 16, 40].includes(text.replace(/[^0-9a-f]/gi, '').length)
}

function isIsbn10(text: string): boolean {
  const digits = text.replace(/[\s-]+/g, '')
  if (!/^(?:[0-9]{9}X|[0-9]{10})$/.test(digits)) return false
  let sum = 0
  for (let i = 0; i < 10; i++) sum += (i + 1) * (digits[i] === 'X' ? 10 : Number(digits[i]))
  return sum % 11 === 0
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[\s-]+/g, '')
  if (!/^[0-9]{13}$/.test(digits)) return false
  let sum = 0
  for (let i = 0; i < 12; i++) sum += Number(digits[i]) * (i % 2 === 0 ? 1 : 3)
  return Number(digits[12]) === (10 - (sum % 10)) % 10
}

function isCreditCard(text: string): boolean {
  const digits = text.replace(/[^0-9]+/g, '')
  const known =
    /^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$/
  if (!known.test(digits)) return false
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i])
    const doubled = i % 2 === 0 ? digit : digit * 2
    sum += doubled >= 10 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

function isBase64(text: string): boolean {
  return text !== '' && text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
}

function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text)
  if (match === null) return false
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number]
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  return days !== undefined && day >= 1 && day <= days
}

function isDateTime(text: string): boolean {
  const [date = '', time] = text.toLowerCase().split('t')
  if (time === undefined || !isDate(date)) return false
  const match = /^(\d{2}):(\d{2}):(\d{2})(?:.\d+)?(?:z|[+-]\d{2}:\d{2})$/.exec(time)
  return match !== null && match[1]! <= '23' && match[2]! <= '59' && match[3]! <= '59'
}

/** As Go reads durations, or numbers with the words of units: `2 days 3 h`. */
function isDuration(text: string): boolean {
  if (typeof durationNanos(text) === 'bigint') return true
  for (const [, , unit = ''] of text.matchAll(/(\d+)\s*([A-Za-zµ]+)/g)) {
    const word = unit.toLowerCase()
    if (/^(ns|us|µs|ms|s|m|h|hr|d|w|wk)$/.test(word)) return true
    if (/^(nano|micro|milli|sec|min|hour|day|week)/.test(word)) return true
  }
  return false
}
