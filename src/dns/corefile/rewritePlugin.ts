/** `rewrite [continue|stop] name [exact|prefix|suffix|substring|regex] FROM TO [answer ...]`: another name is looked up than the one that was asked for. */
import { linearRegExp, type LinearRegExp } from '#lib/linearRegExp.ts'

import type { NameMatch, RewriteRule } from './settings.ts'
import type { Directive } from './syntax.ts'
import { checkCount, fail, readZone } from './words.ts'

const kinds = ['exact', 'prefix', 'suffix', 'substring', 'regex'] as const

export function readRewrite(directive: Directive): RewriteRule {
  let words = [...directive.words]
  const goOn = words[0] === 'continue'
  if (words[0] === 'continue' || words[0] === 'stop') words = words.slice(1)
  // The rule may stand in braces: a line with the name and lines with the answers.
  for (const { name, words: more } of directive.properties ?? []) words.push(name, ...more)
  const [field, ...rest] = words
  if (field !== 'name') fail(directive, `only names can be rewritten: '${field ?? ''}' must be name`)
  const kind = kinds.find((each) => each === rest[0]) ?? 'exact'
  const [from, to, ...answerWords] = rest[0] === kind ? rest.slice(1) : rest
  if (from === undefined || to === undefined)
    fail(directive, 'a name to look for and another one to put there are missing')
  return {
    goOn,
    match: readMatch(directive, kind, from),
    to: readTo(directive, kind, to),
    answers: readAnswers(directive, answerWords),
  }
}

function readMatch(directive: Directive, by: (typeof kinds)[number], text: string): NameMatch {
  if (by === 'regex') return { by, expression: readExpression(directive, text) }
  if (by === 'exact') return { by, text: readZone(directive, text) }
  // Names here have no dot at the end; a suffix that ends with one means the same.
  return { by, text: by === 'suffix' ? withoutDot(text) : text.toLowerCase() }
}

const readTo = (directive: Directive, kind: string, text: string): string =>
  kind === 'exact' ? readZone(directive, text) : kind === 'suffix' ? withoutDot(text) : text.toLowerCase()

const withoutDot = (text: string): string => text.toLowerCase().replace(/\.$/, '')

function readExpression(directive: Directive, text: string): LinearRegExp {
  const expression = linearRegExp(text)
  return 'problem' in expression ? fail(directive, `'${text}': ${expression.problem}`) : expression
}

/** `answer auto`, or `answer [name|value] FROM TO` so many times. */
function readAnswers(directive: Directive, words: readonly string[]): RewriteRule['answers'] {
  const answers: RewriteRule['answers'][number][] = []
  for (let at = 0; at < words.length;) {
    if (words[at] !== 'answer') fail(directive, `unexpected '${words[at]}', expecting answer`)
    // The name that was asked for is put back in any case.
    if (words[at + 1] === 'auto') {
      at += 2
      continue
    }
    const of = words[at + 1] === 'value' ? 'value' : 'name'
    const given = words.slice(words[at + 1] === of ? at + 2 : at + 1, words[at + 1] === of ? at + 4 : at + 3)
    checkCount({ ...directive, words: given }, 2, 2)
    answers.push({ of, from: readExpression(directive, given[0]!), to: given[1]!.replace(/\.$/, '') })
    at += words[at + 1] === of ? 4 : 3
  }
  return answers
}
