// Merging what a client applies into what there is, by the schema: maps and structs member by member, keyed lists item by
// item, everything else as a whole. Here too: whether what is applied fits the schema at all.
import { setOwn } from '#lib/encoding/setOwn.ts'
import { isObject } from '#machinery/schema/model.ts'
import { fieldPathText } from './fieldSteps.ts'
import { isDivided, isKeyed, type Shape } from './fieldShape.ts'

type Members = Readonly<Record<string, unknown>>

/**
 * The live value with the applied one merged in; nothing is taken away. Items that both have come in the applied order,
 * the others keep their places among them:
 *
 *     [a, b, c]  +  [c, d, a]  =  [b, c, d, a]
 */
export function mergeFields(shape: Shape, live: unknown, applied: unknown): unknown {
  if (live === undefined || live === null) return applied
  if (applied === undefined) return live
  const isNull = applied === null
  if (isDivided(shape, live) && (isNull || isDivided(shape, applied))) {
    return isNull ? (isEmpty(live) ? null : live) : mergeMembers(shape, live, applied as Members)
  }
  if (isKeyed(shape, live) && (isNull || isKeyed(shape, applied))) {
    return isNull ? (isEmpty(live) ? null : live) : mergeItems(shape, live, applied as readonly unknown[])
  }
  return applied
}

function isEmpty(value: object): boolean {
  for (const _ in value) return false
  return true
}

function mergeMembers(shape: Shape, live: Members, applied: Members): Members {
  const merged: Record<string, unknown> = { ...live }
  const { fields, values } = shape
  for (const name of Object.keys(applied)) {
    const field = fields.get(name)
    const inner = field === undefined ? values : field.shape
    const old = Object.hasOwn(live, name) ? live[name] : undefined
    setOwn(merged, name, inner === undefined ? applied[name] : mergeFields(inner, old, applied[name]))
  }
  return merged
}

function mergeItems(shape: Shape, live: readonly unknown[], applied: readonly unknown[]): readonly unknown[] {
  const stepOf = (item: unknown): string => {
    const step = shape.step!(item)
    return typeof step === 'string' ? step : ''
  }
  const given = applied.map((item) => [stepOf(item), item] as const)
  const isGiven = new Map(given)
  const mine = new Map<string, unknown>()
  for (const item of live) {
    const step = stepOf(item)
    // What stands several times is not merged but replaced.
    mine.set(step, mine.has(step) ? undefined : item)
  }
  const merged: unknown[] = []
  const put = ([step, item]: readonly [string, unknown]): unknown =>
    merged.push(mergeFields(shape.items, mine.get(step), item))
  let next = 0
  /** Applied items that are there already, in the applied order: the places where the two orders meet. */
  const meeting = given.filter(([step]) => mine.has(step)).map(([step]) => step)
  let meets = 0
  const done = new Set<string>()
  for (const item of live) {
    const step = stepOf(item)
    if (!isGiven.has(step)) {
      merged.push(item)
      continue
    }
    // Comes later, or came already, where the applied order has it.
    if (done.has(step) || step !== meeting[meets]) continue
    while (next < given.length && !done.has(step)) {
      done.add(given[next]![0])
      put(given[next++]!)
    }
    while (meets < meeting.length && done.has(meeting[meets]!)) meets++
  }
  while (next < given.length) put(given[next++]!)
  return merged
}

/** What does not fit the schema; more problems than these are not looked for. */
const mostProblems = 100

/**
 * Why a value cannot be applied: wrong types, fields that are not declared, items without a key or with the key of
 * another. Paths and texts are those of upstream's structured-merge-diff. `duplicates` allows the last.
 */
export function fieldProblems(shape: Shape, value: unknown, allowed: 'duplicates' | 'none' = 'none'): string[] {
  const problems: string[] = []
  look(shape, value, [], { allowed, problems })
  return problems
}

interface Looking {
  readonly allowed: 'duplicates' | 'none'
  readonly problems: string[]
}

