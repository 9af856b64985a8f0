/** Compares the output of a command with the lines of a session. */
import type { Expectation } from './session.ts'

/** Texts that a session remembered, by name. */
export type Captures = Readonly<Record<string, string>>

/** What came of a comparison; a mismatch names the first expected line that nothing matched, when it can be told. */
export type Match =
  | { readonly matches: true; readonly captures: Captures }
  | { readonly matches: false; readonly firstMissing: string | undefined }

const randomCharacter = '[bcdfghjklmnpqrstvwxz2456789]'
const octet = '(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)'

/** The placeholders of session files, and what each stands for. Also `<2..33>` (a number of that range) and `<a|b>`. */
export const placeholders: Readonly<Record<string, string>> = {
  /** Anything within one line, nothing included. */
  any: '.*?',
  /** One cell: no spaces. */
  cell: '\\S+',
  /** `5s`, `2m30s`, `3h`; of events also `5s (x2 over 7s)`. */
  age: '(?:\\d+[dhms])+(?: \\(x\\d+ over (?:\\d+[dhms])+\\))?',
  /** Restarts of a pod: `0`, or `3 (25s ago)`. */
  restarts: '\\d+(?: \\(\\S+ ago\\))?',
  number: '\\d+',
  ip: `(?:${octet}\\.){3}${octet}`,
  /** An address of a pod: 10.244.0.0/16. */
  podip: `10\\.244\\.${octet}\\.${octet}`,
  /** An address of a service: 10.96.0.0/12. */
  serviceip: `10\\.(?:9[6-9]|10\\d|11[01])\\.${octet}\\.${octet}`,
  /** Tail of a generated name. */
  x5: `${randomCharacter}{5}`,
  /** Hash of a pod template. */
  hash: `${randomCharacter}{8,10}`,
  uid: '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
  sha256: '[0-9a-f]{64}',
  /** `2026-01-31T10:20:30Z`, with or without a fraction. */
  time: '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?(?:Z|[+-]\\d\\d:\\d\\d)',
  /** `Sat, 31 Jan 2026 10:20:30 +0000`, as describe prints times. */
  date: '\\w{3}, \\d\\d \\w{3} \\d{4} \\d\\d:\\d\\d:\\d\\d [+-]\\d{4}',
  /** One of the nodes that take ordinary pods. */
  worker: 'worker[23]?',
  node: '(?:control-plane|worker[23]?)',
  /** A nodePort of the usual range. */
  nodeport: '3[0-2]\\d{3}',
}

/** Words in angle brackets that kubectl itself prints. */
const literalWords = new Set(['none', 'unset', 'unknown', 'nil', 'pending', 'invalid', 'no value', 'error'])

/** A line of a session that cannot be understood. */
export class PatternError extends Error {
  override name = 'PatternError'
}

/** What of an output counts: its lines without superfluous spaces, and no blank ones. */
export function comparableLines(output: string): string[] {
  return output
    .split('\n')
    .map((line) => line.replaceAll(/\s+/g, ' ').trim())
    .filter((line) => line !== '')
}

/**
 * Throws PatternError when a line has a placeholder that is none, or refers to what no line before remembers; adds to
 * `remembered` what it remembers itself.
 */
export function checkLine(line: string, remembered: Set<string>): void {
  lineSource(line, Object.fromEntries([...remembered].map((name) => [name, 'x'])), remembered)
}

/** Whether an output is as expected, and what it taught. `known` are the texts remembered so far. */
export function matchOutput(expect: Expectation, output: string, known: Captures): Match {
  if (expect.compare === 'exactly') {
    return matchInOrder(expect.lines, output === '' ? [] : output.replace(/\n$/, '').split('\n'), known, false)
  }
  const expected = expect.lines.map((line) => line.replaceAll(/\s+/g, ' ').trim()).filter((line) => line !== '')
  const got = comparableLines(output)
  return expect.anyOrder
    ? matchAnyOrder(expected, got, known, expect.compare === 'contains')
    : matchInOrder(expected, got, known, expect.compare === 'contains')
}

