import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import { labelValueProblems, qualifiedNameProblems } from './validate/names.ts'

export type LabelOperator = 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt'

/** One condition on one label. */
export interface LabelRequirement {
  readonly key: string
  readonly operator: LabelOperator
  /** Sorted, each once. */
  readonly values: readonly string[]
}

/** Conditions that must all hold; an empty list holds for everything. */
export type LabelRequirements = readonly LabelRequirement[]

/** Why a selector cannot be read. The message is the API's. */
export class SelectorError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SelectorError'
  }
}

/** Selects nothing: what a missing selector means where upstream says so. */
export const nothing: LabelRequirements = [{ key: '', operator: 'in', values: [] }]

/** Whether labels satisfy every requirement. */
export function matchesRequirements(
  requirements: LabelRequirements,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  for (const requirement of requirements) if (!matchesRequirement(requirement, labels)) return false
  return true
}

/** Whether an object's `LabelSelector` picks these labels. An absent selector picks nothing, an empty one everything. */
export function matchesLabelSelector(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  if (selector === undefined) return false
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels?.[key] !== value) return false
  const expressions = selector.matchExpressions
  return expressions === undefined || matchesRequirements(requirementsOf({ matchExpressions: expressions }), labels)
}

/** The requirements of a `LabelSelector`, as `=` and set terms; `nothing` when it is absent. */
export function requirementsOf(selector: LabelSelector | undefined): LabelRequirements {
  if (selector === undefined) return nothing
  const operators = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' } as const
  return [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]): LabelRequirement => ({
      key,
      operator: '=',
      values: [value],
    })),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values }): LabelRequirement => ({
      key,
      operator: operators[operator],
      values: unique(values ?? []),
    })),
  ].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}

/** The requirements as a query parameter; `parseLabelSelector` reads it back. */
export function formatLabelSelector(requirements: LabelRequirements): string {
  return requirements
    .map(({ key, operator, values }) => {
      switch (operator) {
        case 'exists':
          return key
        case '!':
          return `!${key}`
        case 'in':
        case 'notin':
          return `${key} ${operator} (${values.join(',')})`
        case 'gt':
          return `${key}>${values[0]}`
        case 'lt':
          return `${key}<${values[0]}`
        default:
          return `${key}${operator}${values[0]}`
      }
    })
    .join(',')
}

function matchesRequirement(
  { key, operator, values }: LabelRequirement,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'exists':
      return value !== undefined
    case '!':
      return value === undefined
    case 'in':
    case '=':
    case '==':
      return value !== undefined && values.includes(value)
    case 'notin':
    case '!=':
      return value === undefined || !values.includes(value)
    case 'gt':
    case 'lt': {
      if (value === undefined || !integerText.test(value)) return false
      const difference = BigInt(value) - BigInt(values[0]!)
      return operator === 'gt' ? difference > 0n : difference < 0n
    }
  }
}

const integerText = /^-?\d{1,19}$/

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)].sort()
}

/**
 * Reads the query parameter `labelSelector`, such as `app=web,tier in (a,b),!canary`.
 * Throws a SelectorError with the API's message.
 */
