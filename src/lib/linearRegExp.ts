// Regular expressions that other people than us wrote: in RE2's syntax, matched in a time that grows with the text alone.
import { RE2JS } from 're2js'
import { yieldToEventLoop } from './async/yield.ts'
import { RecentMap } from './collections/recentMap.ts'

/** A compiled expression. */
export interface LinearRegExp {
  /** How many steps it can take for each character of a text. */
  readonly size: number
  /** Whether it matches somewhere in the text. */
  test(text: string): boolean
  /** The parts of the text that it matches, from the left and without overlap. */
  findAll(text: string, most?: number): readonly string[]
  /** The first part that it matches, and those of its groups, empty where they took no part; nothing without a match. */
  match(text: string): readonly string[] | undefined
}

/** Expressions that are kept compiled; those of all schemas and rules together are rarely more. */
const mostKept = 2_000
const kept = new RecentMap<string, LinearRegExp | { readonly problem: string }>(mostKept)

/** What the bounds of all repetitions of an expression may come to: each of them is a copy of what it repeats. */
const mostCopies = 5_000
/** Longer expressions take too long to compile. */
const longestPattern = 10_000

/** Compiles an expression; `problem` is in the words of Go: "error parsing regexp: missing closing ): `(`". */
export function linearRegExp(pattern: string): LinearRegExp | { readonly problem: string } {
  return kept.getOrMake(pattern, () => compile(pattern))
}

/** What is wrong with the expressions that were judged together last, empty where nothing is. */
let judged: ReadonlyMap<string, string> = new Map()

/** What is wrong with an expression, in the words of Go. */
export function patternProblem(pattern: string): string | undefined {
  const known = judged.get(pattern)
  if (known !== undefined) return known === '' ? undefined : known
  const expression = linearRegExp(pattern)
  return 'problem' in expression ? expression.problem : undefined
}

/** How many steps of expressions are compiled in one turn of the event loop. */
const stepsPerTurn = 10_000

/** Finds out beforehand what `patternProblem` will say about many expressions; others run meanwhile. */
export async function judgePatterns(patterns: ReadonlySet<string>): Promise<void> {
  const found = new Map<string, string>()
  // More would drive out all others.
  const find = patterns.size > mostKept / 4 ? compile : linearRegExp
  let steps = 0
  for (const pattern of patterns) {
    const expression = find(pattern)
    found.set(pattern, 'problem' in expression ? expression.problem : '')
    steps += pattern.length + ('problem' in expression ? 0 : expression.size)
    if (steps < stepsPerTurn) continue
    steps = 0
    await yieldToEventLoop()
  }
  judged = found
}

function compile(pattern: string): LinearRegExp | { readonly problem: string } {
  let copies = pattern.length > longestPattern ? Infinity : 0
  for (const [, least, most] of pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)) copies += Number(most || least)
  if (copies > mostCopies) return { problem: 'error parsing regexp: expression nests too deeply or is too large' }
  let linear: RE2JS
  try {
    linear = RE2JS.compile(pattern)
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
  return {
    size: linear.programSize(),
    test: (text) => linear.test(text),
    findAll(text, most = Infinity) {
      const found: string[] = []
      const matcher = linear.matcher(text)
      while (found.length < most && matcher.find()) found.push(matcher.group() ?? '')
      return found
    },
    match(text) {
      const matcher = linear.matcher(text)
      if (!matcher.find()) return undefined
      return Array.from({ length: matcher.groupCount() + 1 }, (_, group) => matcher.group(group) ?? '')
    },
  }
}