function matchInOrder(expected: readonly string[], got: readonly string[], known: Captures, othersToo: boolean): Match {
  const text = got.map((line) => `${line}\n`).join('')
  const attempt = (lines: readonly string[], open: boolean): Captures | undefined => {
    const names = new Set<string>()
    const gap = '(?:.*\\n)*?'
    const sources = lines.map((line) => (line === '...' ? gap : `${lineSource(line, known, names)}\\n`))
    const body = othersToo ? sources.map((source) => gap + source).join('') : sources.join('')
    const rest = open || othersToo ? '' : '$'
    const found = new RegExp(`^${body}${rest}`).exec(text)
    return found === null ? undefined : { ...known, ...found.groups }
  }
  const captures = attempt(expected, false)
  if (captures !== undefined) return { matches: true, captures }
  for (let count = 1; count <= expected.length; count++) {
    if (attempt(expected.slice(0, count), true) === undefined) {
      return { matches: false, firstMissing: expected[count - 1] }
    }
  }
  return { matches: false, firstMissing: undefined }
}

function matchAnyOrder(
  expected: readonly string[],
  got: readonly string[],
  known: Captures,
  othersToo: boolean,
): Match {
  if (expected.includes('...')) throw new PatternError('"..." has no meaning in any order; use "contains"')
  let furthest = 0
  const place = (index: number, left: readonly string[], captures: Captures): Captures | undefined => {
    furthest = Math.max(furthest, index)
    const line = expected[index]
    if (line === undefined) return othersToo || left.length === 0 ? captures : undefined
    const pattern = new RegExp(`^${lineSource(line, captures, new Set())}$`)
    for (const [at, candidate] of left.entries()) {
      const found = pattern.exec(candidate)
      if (found === null) continue
      const rest = place(index + 1, left.toSpliced(at, 1), { ...captures, ...found.groups })
      if (rest !== undefined) return rest
    }
    return undefined
  }
  const captures = place(0, got, known)
  return captures === undefined ? { matches: false, firstMissing: expected[furthest] } : { matches: true, captures }
}

const escapeRegExp = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

/** The pattern of one expected line; `names` collects what it remembers, so that a second mention refers to the first. */
function lineSource(line: string, known: Captures, names: Set<string>): string {
  let source = ''
  let rest = line
  while (rest !== '') {
    const next = /\\<|<([^<>]+)>/.exec(rest)
    if (next === null) break
    source += escapeRegExp(rest.slice(0, next.index))
    source += next[1] === undefined ? '<' : placeholderSource(next[1], known, names)
    rest = rest.slice(next.index + next[0].length)
  }
  return source + escapeRegExp(rest)
}

function placeholderSource(inside: string, known: Captures, names: Set<string>): string {
  if (inside.startsWith('=')) {
    const name = inside.slice(1)
    if (names.has(name)) return `\\k<${name}>`
    const value = known[name]
    if (value === undefined) throw new PatternError(`<${inside}>: nothing is remembered as "${name}"`)
    return escapeRegExp(value)
  }
  const named = /^(.+):([a-z][a-zA-Z0-9]*)$/.exec(inside)
  const source = patternSource(named?.[1] ?? inside)
  if (source === undefined) return escapeRegExp(`<${inside}>`)
  if (named === null) return `(?:${source})`
  const name = named[2]!
  if (names.has(name)) return `\\k<${name}>`
  if (known[name] !== undefined) return escapeRegExp(known[name])
  names.add(name)
  return `(?<${name}>${source})`
}

/** The pattern of a placeholder; undefined for what kubectl itself prints in angle brackets. */
function patternSource(inside: string): string | undefined {
  if (Object.hasOwn(placeholders, inside)) return placeholders[inside]
  if (literalWords.has(inside)) return undefined
  const range = /^(\d+)\.\.(\d+)$/.exec(inside)
  if (range !== null) return rangeSource(Number(range[1]), Number(range[2]))
  if (inside.includes('|'))
    return inside
      .split('|')
      .map((choice) => escapeRegExp(choice))
      .join('|')
  throw new PatternError(`<${inside}> is no placeholder; write "\\<" for the character itself`)
}

function rangeSource(low: number, high: number): string {
  if (high < low || high - low > 5000) throw new PatternError(`<${low}..${high}> is no range of at most 5000 numbers`)
  const numbers = Array.from({ length: high - low + 1 }, (_, index) => String(low + index))
  return `(?:${numbers.join('|')})(?!\\d)`
}
