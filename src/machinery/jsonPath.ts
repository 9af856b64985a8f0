// Kubernetes' JSONPath: what printer columns, custom columns and `-o jsonpath` take from objects. Here: the expression
// within braces. Filters compare with one value; there are no functions and no scripts.
import { isObject } from './schema/model.ts'

/** A path that was read and can be followed in any value. */
export interface JsonPath {
  /** What the path leads to, in order; an empty list where there is nothing. */
  find(value: unknown): unknown[]
  /** The names of a path of fields alone, such as `.spec.replicas`; undefined for any other. */
  readonly fields: readonly string[] | undefined
}

type Step =
  | { readonly type: 'field'; readonly name: string }
  | { readonly type: 'all' }
  | { readonly type: 'descend' }
  | { readonly type: 'slice'; readonly start?: number; readonly end?: number; readonly step?: number }
  | { readonly type: 'union'; readonly steps: readonly Step[] }
  | { readonly type: 'filter'; readonly left: Operand; readonly operator: string; readonly right?: Operand }

/** A path below the item that is looked at, or a value. */
type Operand = { readonly path: readonly Step[] } | { readonly value: unknown }

/** Longer paths are nobody's. */
const longestPath = 4_096

/** Reads an expression such as `.spec.containers[*].image` or `.status.conditions[?(@.type=="Ready")].status`. */
export function parseJsonPath(text: string): JsonPath | { readonly problem: string } {
  if (text.length > longestPath) return { problem: `path is longer than ${longestPath} characters` }
  try {
    const reader = new Reader(text)
    const steps = reader.steps()
    if (!reader.done) return { problem: `unrecognized character in action: ${JSON.stringify(reader.rest)}` }
    const fields = steps.every((step) => step.type === 'field') ? steps.map(({ name }) => name) : undefined
    return { fields, find: (value) => follow(steps, value) }
  } catch (error) {
    if (error instanceof PathError) return { problem: error.message }
    throw error
  }
}

