// Collecting what is wrong with an object. Types, texts and order are upstream's (apimachinery's field errors), because
// people search for them and programs compare them.
import type { StatusCause } from '#machinery/status.ts'

/** Why a value is refused; with `FieldValue` before it, the reason of a Status cause. */
export type ProblemType =
  | 'NotFound'
  | 'Required'
  | 'Duplicate'
  | 'Invalid'
  | 'NotSupported'
  | 'Forbidden'
  | 'TooLong'
  | 'TooShort'
  | 'TooMany'
  | 'TooFew'
  | 'TypeInvalid'
  | 'InternalError'

/** One thing that is wrong. */
export interface FieldProblem {
  readonly type: ProblemType
  /** The path as the user would write it, such as `spec.containers[0].image`. */
  readonly field: string
  readonly detail: string
  readonly value?: unknown
}

/** Collects what is wrong with an object, at one place of it. Copies made by `at` and `key` fill the same list. */
export interface Report {
  /** The place below: a string is a field's name, a number a position in a list. */
  at(...path: readonly (string | number)[]): Report
  /** The entry of a map with this key, written `[key]`. */
  key(key: string): Report
  /** The place as text: `spec.containers[0].image`. */
  readonly path: string
  /**
   * Whether something was reported already at this place, around it or below it. The first step does not count:
   * upstream writes some paths with another root, such as `metadata.taints` for `spec.taints`.
   */
  isReported(): boolean
  problem(type: ProblemType, detail: string, value?: unknown): void

  required(detail?: string): void
  invalid(value: unknown, detail: string): void
  notSupported(value: unknown, supported: readonly string[]): void
  duplicate(value: unknown): void
  forbidden(detail: string): void
  notFound(value: unknown): void
  /** Longer than `maximum` bytes. */
  tooLong(maximum: number): void
  tooMany(count: number, maximum: number): void
  /** The value breaks each of these rules; what a check of names.ts returns. */
  invalidBecause(value: unknown, reasons: readonly string[]): void
}

const titles: Record<ProblemType, string> = {
  NotFound: 'Not found',
  Required: 'Required value',
  Duplicate: 'Duplicate value',
  Invalid: 'Invalid value',
  NotSupported: 'Unsupported value',
  Forbidden: 'Forbidden',
  TooLong: 'Too long',
  TooShort: 'Too short',
  TooMany: 'Too many',
  TooFew: 'Too few',
  TypeInvalid: 'Invalid value',
  InternalError: 'Internal error',
}

/** Types whose message never shows the value. */
const silent: ReadonlySet<ProblemType> = new Set(['Required', 'Forbidden', 'TooLong', 'TooShort', 'InternalError'])

/** The message without the field: `Invalid value: "x": must be lower case`. */
export function problemMessage(problem: FieldProblem): string {
  const shown = silent.has(problem.type) || problem.value === undefined ? '' : `: ${quoteValue(problem.value)}`
  return `${titles[problem.type]}${shown}${problem.detail === '' ? '' : `: ${problem.detail}`}`
}

/** The causes of a Status, for `invalid` of status.ts. */
export function problemCauses(problems: readonly FieldProblem[]): StatusCause[] {
  return problems.map((problem) => ({
    reason: problem.type === 'InternalError' ? 'InternalError' : `FieldValue${problem.type}`,
    message: problemMessage(problem),
    field: problem.field,
  }))
}

/** A report for a whole object, and the list it fills. The root's own path prints as `<nil>`, that of `at('')` as nothing, like upstream's. */
export function createReport(root = ''): { readonly report: Report; readonly problems: readonly FieldProblem[] } {
  const problems: FieldProblem[] = []
  return { report: new Place(problems, undefined, root), problems }
}

/** A list of problems that nobody reads to its end is cut here; finding more would take time that others wait for. */
const mostProblems = 1_000

class Place implements Report {
  readonly #problems: FieldProblem[]
  readonly #parent: Place | undefined
  readonly #step: string | number

  constructor(problems: FieldProblem[], parent: Place | undefined, step: string | number) {
    this.#problems = problems
    this.#parent = parent
    this.#step = step
  }

  // Written only when something is wrong: valid objects pay for no text.
  get path(): string {
    return this.#text() || (this.#parent === undefined ? '<nil>' : '')
  }

  #text(): string {
    const above = this.#parent === undefined ? '' : this.#parent.#text()
    const step = this.#step
    if (typeof step === 'number') return `${above}[${step}]`
    return above !== '' && step !== '' && !step.startsWith('[') ? `${above}.${step}` : above + step
  }

  // Mostly there is one step, for which no list is made.
  at(step?: string | number, ...more: readonly (string | number)[]): Report {
    if (step === undefined) return this
    let place = new Place(this.#problems, this, step)
    for (let i = 0; i < more.length; i++) place = new Place(this.#problems, place, more[i]!)
    return place
  }

  key(key: string): Report {
    return new Place(this.#problems, this, `[${key}]`)
  }

  isReported(): boolean {
    if (this.#problems.length >= mostProblems) return true
    const own = withoutRoot(this.path)
    return this.#problems.some(({ field }) => isWithin(withoutRoot(field), own) || isWithin(own, withoutRoot(field)))
  }

  problem(type: ProblemType, detail: string, value?: unknown): void {
    if (this.#problems.length >= mostProblems) return
    this.#problems.push({ type, field: this.path, detail, ...(value === undefined ? {} : { value }) })
  }

  required(detail = ''): void {
    this.problem('Required', detail)
  }

  invalid(value: unknown, detail: string): void {
    this.problem('Invalid', detail, value ?? null)
  }

  notSupported(value: unknown, supported: readonly string[]): void {
    const list = supported.map((one) => quoteString(one)).join(', ')
    this.problem('NotSupported', supported.length === 0 ? '' : `supported values: ${list}`, value ?? '')
  }

  duplicate(value: unknown): void {
    this.problem('Duplicate', '', value)
  }

  forbidden(detail: string): void {
    this.problem('Forbidden', detail)
  }

  notFound(value: unknown): void {
    this.problem('NotFound', '', value)
  }

  tooLong(maximum: number): void {
    this.problem('TooLong', `may not be more than ${maximum} ${maximum === 1 ? 'byte' : 'bytes'}`)
  }

  tooMany(count: number, maximum: number): void {
    this.problem('TooMany', `must have at most ${maximum} ${maximum === 1 ? 'item' : 'items'}`, count)
  }

  invalidBecause(value: unknown, reasons: readonly string[]): void {
    for (const reason of reasons) this.invalid(value, reason)
  }
}

/** Everything behind the first step; of a path of one step, that step. */
const withoutRoot = (path: string): string => path.slice(path.indexOf('.') + 1)

/** Whether one path is another or leads below it. */
function isWithin(path: string, other: string): boolean {
  if (!path.startsWith(other)) return false
  const next = path[other.length]
  return next === undefined || next === '.' || next === '['
}

function quoteValue(value: unknown): string {
  if (typeof value === 'string') return quoteString(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  // Go writes <, > and & escaped inside JSON.
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const escapes: Record<string, string> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}

/** A string between quotes as Go's `%q` writes it. */
export function quoteString(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is escaped
  const inner = text.replace(/["\\\u0000-\u001f\u007f]|[^\P{C}\p{Cn}]|[\p{Z}--[ ]]/gv, (found) => {
    const escape = escapes[found]
    if (escape !== undefined) return escape
    const code = found.codePointAt(0)!
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
  return `"${inner}"`
}
