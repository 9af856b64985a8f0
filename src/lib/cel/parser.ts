/**
 * From the text of an expression to its tree, macros expanded.
 *
 * Source of the grammar: https://github.com/cel-expr/cel-spec/blob/master/doc/langdef.md#syntax, with the optional
 * syntax (`a.?b`, `a[?b]`, `[?a]`, `{?k: v}`) and quoted field names. Limits and messages are those of cel-go.
 */
import { make, operators, type Expression, type MapEntry, type StructField } from './ast.ts'
import { tokenize, type Token } from './lexer.ts'
import { readBytes, readString } from './literals.ts'
import type { Macro, MacroContext } from './macros.ts'
import type { Issue } from './source.ts'
import { codePointLength } from './text.ts'
import { Double, smallest, Uint } from './values.ts'

/** Code points of a whole expression. */
const longestExpression = 100_000
/** How deep expressions may nest, counting every operator of a chain. */
const deepestNesting = 250
/** After so many mistakes the rest is not looked at. */
const mostSyntaxErrors = 30
/** Nodes of a tree; only macros that copy can come near it. */
const mostNodes = 200_000

const reserved = new Set(
  'as break const continue else false for function if import in let loop package namespace null return true var void while'.split(
    ' ',
  ),
)

const relations: ReadonlyMap<string, string> = new Map([
  ['<', operators.less],
  ['<=', operators.lessOrEqual],
  ['>', operators.greater],
  ['>=', operators.greaterOrEqual],
  ['==', operators.equals],
  ['!=', operators.notEquals],
  ['in', operators.in],
])
const sums: ReadonlyMap<string, string> = new Map([
  ['+', operators.add],
  ['-', operators.subtract],
])
const products: ReadonlyMap<string, string> = new Map([
  ['*', operators.multiply],
  ['/', operators.divide],
  ['%', operators.modulo],
])

/** What may begin an expression, as messages list it; with `also`, what else may stand there. */
function startOf(...also: readonly string[]): string {
  const tokens = [
    "'['",
    "']'",
    "'{'",
    "'}'",
    "'('",
    "')'",
    "'.'",
    "','",
    "'-'",
    "'!'",
    "'?'",
    "'true'",
    "'false'",
    "'null'",
  ]
  const optional = new Set(["']'", "'}'", "')'", "','", "'?'"])
  const shown = tokens.filter((each) => !optional.has(each) || also.includes(each))
  return `{${[...shown, 'NUM_FLOAT', 'NUM_INT', 'NUM_UINT', 'STRING', 'BYTES', 'IDENTIFIER'].join(', ')}}`
}

const expressionStart = startOf()
const argumentStart = startOf("')'")
const elementStart = startOf("']'", "','", "'?'")
const entryStart = startOf("'}'", "','", "'?'")

const startingOperators = new Set(['[', '{', '(', '.', '-', '!'])

/** Names of fields may stand in backquotes. */
const fieldName = ({ kind, text }: Token): string => (kind === 'quoted' ? text.slice(1, -1) : text)

/** Whether an expression may begin with a token. */
const begins = ({ kind, text }: Token): boolean =>
  kind === 'operator' ? startingOperators.has(text) : kind !== 'end' && kind !== 'quoted'

export type ParseResult = { readonly expression: Expression } | { readonly issues: readonly Issue[] }

/** Parses an expression. `macros` are by their {@link macroKey}. */
export function parse(text: string, macros: ReadonlyMap<string, Macro>): ParseResult {
  const points = text.length <= longestExpression ? text.length : codePointLength(text)
  if (points > longestExpression) {
    const message = `expression code point size exceeds limit: size: ${points}, limit ${longestExpression}`
    return { issues: [{ offset: -1, message }] }
  }
  return new Parser(text, macros).parse()
}

/** Thrown to leave the parser; what is wrong is in its issues. */
class GiveUp extends Error {}

class Parser implements MacroContext {
  readonly #issues: Issue[] = []
  readonly #tokens: readonly Token[]
  readonly #macros: ReadonlyMap<string, Macro>
  #next = 0
  #nesting = 0
  /** What may stand where an expression is to begin. */
  #expected = expressionStart

  constructor(text: string, macros: ReadonlyMap<string, Macro>) {
    this.#tokens = tokenize(text, this.#issues)
    this.#macros = macros
  }