class PathError extends Error {}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get done(): boolean {
    return this.#at >= this.#text.length
  }

  get rest(): string {
    return this.#text.slice(this.#at)
  }

  /** Steps up to the first character that is none. */
  steps(): Step[] {
    const steps: Step[] = []
    if (!this.#take('$')) this.#take('@')
    for (;;) {
      if (this.#take('..')) {
        steps.push({ type: 'descend' })
        if (this.#text[this.#at] !== '[') steps.push(this.#name())
      } else if (this.#take('.')) {
        if (!this.done && this.#text[this.#at] !== '[') steps.push(this.#name())
      } else if (this.#take('[')) steps.push(this.#brackets())
      else return steps
    }
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  /** A field's name up to the next separator; a backslash takes the meaning from what follows. */
  #name(): Step {
    let name = ''
    for (; !this.done; this.#at++) {
      const character = this.#text[this.#at]!
      if (character === '\\' && this.#at + 1 < this.#text.length) name += this.#text[++this.#at]!
      else if (/[\s.,[\]$@{}()=!<>]/.test(character)) break
      else name += character
    }
    if (name === '') throw new PathError('invalid path: a field has no name')
    return name === '*' ? { type: 'all' } : { type: 'field', name }
  }

  #brackets(): Step {
    if (this.#take('?(')) return this.#filter()
    const parts: string[] = []
    let part = ''
    for (;;) {
      if (this.done) throw new PathError('unterminated array')
      const character = this.#text[this.#at]!
      if (character === "'" || character === '"') part += this.#quoted()
      else {
        this.#at++
        if (character === ']') break
        if (character === ',') {
          parts.push(part)
          part = ''
        } else part += character
      }
    }
    const steps = [...parts, part].map((each) => stepOf(each.trim()))
    return steps.length === 1 ? steps[0]! : { type: 'union', steps }
  }

  /** A text between quotes, quotes included. */
  #quoted(): string {
    const quote = this.#text[this.#at]!
    let text = quote
    for (this.#at++; !this.done; this.#at++) {
      const character = this.#text[this.#at]!
      text += character
      if (character === '\\' && this.#at + 1 < this.#text.length) text += this.#text[++this.#at]!
      else if (character === quote) {
        this.#at++
        return text
      }
    }
    throw new PathError('unterminated quoted string')
  }

  #filter(): Step {
    const left = this.#operand()
    this.#space()
    const operator = ['==', '!=', '<=', '>=', '<', '>'].find((each) => this.#take(each)) ?? 'exists'
    const right = operator === 'exists' ? undefined : this.#operand()
    this.#space()
    if (!this.#take(')]')) throw new PathError('unterminated filter')
    return { type: 'filter', left, operator, ...(right === undefined ? {} : { right }) }
  }

  #operand(): Operand {
    this.#space()
    const character = this.#text[this.#at]
    if (character === '@' || character === '$' || character === '.') return { path: this.steps() }
    if (character === "'" || character === '"') return { value: unquote(this.#quoted()) }
    const word = /^[^\s)=!<>]+/.exec(this.rest)?.[0]
    if (word === undefined) throw new PathError('a filter needs something to compare')
    this.#at += word.length
    if (word === 'true' || word === 'false') return { value: word === 'true' }
    if (!/^[-+]?\d+(\.\d+)?$/.test(word)) throw new PathError(`cannot parse value ${word}`)
    return { value: Number(word) }
  }

  #space(): void {
    while (this.#text[this.#at] === ' ') this.#at++
  }
}

function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/gs, '$1')
}

/** What one entry between brackets means. */
function stepOf(text: string): Step {
  if (text === '*') return { type: 'all' }
  if (/^(['"]).*\1$/s.test(text)) return { type: 'field', name: unquote(text) }
  const match = /^(-?\d*)(?:(:)(-?\d*)(?::(-?\d*))?)?$/.exec(text)
  if (match === null || text === '') throw new PathError(`invalid array index ${text}`)
  const [, first = '', colon, second = '', third = ''] = match
  if (colon === undefined) {
    const start = Number(first)
    return { type: 'slice', start, ...(start === -1 ? {} : { end: start + 1 }) }
  }
  return {
    type: 'slice',
    ...(first === '' ? {} : { start: Number(first) }),
    ...(second === '' ? {} : { end: Number(second) }),
    ...(third === '' ? {} : { step: Number(third) }),
  }
}

/** Values that a path may lead to; more are cut off. */
const mostFound = 10_000

function follow(steps: readonly Step[], value: unknown): unknown[] {
  let found: unknown[] = [value]
  for (const step of steps) {
    const next: unknown[] = []
    for (const each of found) {
      for (const one of take(step, each)) next.push(one)
      if (next.length > mostFound) break
    }
    found = next
  }
  return found
}

function take(step: Step, value: unknown): unknown[] {
  switch (step.type) {
    case 'field':
      return isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : []
    case 'all':
      return Array.isArray(value) ? value : isObject(value) ? sortedMembers(value) : []
    case 'descend':
      return descend(value)
    case 'slice':
      return Array.isArray(value) ? slice(value, step) : []
    case 'union':
      return step.steps.flatMap((each) => take(each, value))
    case 'filter':
      return (Array.isArray(value) ? value : isObject(value) ? sortedMembers(value) : []).filter((item) =>
        passes(step, item),
      )
  }
}

function sortedMembers(value: Readonly<Record<string, unknown>>): unknown[] {
  return Object.keys(value)
    .toSorted()
    .map((key) => value[key])
}

/** A value and everything below it, from the outside inwards. */
function descend(value: unknown): unknown[] {
  const found = [value]
  for (let at = 0; at < found.length && found.length < mostFound; at++) {
    const each = found[at]
    const below = Array.isArray(each) ? each : isObject(each) ? sortedMembers(each) : []
    for (const one of below) if (typeof one === 'object' && one !== null) found.push(one)
  }
  return found
}

function slice(list: readonly unknown[], { start = 0, end, step = 1 }: Extract<Step, { type: 'slice' }>): unknown[] {
  const from = start < 0 ? start + list.length : start
  const to = Math.min(end === undefined ? list.length : end < 0 ? end + list.length : end, list.length)
  const found: unknown[] = []
  if (from < 0 || step <= 0) return found
  for (let at = from; at < to; at += step) found.push(list[at])
  return found
}

function passes({ left, operator, right }: Extract<Step, { type: 'filter' }>, item: unknown): boolean {
  const [first] = valuesOf(left, item)
  if (operator === 'exists' || right === undefined) return first !== undefined
  const [second] = valuesOf(right, item)
  if (operator === '==') return first === second
  if (operator === '!=') return first !== second
  if (typeof first !== typeof second || (typeof first !== 'number' && typeof first !== 'string')) return false
  const [a, b] = [first, second as typeof first]
  return operator === '<' ? a < b : operator === '<=' ? a <= b : operator === '>' ? a > b : a >= b
}

function valuesOf(operand: Operand, item: unknown): unknown[] {
  return 'path' in operand ? follow(operand.path, item) : [operand.value]
}
