// Reading JSON that came from outside: bounded, in valid UTF-8, with Go's words for what is wrong, and without losing
// digits or keys. The platform's parser does the work; one pass over the bytes tells when a closer look is needed.
import { explainJson, findDuplicates, type KeyPath } from './jsonScan.ts'

export interface JsonLimits {
  /** Default 3 MiB. */
  readonly maxBytes?: number
  /** Nested lists and objects; default 512. */
  readonly maxDepth?: number
}

/** What a text holds, or why it cannot be read. */
export type DecodedJson =
  | {
      readonly value: unknown
      /** Keys that an object has more than once, in order; JSON.parse kept the last. Computed when asked for. */
      duplicates(): readonly KeyPath[]
    }
  | { readonly problem: string; readonly tooLarge?: true }

export const defaultMaxBytes = 3 * 1024 * 1024
export const defaultMaxDepth = 512

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const none: readonly KeyPath[] = []

/** Reads JSON from bytes or text. Never throws on bad input. */
export function decodeJson(input: Uint8Array | string, limits: JsonLimits = {}): DecodedJson {
  const maxBytes = limits.maxBytes ?? defaultMaxBytes
  if (input.length > maxBytes) {
    return { problem: `limit is ${maxBytes} bytes, and the text has ${input.length}`, tooLarge: true }
  }
  let text: string
  if (typeof input === 'string') text = input
  else {
    try {
      text = decoder.decode(input)
    } catch {
      return { problem: 'invalid UTF-8 in JSON text' }
    }
  }
  const shape = typeof input === 'string' ? measureText(text) : measureBytes(input)
  const maxDepth = limits.maxDepth ?? defaultMaxDepth
  if (shape.depth > maxDepth) return { problem: `exceeded max depth of ${maxDepth}` }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { problem: explainJson(text) }
  }
  if (shape.longNumbers) {
    const lost = findLostInteger(text)
    if (lost !== undefined) {
      return { problem: `number ${lost} cannot be kept exactly: whole numbers go to ${Number.MAX_SAFE_INTEGER}` }
    }
  }
  let duplicates: readonly KeyPath[] | undefined
  return {
    value,
    duplicates: () => (duplicates ??= shape.keys === countKeys(value) ? none : findDuplicates(text)),
  }
}

/** What one pass over a text tells about it. */
interface Shape {
  readonly depth: number
  /** Colons outside strings: the keys of all objects together, repeated ones included. */
  readonly keys: number
  /** Somewhere stand sixteen digits or more in a row. */
  readonly longNumbers: boolean
}

const quote = 0x22
const backslash = 0x5c

function measureBytes(bytes: Uint8Array): Shape {
  let depth = 0
  let deepest = 0
  let keys = 0
  let digits = 0
  let longNumbers = false
  const length = bytes.length
  for (let i = 0; i < length; i++) {
    const c = bytes[i]!
    if (c >= 0x30 && c <= 0x39) {
      if (++digits >= 16) longNumbers = true
      continue
    }
    digits = 0
    if (c === quote) {
      i++
      while (i < length && bytes[i] !== quote) i += bytes[i] === backslash ? 2 : 1
    } else if (c === 0x3a) keys++
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > deepest) deepest = depth
    } else if (c === 0x7d || c === 0x5d) depth--
  }
  return { depth: deepest, keys, longNumbers }
}

function measureText(text: string): Shape {
  let depth = 0
  let deepest = 0
  let keys = 0
  let digits = 0
  let longNumbers = false
  const length = text.length
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i)
    if (c >= 0x30 && c <= 0x39) {
      if (++digits >= 16) longNumbers = true
      continue
    }
    digits = 0
    if (c === quote) {
      i++
      while (i < length && text.charCodeAt(i) !== quote) i += text.charCodeAt(i) === backslash ? 2 : 1
    } else if (c === 0x3a) keys++
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > deepest) deepest = depth
    } else if (c === 0x7d || c === 0x5d) depth--
  }
  return { depth: deepest, keys, longNumbers }
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let count = 0
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') count += countKeys(item)
    return count
  }
  for (const key in value) {
    count++
    const member = (value as Record<string, unknown>)[key]
    if (typeof member === 'object') count += countKeys(member)
  }
  return count
}

/** Every whole number of so many digits is finite. */
const mostDigits = 300

/** The first whole number of a valid text that a JavaScript number would change. */
function findLostInteger(text: string): string | undefined {
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/gs)) {
    if (token.length < 16 || token.startsWith('"') || /[.eE]/.test(token)) continue
    // Reading digits exactly takes long when there are very many, and such a number is lost anyway.
    if (token.length > mostDigits) return `${token.slice(0, mostDigits)}...`
    if (BigInt(token) !== BigInt(Number(token))) return token
  }
  return undefined
}
