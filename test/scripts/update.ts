/** Rewrites what a session expects by what came. */
import { matchOutput, type Captures } from './match.ts'
import type { Expectation } from './session.ts'

/** What is different each time, and how a session writes it; the first that fits counts. */
const generalizations: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<uid>'],
  [/\b[0-9a-f]{64}\b/g, '<sha256>'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, '<time>'],
  [/\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, '<date>'],
  [/\b10\.244\.\d+\.\d+\b/g, '<podip>'],
  [/\b10\.(?:9[6-9]|10\d|11[01])\.\d+\.\d+\b/g, '<serviceip>'],
  [/(?<=-)[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, '<hash>-<x5>'],
  [/(?<=\s)(?:\d+[dhms])+(?=\s|$)/g, '<age>'],
]

/**
 * The expected lines that an output would have: lines that were right stay as they are, others are taken from the output
 * with placeholders for what is remembered and for what is different each time.
 */
export function rewriteExpected(expect: Expectation, output: string, known: Captures): readonly string[] {
  const left = [...expect.lines]
  const one = { ...expect, compare: expect.compare === 'exactly' ? 'exactly' : 'whole', anyOrder: false } as const
  return output
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => {
      const at = left.findIndex((candidate) => {
        try {
          return candidate !== '...' && matchOutput({ ...one, lines: [candidate] }, line, known).matches
        } catch {
          return false
        }
      })
      return at < 0 ? generalize(line, known) : left.splice(0, at + 1).at(-1)!
    })
}

function generalize(line: string, known: Captures): string {
  let text = line.replaceAll('<', '\\<').replaceAll(/\\<(none|unset|unknown|pending)>/g, '<$1>')
  for (const [name, value] of Object.entries(known)) {
    if (value.length >= 4) text = text.replaceAll(value, `<=${name}>`)
  }
  for (const [pattern, placeholder] of generalizations) text = text.replaceAll(pattern, placeholder)
  return text.replace(/^(?=[#$?@\\]|\.\.\.|<<FILE)/, '\\')
}