  parse(): ParseResult {
    try {
      const expression = this.#expression()
      if (this.#token.kind !== 'end') this.#unexpected('<EOF>', this.#follows(1, 'end'))
      return this.#issues.length > 0 ? { issues: this.#issues } : { expression }
    } catch (error) {
      if (!(error instanceof GiveUp)) throw error
      return { issues: this.#issues }
    }
  }

  /** Notes what is wrong at a place and goes on with a stand-in. */
  problem(offset: number, message: string): Expression {
    this.#issues.push({ offset, message })
    return make.literal(offset, null)
  }

  get #token(): Token {
    return this.#tokens[this.#next]!
  }

  #follows(ahead: number, kind: Token['kind'], text?: string): boolean {
    const token = this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)]!
    return token.kind === kind && (text === undefined || token.text === text)
  }

  /** Takes the next token when it is this operator. */
  #take(text: string): Token | undefined {
    const token = this.#token
    if (token.kind !== 'operator' || token.text !== text) return undefined
    this.#next++
    return token
  }

  #expect(text: string, expected = `'${text}'`): Token {
    return this.#take(text) ?? this.#unexpected(expected)
  }

  /** Parsing ends with what cannot be overlooked: more messages would mislead. */
  #unexpected(expected: string, extraneous = false): never {
    const { text, offset } = this.#token
    this.#syntaxError(offset, `${extraneous ? 'extraneous' : 'mismatched'} input '${text}' expecting ${expected}`)
  }

  #syntaxError(offset: number, message: string): never {
    this.#issues.push({ offset, message: `Syntax error: ${message}` })
    throw new GiveUp()
  }

  #tooDeep(): never {
    this.#issues.push({ offset: -1, message: `expression recursion limit exceeded: ${deepestNesting}` })
    throw new GiveUp()
  }

  /** Refuses trees that are too deep or too large to walk. */
  #bounded<E extends Expression>(expression: E): E {
    // A macro adds a few levels to each of its uses.
    if (expression.depth > deepestNesting * 3) this.#tooDeep()
    if (expression.size > mostNodes) {
      this.#issues.push({ offset: -1, message: `expression node limit exceeded: ${mostNodes}` })
      throw new GiveUp()
    }
    return expression
  }

  #expression(expected = expressionStart): Expression {
    this.#expected = expected
    if (++this.#nesting > deepestNesting) this.#tooDeep()
    const condition = this.#logical('||', operators.or, () =>
      this.#logical('&&', operators.and, () => this.#relation()),
    )
    const question = this.#take('?')
    let result = condition
    if (question !== undefined) {
      const yes = this.#logical('||', operators.or, () => this.#logical('&&', operators.and, () => this.#relation()))
      this.#expect(':')
      result = make.call(question.offset, operators.conditional, condition, yes, this.#expression())
    }
    this.#nesting--
    return this.#bounded(result)
  }

  /** Chains of one logical operator become balanced trees, so that long ones are not deep. */
  #logical(text: string, name: string, term: () => Expression): Expression {
    const first = term()
    let token = this.#take(text)
    if (token === undefined) return first
    const terms = [first]
    const offsets: number[] = []
    while (token !== undefined) {
      offsets.push(token.offset)
      this.#expected = expressionStart
      terms.push(term())
      token = this.#take(text)
    }
    const balance = (low: number, high: number): Expression => {
      if (low === high) return terms[low]!
      const middle = low + ((high - low) >> 1)
      return make.call(offsets[middle]!, name, balance(low, middle), balance(middle + 1, high))
    }
    return balance(0, terms.length - 1)
  }

  #relation(): Expression {
    return this.#chain(relations, () => this.#chain(sums, () => this.#chain(products, () => this.#unary())))
  }

  #chain(names: ReadonlyMap<string, string>, operand: () => Expression): Expression {
    let left = operand()
    for (let links = 1; ; links++) {
      const token = this.#token
      const name = token.kind === 'operator' ? names.get(token.text) : undefined
      if (name === undefined) return left
      if (links > deepestNesting) this.#tooDeep()
      this.#next++
      this.#expected = expressionStart
      left = this.#bounded(make.call(token.offset, name, left, operand()))
    }
  }

  #unary(): Expression {
    this.#overlook()
    const first = this.#token
    const sign = first.kind === 'operator' && (first.text === '!' || first.text === '-') ? first.text : undefined
    if (sign === undefined) return this.#member()
    this.#expected = expressionStart
    let signs = 0
    while (this.#take(sign) !== undefined) signs++
    const number = this.#token
    // The sign of a number belongs to it: the lowest int could not be written otherwise.
    if (sign === '-' && (number.kind === 'int' || number.kind === 'double')) {
      this.#next++
      const value = this.#number(number, '-', first.offset)
      const operand = this.#memberOf(value)
      return signs % 2 === 1 ? operand : make.call(first.offset, operators.negate, operand)
    }
    const operand = this.#member()
    if (signs % 2 === 0) return operand
    return make.call(first.offset, sign === '!' ? operators.not : operators.negate, operand)
  }

  #member(): Expression {
    return this.#memberOf(this.#primary())
  }

  #memberOf(start: Expression): Expression {
    let operand = start
    for (let links = 1; ; links++) {
      if (links > deepestNesting) this.#tooDeep()
      const dot = this.#take('.')
      if (dot !== undefined) {
        operand = this.#bounded(this.#dotted(operand, dot))
        continue
      }
      const bracket = this.#take('[')
      if (bracket === undefined) return operand
      const name = this.#take('?') === undefined ? operators.index : operators.optionalIndex
      operand = this.#bounded(make.call(bracket.offset, name, operand, this.#expression()))
      this.#expect(']')
    }
  }

  #dotted(operand: Expression, dot: Token): Expression {
    const optional = this.#take('?') !== undefined
    const { kind, offset } = this.#token
    const field = fieldName(this.#token)
    if (kind !== 'identifier' && kind !== 'quoted') this.#noField(dot)
    this.#next++
    if (optional) {
      return make.call(dot.offset, operators.optionalSelect, operand, make.literal(offset, field))
    }
    const open = kind === 'identifier' ? this.#take('(') : undefined
    if (open === undefined) {
      if (field === 'true' || field === 'false' || field === 'null') {
        this.#syntaxError(offset, `mismatched input '${field}' expecting IDENTIFIER`)
      }
      return make.select(dot.offset, operand, field)
    }
    return this.#call(open.offset, field, this.#arguments(), operand)
  }

  #noField(dot: Token): never {
    const { text, offset } = this.#token
    this.#syntaxError(offset, `no viable alternative at input '${dot.text}${text === '<EOF>' ? '' : text}'`)
  }

  #arguments(): readonly Expression[] {
    const found: Expression[] = []
    if (this.#take(')') !== undefined) return found
    do found.push(this.#expression(found.length === 0 ? argumentStart : expressionStart))
    while (this.#take(',') !== undefined)
    this.#expect(')')
    return found
  }

  #call(offset: number, name: string, parameters: readonly Expression[], target?: Expression): Expression {
    const macro =
      this.#macros.get(`${name}:${parameters.length}:${target !== undefined}`) ??
      this.#macros.get(`${name}:*:${target !== undefined}`)
    const expanded = macro?.expand(this, offset, target, parameters)
    if (expanded !== undefined) return this.#bounded(expanded)
    if (target === undefined) return make.call(offset, name, ...parameters)
    return make.memberCall(offset, target, name, ...parameters)
  }

  #primary(): Expression {
    this.#overlook()
    const token = this.#token
    this.#next++
    switch (token.kind) {
      case 'int':
      case 'uint':
      case 'double':
        return this.#number(token, '', token.offset)
      case 'string': {
        const read = readString(token.text)
        return 'text' in read ? make.literal(token.offset, read.text) : this.problem(token.offset, read.problem)
      }
      case 'bytes': {
        const read = readBytes(token.text)
        return 'bytes' in read ? make.literal(token.offset, read.bytes) : this.problem(token.offset, read.problem)
      }
      case 'identifier':
        return this.#named(token, '')
      case 'operator':
        if (token.text === '(') {
          const inner = this.#expression()
          this.#expect(')')
          return inner
        }
        if (token.text === '[') return this.#list(token)
        if (token.text === '{') return this.#map(token)
        if (token.text === '.' && this.#token.kind === 'identifier') {
          this.#next++
          return this.#named(this.#tokens[this.#next - 1]!, '.')
        }
        break
      default:
    }
    this.#next--
    return this.#unexpected(this.#expected)
  }

  /** Notes and passes over a token that begins no expression, when the one after it may. */
  #overlook(): void {
    while (!begins(this.#token) && this.#token.kind !== 'end') {
      const { text, offset } = this.#token
      const kind = begins(this.#tokens[this.#next + 1]!) ? 'extraneous' : 'mismatched'
      this.#issues.push({ offset, message: `Syntax error: ${kind} input '${text}' expecting ${this.#expected}` })
      if (this.#issues.length > mostSyntaxErrors) throw new GiveUp()
      this.#next++
    }
  }

  #number({ kind, text }: Token, sign: string, offset: number): Expression {
    if (kind === 'double') {
      const value = Number(sign + text)
      return Number.isFinite(value)
        ? make.literal(offset, new Double(value))
        : this.problem(offset, 'invalid double literal')
    }
    const size = BigInt(kind === 'uint' ? text.slice(0, -1) : text)
    if (kind === 'uint') {
      return size < 1n << 64n ? make.literal(offset, new Uint(size)) : this.problem(offset, 'invalid uint literal')
    }
    const value = sign === '-' ? -size : size
    const fits = value >= -(1n << 63n) && value < 1n << 63n
    return fits ? make.literal(offset, smallest(value)) : this.problem(offset, 'invalid int literal')
  }

  /** A name, a call of a function, or a struct of a type. */
  #named(first: Token, dot: string): Expression {
    const name = first.text
    if (dot === '' && (name === 'true' || name === 'false')) return make.literal(first.offset, name === 'true')
    if (dot === '' && name === 'null') return make.literal(first.offset, null)
    const open = this.#take('(')
    if (reserved.has(name)) {
      if (open !== undefined) this.#arguments()
      return this.problem(first.offset, `reserved identifier: ${name}`)
    }
    if (open !== undefined) return this.#call(open.offset, dot + name, this.#arguments())
    let ahead = 0
    while (this.#follows(ahead, 'operator', '.') && this.#follows(ahead + 1, 'identifier')) ahead += 2
    if (!this.#follows(ahead, 'operator', '{')) return make.identifier(first.offset, dot + name)
    let typeName = dot + name
    for (let index = 1; index < ahead; index += 2) typeName += `.${this.#tokens[this.#next + index]!.text}`
    this.#next += ahead
    return this.#struct(this.#expect('{'), typeName)
  }

  #list(open: Token): Expression {
    const elements: Expression[] = []
    const optional = new Set<number>()
    while (this.#take(']') === undefined) {
      if (elements.length > 0 || this.#follows(0, 'operator', ',')) {
        this.#expect(',', "{']', ','}")
        if (this.#take(']') !== undefined) break
      }
      if (this.#take('?') !== undefined) optional.add(elements.length)
      elements.push(this.#expression(elements.length === 0 ? elementStart : startOf("']'", "'?'")))
    }
    return make.list(open.offset, elements, optional)
  }

  #map(open: Token): Expression {
    const entries: MapEntry[] = []
    this.#entries(entries, (optional) => {
      const key = this.#expression(entries.length === 0 ? entryStart : startOf("'}'", "'?'"))
      const { offset } = this.#expect(':')
      entries.push({ key, value: this.#expression(), optional, offset })
    })
    return make.map(open.offset, entries)
  }

  #struct(open: Token, typeName: string): Expression {
    const fields: StructField[] = []
    this.#entries(fields, (optional) => {
      const { kind } = this.#token
      const name = fieldName(this.#token)
      if (kind !== 'identifier' && kind !== 'quoted') {
        this.#unexpected("{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}", this.#follows(1, 'identifier'))
      }
      this.#next++
      const { offset } = this.#expect(':')
      fields.push({ name, value: this.#expression(), optional, offset })
    })
    return make.struct(open.offset, typeName, fields)
  }

  #entries(found: readonly unknown[], entry: (optional: boolean) => void): void {
    while (this.#take('}') === undefined) {
      if (found.length > 0 || this.#follows(0, 'operator', ',')) {
        this.#expect(',', "{'}', ','}")
        if (this.#take('}') !== undefined) break
      }
      entry(this.#take('?') !== undefined)
    }
  }
}
