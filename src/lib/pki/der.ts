/**
 * The part of DER (X.690) that certificates and certificate requests need: building values from the inside out, and reading
 * them back with every length checked. What the values mean is not known here.
 */

/** Tags as they appear on the wire: universal primitives, and the two constructed ones. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** One value of `tag` around `content`. */
export function encode(tag: number, content: Uint8Array): Buffer {
  const length = content.length
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : length < 0x1_0000
          ? [tag, 0x82, length >> 8, length & 0xff]
          : [tag, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff]
  return Buffer.concat([Buffer.from(header), content])
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return encode(tags.sequence, Buffer.concat(parts))
}

/** A SET OF: DER wants its members in the order of their bytes. */
export function setOf(...parts: readonly Uint8Array[]): Buffer {
  return encode(tags.set, Buffer.concat(parts.toSorted(Buffer.compare)))
}

/** A context-specific tag around other values (`[number] EXPLICIT`, or a constructed IMPLICIT one). */
export function context(number: number, ...parts: readonly Uint8Array[]): Buffer {
  return encode(0xa0 | number, Buffer.concat(parts))
}

/** A context-specific tag on a primitive value (`[number] IMPLICIT`). */
export function contextPrimitive(number: number, content: Uint8Array): Buffer {
  return encode(0x80 | number, content)
}

export function boolean(value: boolean): Buffer {
  return encode(tags.boolean, Buffer.of(value ? 0xff : 0))
}

/** A non-negative integer from its big-endian bytes, in the shortest form. */
export function unsignedInteger(bytes: Uint8Array): Buffer {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const shortest = bytes.subarray(start)
  return encode(tags.integer, (shortest[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.of(0), shortest]) : shortest)
}

export function octetString(content: Uint8Array): Buffer {
  return encode(tags.octetString, content)
}

export function bitString(content: Uint8Array, unusedBits = 0): Buffer {
  return encode(tags.bitString, Buffer.concat([Buffer.of(unusedBits), content]))
}

/** Named bits as DER wants them: bit 0 first, without trailing zeros. */
export function namedBits(bits: readonly number[]): Buffer {
  const highest = Math.max(-1, ...bits)
  const content = Buffer.alloc((highest >> 3) + 1)
  for (const bit of bits) content[bit >> 3]! |= 0x80 >> (bit & 7)
  return bitString(content, highest < 0 ? 0 : 7 - (highest & 7))
}

/** An object identifier from its dotted text. */
export function objectIdentifier(text: string): Buffer {
  const numbers = text.split('.').map(Number)
  const content = [numbers[0]! * 40 + numbers[1]!]
  for (const number of numbers.slice(2)) {
    const digits = [number & 0x7f]
    for (let rest = number >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80)
    content.push(...digits)
  }
  return encode(tags.objectIdentifier, Buffer.from(content))
}

/** Text in the narrowest form that readers of names expect: printable characters when they suffice, UTF-8 otherwise. */
export function nameText(text: string): Buffer {
  const printable = /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)
  return encode(printable ? tags.printableString : tags.utf8String, Buffer.from(text, 'utf8'))
}

/** A moment, whole seconds: UTCTime up to 2049 and GeneralizedTime after, as RFC 5280 (4.1.2.5) has it. */
export function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replace(/\.\d+/, '').replaceAll(/[-:T]/g, '')
  const utc = Number(digits.slice(0, 4)) < 2050
  return encode(utc ? tags.utcTime : tags.generalizedTime, Buffer.from(utc ? digits.slice(2) : digits, 'latin1'))
}

/** One value that was read: `content` is what its tag wraps, `whole` includes tag and length. Both share memory with the input. */
export interface Element {
  readonly tag: number
  readonly content: Buffer
  readonly whole: Buffer
}

/** What makes the input unreadable. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

/** Reads the value that fills `bytes` from end to end. */
export function decode(bytes: Buffer): Element {
  const element = decodeAt(bytes, 0)
  if (element.whole.length !== bytes.length) {
    throw new DerError(`${bytes.length - element.whole.length} bytes follow the value`)
  }
  return element
}

/** The values inside a constructed one. */
export function children(element: Element): Element[] {
  const found: Element[] = []
  for (let at = 0; at < element.content.length;) {
    const child = decodeAt(element.content, at)
    found.push(child)
    at += child.whole.length
  }
  return found
}

/** The element at `index`, which must have `tag`; `what` names it in the error. */
export function expectElement(elements: readonly Element[], index: number, tag: number, what: string): Element {
  const element = elements[index]
  if (element === undefined) throw new DerError(`${what} is missing`)
  if (element.tag !== tag) throw new DerError(`${what} has tag ${element.tag}, expected ${tag}`)
  return element
}

/** The dotted text of an object identifier. */
export function readObjectIdentifier(element: Element): string {
  if (element.tag !== tags.objectIdentifier || element.content.length === 0)
    throw new DerError('object identifier expected')
  const numbers: number[] = []
  let number = 0
  for (const byte of element.content) {
    if (number > 0xff_ffff) throw new DerError('object identifier is too long')
    number = number * 128 + (byte & 0x7f)
    if (byte & 0x80) continue
    if (numbers.length === 0) {
      const first = Math.min(2, Math.floor(number / 40))
      numbers.push(first, number - first * 40)
    } else numbers.push(number)
    number = 0
  }
  if (element.content.at(-1)! & 0x80) throw new DerError('object identifier is cut short')
  return numbers.join('.')
}

/** The text of any of the string types that names use. */
export function readText(element: Element): string {
  switch (element.tag) {
    case tags.utf8String:
    case tags.printableString:
    case tags.ia5String:
      return element.content.toString('utf8')
    case tags.teletexString:
      return element.content.toString('latin1')
    default:
      throw new DerError(`text expected, found tag ${element.tag}`)
  }
}

/** The bytes of a bit string that fills its last byte. */
export function readBits(element: Element): Buffer {
  if (element.tag !== tags.bitString || element.content.length === 0 || element.content[0] !== 0) {
    throw new DerError('bit string of whole bytes expected')
  }
  return element.content.subarray(1)
}

function decodeAt(bytes: Buffer, at: number): Element {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined) throw new DerError('value is cut short')
  if ((tag & 0x1f) === 0x1f) throw new DerError('tag numbers above 30 are not supported')
  let start = at + 2
  let length = first
  if (first & 0x80) {
    const digits = first & 0x7f
    if (digits === 0 || digits > 3) throw new DerError('length is indefinite or too large')
    if (start + digits > bytes.length) throw new DerError('value is cut short')
    length = bytes.readUIntBE(start, digits)
    start += digits
  }
  if (start + length > bytes.length) throw new DerError('value is cut short')
  return { tag, content: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) }
}
