/**
 * Patterns of routes are RE2 expressions; HAProxy matches with PCRE2, which goes back and tries again. What means the same there
 * and cannot become slow is translated, the rest is refused.
 */
import { linearRegExp } from '#lib/linearRegExp.ts'
import { UnusableText } from './words.ts'

/** More parts of any length, one after the other, make too many ways to try. */
const mostRepetitions = 4

/** The expression for PCRE2, without spaces, so that it can be the key of a map. Throws UnusableText for what only HAProxy cannot do. */
export function translatePattern(pattern: string, what: string): string {
  const compiled = linearRegExp(pattern)
  if ('problem' in compiled) throw new Error(`Cannot use ${what}: ${compiled.problem}`)
  if (/[^ -~]/.test(pattern)) throw new UnusableText(`${what} may have ASCII characters only; write others as %XX`)
  const foreign = /\\(?:[pPCQE]|x\{[0-9a-fA-F]{3,}\})|\[\[[.=]/.exec(pattern)?.[0]
  if (foreign !== undefined) throw new UnusableText(`${what} uses "${foreign}", which HAProxy has not`)
  const slow = findSlowPart(pattern)
  if (slow !== undefined) throw new UnusableText(`${what} could take HAProxy too long: ${slow}`)
  return pattern.replaceAll(' ', '\\x20')
}

interface Group {
  /** Whether a text can be matched by it in several ways. */
  repeats: boolean
  alternatives: boolean
}

/** What could make matching slow, in words; undefined when nothing can. */
function findSlowPart(pattern: string): string | undefined {
  const open: Group[] = []
  let current: Group = { repeats: false, alternatives: false }
  let last: Group | undefined
  let repetitions = 0
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!
    if (character === '\\') {
      at++
      last = undefined
    } else if (character === '[') {
      at = endOfClass(pattern, at)
      last = undefined
    } else if (character === '(') {
      open.push(current)
      current = { repeats: false, alternatives: false }
      if (pattern[at + 1] === '?') at++
      last = undefined
    } else if (character === ')') {
      last = current
      current = open.pop() ?? { repeats: false, alternatives: false }
      current.repeats ||= last.repeats
      current.alternatives ||= last.alternatives
    } else if (character === '|') {
      current.alternatives = true
      last = undefined
    } else {
      const count = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})/.exec(pattern.slice(at, at + 12))
      if (count === null) {
        last = undefined
        continue
      }
      const isLong =
        character === '*' || character === '+' || (count[2] === ',' && (count[3] === '' || Number(count[3]) > 1))
      if (isLong) {
        if (last !== undefined && (last.repeats || last.alternatives))
          return 'what is repeated without end repeats something itself, or has alternatives'
        if (++repetitions > mostRepetitions) return `it has more than ${mostRepetitions} parts of any length`
      }
      current.repeats = true
      at += count[0].length - 1
      if (pattern[at + 1] === '?') at++
      last = undefined
    }
  }
  return undefined
}

function endOfClass(pattern: string, start: number): number {
  let at = start + 1
  if (pattern[at] === '^') at++
  if (pattern[at] === ']') at++
  for (; at < pattern.length && pattern[at] !== ']'; at++) {
    if (pattern[at] === '\\') at++
    else if (pattern.startsWith('[:', at)) at = Math.max(at, pattern.indexOf(':]', at) + 1)
  }
  return at
}

/** Text as an expression that matches just it. */
export function literalPattern(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9/_-]/g, (character) => `\\${character}`)
}