export function parseLabelSelector(text: string): LabelRequirements {
  const tokens = tokenize(text)
  let at = 0
  const peek = (): Token => tokens[at]!
  const take = (): Token => tokens[at < tokens.length - 1 ? at++ : at]!
  const isWord = ({ kind }: Token): boolean => kind === 'word'

  const list = (): readonly string[] => {
    const open = take()
    if (open.kind !== '(') throw new SelectorError(`found '${open.text}' expected: '('`)
    if (peek().kind === ')') {
      take()
      return ['']
    }
    if (!isWord(peek()) && peek().kind !== ',') {
      throw new SelectorError(`found '${peek().text}', expected: ',', ')' or identifier`)
    }
    const values: string[] = []
    for (;;) {
      const token = take()
      if (isWord(token)) {
        values.push(token.text)
        if (peek().kind === ')') break
        if (peek().kind !== ',') throw new SelectorError(`found '${peek().text}', expected: ',' or ')'`)
      } else if (token.kind === ',') {
        if (values.length === 0) values.push('')
        if (peek().kind === ')') {
          values.push('')
          break
        }
        if (peek().kind === ',') {
          take()
          values.push('')
        }
      } else throw new SelectorError(`found '${token.text}', expected: ',', or identifier`)
    }
    take()
    return unique(values)
  }

  const exact = (): readonly string[] => {
    if (peek().kind === 'end' || peek().kind === ',') return ['']
    const token = take()
    if (!isWord(token)) throw new SelectorError(`found '${token.text}', expected: identifier`)
    return [token.text]
  }

  const requirement = (): LabelRequirement => {
    let token = take()
    const negated = token.kind === '!'
    if (negated) token = take()
    if (!isWord(token)) throw new SelectorError(`found '${token.text}', expected: identifier`)
    const key = token.text
    checkKey(key)
    if (negated) return { key, operator: '!', values: [] }
    if (peek().kind === 'end' || peek().kind === ',') return { key, operator: 'exists', values: [] }
    const operator = take()
    if (operator.kind === 'word' && (operator.text === 'in' || operator.text === 'notin')) {
      return checked({ key, operator: operator.text, values: list() })
    }
    switch (operator.kind) {
      case '=':
      case '==':
      case '!=':
        return checked({ key, operator: operator.kind, values: exact() })
      case '>':
        return checked({ key, operator: 'gt', values: exact() })
      case '<':
        return checked({ key, operator: 'lt', values: exact() })
      default:
        throw new SelectorError(`found '${operator.text}', expected: in, notin, =, ==, !=, gt, lt`)
    }
  }

  const requirements: LabelRequirement[] = []
  for (;;) {
    if (peek().kind === 'end') break
    if (!isWord(peek()) && peek().kind !== '!') {
      throw new SelectorError(`found '${peek().text}', expected: !, identifier, or 'end of string'`)
    }
    try {
      requirements.push(requirement())
    } catch (error) {
      if (error instanceof SelectorError) throw new SelectorError(`unable to parse requirement: ${error.message}`)
      throw error
    }
    const next = take()
    if (next.kind === 'end') break
    if (next.kind !== ',') throw new SelectorError(`found '${next.text}', expected: ',' or 'end of string'`)
    if (!isWord(peek()) && peek().kind !== '!') {
      throw new SelectorError(`found '${peek().text}', expected: identifier after ','`)
    }
  }
  return requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}

interface Token {
  readonly kind: 'word' | 'end' | ',' | '(' | ')' | '=' | '==' | '!=' | '!' | '>' | '<'
  readonly text: string
}

/** Longest match first, so that `===` reads as `==` and `=`. */
const symbols = ['==', '!=', '=', '!', '(', ')', ',', '>', '<'] as const

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    if (' \t\r\n'.includes(text[at]!)) {
      at++
      continue
    }
    const symbol = symbols.find((each) => text.startsWith(each, at))
    if (symbol !== undefined) {
      tokens.push({ kind: symbol, text: symbol })
      at += symbol.length
      continue
    }
    let end = at
    while (end < text.length && !'=!(),>< \t\r\n'.includes(text[end]!)) end++
    tokens.push({ kind: 'word', text: text.slice(at, end) })
    at = end
  }
  tokens.push({ kind: 'end', text: '' })
  return tokens
}

function checkKey(key: string): void {
  const problems = qualifiedNameProblems(key)
  if (problems.length > 0) {
    throw new SelectorError(`key: Invalid value: ${JSON.stringify(key)}: ${problems.join('; ')}`)
  }
}

function checked(requirement: LabelRequirement): LabelRequirement {
  const { key, operator, values } = requirement
  const found: string[] = []
  for (const [index, value] of values.entries()) {
    if ((operator === 'gt' || operator === 'lt') && !integerText.test(value)) {
      found.push(
        `values[${index}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
      )
    }
    const problems = labelValueProblems(value)
    if (problems.length > 0) {
      found.push(`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${problems.join('; ')}`)
    }
  }
  if (found.length === 1) throw new SelectorError(found[0]!)
  if (found.length > 1) throw new SelectorError(`[${found.join(', ')}]`)
  return requirement
}