/** `path` is the walk's own: it is as it was afterwards. */
type Look = (shape: Shape, value: unknown, path: string[], looking: Looking) => void

const report = ({ problems }: Looking, path: readonly string[], text: string): void => {
  if (isEnough(problems)) return
  const where = fieldPathText(path)
  problems.push(where === '' ? text : `${where}: ${text}`)
}

const isEnough = (problems: readonly string[]): boolean => problems.length >= mostProblems

/** Whether a value is a scalar that its shape takes, as most are: then there is nothing to be looked at. */
const isPlain = (shape: Shape, value: unknown): boolean =>
  typeof value !== 'object' && (shape.scalar === 'any' || typeProblem(shape, value) === undefined)

const look: Look = (shape, value, path, looking) => {
  if (value === null || shape.scalar === 'any') return
  if (isObject(value) && shape.takesObjects) lookAtMembers(shape, value, path, looking)
  else if (Array.isArray(value) && shape.takesLists) lookAtItems(shape, value, path, looking)
  else {
    const problem = typeProblem(shape, value)
    if (problem !== undefined) report(looking, path, problem)
  }
}

function lookAtMembers(shape: Shape, value: Members, path: string[], looking: Looking): void {
  const { fields, values } = shape
  for (const name of Object.keys(value)) {
    const field = fields.get(name)
    const inner = field === undefined ? values : field.shape
    if (inner === undefined ? field !== undefined : isPlain(inner, value[name])) continue
    if (isEnough(looking.problems)) return
    path.push(`f:${name}`)
    if (inner === undefined) report(looking, path, 'field not declared in schema')
    else look(inner, value[name], path, looking)
    path.pop()
  }
}

function lookAtItems(shape: Shape, list: readonly unknown[], path: string[], looking: Looking): void {
  const { items, step: stepOf } = shape
  const seen = new Set<string>()
  for (let index = 0; index < list.length; index++) {
    const item = list[index]
    if (stepOf === undefined && isPlain(items, item)) continue
    if (isEnough(looking.problems)) return
    const step = stepOf === undefined ? `i:${index}` : stepOf(item)
    if (typeof step !== 'string') return report(looking, path, `element ${index}: ${step.problem}`)
    if (stepOf !== undefined) {
      if (seen.has(step) && looking.allowed === 'none') {
        report(looking, path, `duplicate entries for key ${fieldPathText([step])}`)
      }
      seen.add(step)
    }
    path.push(step)
    look(items, item, path, looking)
    path.pop()
  }
}

function typeProblem({ scalar, takesObjects }: Shape, value: unknown): string | undefined {
  const isScalar = typeof value !== 'object'
  switch (scalar) {
    case 'string':
      return typeof value === 'string'
        ? undefined
        : `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`
    case 'numeric':
      return typeof value === 'number' ? undefined : `expected numeric (int or float), got ${goType(value)}`
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `expected boolean, got &{${goText(value)}}`
    case 'untyped':
      return isScalar ? undefined : `expected any scalar, got &{${goText(value)}}`
    default:
      return `expected ${takesObjects ? 'map' : 'list'}, got &{${goText(value)}}`
  }
}

/** A value's type as Go's `%T` has it. */
function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}'
  if (isObject(value)) return 'map[string]interface {}'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return typeof value === 'boolean' ? 'bool' : 'string'
}

/** A value as Go's `%#v` prints it. */
function goSyntax(value: unknown): string {
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`
  if (!isObject(value)) return value === null ? 'interface {}(nil)' : JSON.stringify(value)
  const members = Object.keys(value).sort()
  return `map[string]interface {}{${members.map((name) => `${JSON.stringify(name)}:${goSyntax(value[name])}`).join(', ')}}`
}

/** A value as Go's `%v` prints it. */
function goText(value: unknown): string {
  if (value === null) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`
  if (!isObject(value)) return String(value)
  const members = Object.keys(value).sort()
  return `map[${members.map((name) => `${name}:${goText(value[name])}`).join(' ')}]`
}
