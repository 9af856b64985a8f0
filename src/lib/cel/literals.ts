/** The values of literals: numbers, and strings with their escapes resolved. */
import { encodeText } from './text.ts'

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  '?': '?',
}

/** The text of a string literal, or what is wrong with it. */
export function readString(literal: string): { readonly text: string } | { readonly problem: string } {
  const { body, raw } = unquote(literal)
  if (raw || !body.includes('\\')) return { text: body }
  let text = ''
  for (const piece of pieces(body)) {
    if (typeof piece === 'string') text += piece
    else if (piece.code > 0x10ffff || (piece.code >= 0xd800 && piece.code <= 0xdfff)) {
      return { problem: 'invalid unicode code point' }
    } else text += String.fromCodePoint(piece.code)
  }
  return { text }
}

/** The bytes of a bytes literal, in which numeric escapes stand for bytes. */
export function readBytes(literal: string): { readonly bytes: Uint8Array } | { readonly problem: string } {
  const { body, raw } = unquote(literal.slice(1))
  if (raw || !body.includes('\\')) return { bytes: encodeText(body) }
  const bytes: number[] = []
  for (const piece of pieces(body)) {
    if (typeof piece === 'string') for (const byte of encodeText(piece)) bytes.push(byte)
    else if (piece.unicode) return { problem: 'unable to unescape string' }
    else bytes.push(piece.code)
  }
  return { bytes: Uint8Array.from(bytes) }
}

function unquote(literal: string): { readonly body: string; readonly raw: boolean } {
  const raw = /^[rR]/.test(literal)
  const text = (raw ? literal.slice(1) : literal).replaceAll('\r\n', '\n')
  const quotes = /^(?:"""|'''|"|')/.exec(text)![0]
  // An empty string begins like three quotes only when it has all six.
  const width = quotes.length === 3 && text.length >= 6 ? 3 : 1
  return { body: text.slice(width, -width), raw }
}

interface Escaped {
  readonly code: number
  readonly unicode: boolean
}

/** Runs of plain text and escapes, in order. The lexer has checked that every escape is one. */
function* pieces(body: string): Generator<string | Escaped> {
  const pattern = /\\(?:([xX])(..)|u(.{4})|U(.{8})|([0-3]..)|(.))|[^\\]+/gs
  for (const [all, hexadecimal, byte, short, long, octal, simple] of body.matchAll(pattern)) {
    if (hexadecimal !== undefined) yield { code: Number.parseInt(byte!, 16), unicode: false }
    else if (short !== undefined) yield { code: Number.parseInt(short, 16), unicode: true }
    else if (long !== undefined) yield { code: Number.parseInt(long, 16), unicode: true }
    else if (octal !== undefined) yield { code: Number.parseInt(octal, 8), unicode: false }
    else yield simple === undefined ? all : simpleEscapes[simple]!
  }
}
