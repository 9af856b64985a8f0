// The slow look at a JSON text, taken only when something is wrong with it: where it stops being JSON, in the words of
// Go's decoder, and which keys stand twice.

/** Field names and list positions from the root. */
export type KeyPath = readonly (string | number)[]

/** One step of reading a text. */
interface Scanner {
  readonly text: string
  at: number
  readonly duplicates: KeyPath[]
}

class NotJson extends Error {}

/** Why a text is not JSON, as Go says it: `invalid character 'x' looking for beginning of value`. */
export function explainJson(text: string): string {
  try {
    scan(text)
  } catch (error) {
    if (error instanceof NotJson) return error.message
    throw error
  }
  return 'invalid JSON'
}

/** So many tell enough; Go's decoder stops at the same number. */
const mostDuplicates = 100

/** Keys that an object of this valid text has more than once, in the order of their second appearance; the first hundred. */
export function findDuplicates(text: string): readonly KeyPath[] {
  return scan(text)
}

function scan(text: string): readonly KeyPath[] {
  const scanner: Scanner = { text, at: 0, duplicates: [] }
  scanValue(scanner, [])
  skipSpace(scanner)
  if (scanner.at < text.length) fail(scanner, 'after top-level value')
  return scanner.duplicates
}

function fail(scanner: Scanner, context: string): never {
  if (scanner.at >= scanner.text.length) throw new NotJson('unexpected end of JSON input')
  throw new NotJson(`invalid character ${quoteCharacter(scanner.text.codePointAt(scanner.at)!)} ${context}`)
}

function quoteCharacter(code: number): string {
  if (code === 0x27) return `'\\''`
  if (code === 0x22) return `'"'`
  // Go looks at bytes: of a longer character it shows the first.
  if (code >= 0x80) return `'${String.fromCharCode(new TextEncoder().encode(String.fromCodePoint(code))[0]!)}'`
  const escapes: Record<number, string> = {
    7: '\\a',
    8: '\\b',
    9: '\\t',
    10: '\\n',
    11: '\\v',
    12: '\\f',
    13: '\\r',
    92: '\\\\',
  }
  if (escapes[code] !== undefined) return `'${escapes[code]}'`
  return code < 0x20 || code === 0x7f ? `'\\x${code.toString(16).padStart(2, '0')}'` : `'${String.fromCharCode(code)}'`
}

function skipSpace(scanner: Scanner): void {
  const { text } = scanner
  while (scanner.at < text.length) {
    const c = text.charCodeAt(scanner.at)
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return
    scanner.at++
  }
}

function scanValue(scanner: Scanner, path: KeyPath): void {
  skipSpace(scanner)
  const c = scanner.text[scanner.at]
  if (c === '{') scanObject(scanner, path)
  else if (c === '[') scanArray(scanner, path)
  else if (c === '"') scanString(scanner)
  else if (c === 't') scanWord(scanner, 'true')
  else if (c === 'f') scanWord(scanner, 'false')
  else if (c === 'n') scanWord(scanner, 'null')
  else if (c === '-' || (c !== undefined && c >= '0' && c <= '9')) scanNumber(scanner)
  else fail(scanner, 'looking for beginning of value')
}

function scanObject(scanner: Scanner, path: KeyPath): void {
  const keys = new Set<string>()
  scanner.at++
  skipSpace(scanner)
  if (scanner.text[scanner.at] === '}') {
    scanner.at++
    return
  }
  for (;;) {
    skipSpace(scanner)
    if (scanner.text[scanner.at] !== '"') fail(scanner, 'looking for beginning of object key string')
    const key = scanString(scanner)
    const below = [...path, key]
    if (keys.has(key) && scanner.duplicates.length < mostDuplicates) scanner.duplicates.push(below)
    keys.add(key)
    skipSpace(scanner)
    if (scanner.text[scanner.at] !== ':') fail(scanner, 'after object key')
    scanner.at++
    scanValue(scanner, below)
    skipSpace(scanner)
    const c = scanner.text[scanner.at]
    if (c !== ',' && c !== '}') fail(scanner, 'after object key:value pair')
    scanner.at++
    if (c === '}') return
  }
}

function scanArray(scanner: Scanner, path: KeyPath): void {
  scanner.at++
  skipSpace(scanner)
  if (scanner.text[scanner.at] === ']') {
    scanner.at++
    return
  }
  for (let i = 0; ; i++) {
    scanValue(scanner, [...path, i])
    skipSpace(scanner)
    const c = scanner.text[scanner.at]
    if (c !== ',' && c !== ']') fail(scanner, 'after array element')
    scanner.at++
    if (c === ']') return
  }
}

function scanString(scanner: Scanner): string {
  const { text } = scanner
  const start = scanner.at++
  for (;;) {
    const c = text[scanner.at]
    if (c === undefined || c < ' ') fail(scanner, 'in string literal')
    if (c === '"') break
    scanner.at++
    if (c !== '\\') continue
    const escaped = text[scanner.at]
    if (escaped === undefined || !'"\\/bfnrtu'.includes(escaped)) fail(scanner, 'in string escape code')
    scanner.at++
    if (escaped !== 'u') continue
    for (let i = 0; i < 4; i++, scanner.at++) {
      if (!/^[0-9a-fA-F]$/.test(text[scanner.at] ?? '')) fail(scanner, 'in \\u hexadecimal character escape')
    }
  }
  scanner.at++
  return JSON.parse(text.slice(start, scanner.at)) as string
}

function scanWord(scanner: Scanner, word: string): void {
  for (const [i, letter] of [...word].entries()) {
    if (scanner.text[scanner.at] !== letter) fail(scanner, `in literal ${word} (expecting '${word[i]}')`)
    scanner.at++
  }
}

function scanNumber(scanner: Scanner): void {
  const { text } = scanner
  const digits = (): void => {
    while (text[scanner.at]! >= '0' && text[scanner.at]! <= '9') scanner.at++
  }
  const needDigit = (context: string): void => {
    if (!(text[scanner.at]! >= '0' && text[scanner.at]! <= '9')) fail(scanner, context)
  }
  if (text[scanner.at] === '-') {
    scanner.at++
    needDigit('in numeric literal')
  }
  if (text[scanner.at] === '0') scanner.at++
  else digits()
  if (text[scanner.at] === '.') {
    scanner.at++
    needDigit('after decimal point in numeric literal')
    digits()
  }
  if (text[scanner.at] === 'e' || text[scanner.at] === 'E') {
    scanner.at++
    if (text[scanner.at] === '+' || text[scanner.at] === '-') scanner.at++
    needDigit('in exponent of numeric literal')
    digits()
  }
}
