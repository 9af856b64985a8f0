/**
 * The types of the Common Expression Language, and which of them may stand where another is asked for.
 *
 * Source: https://github.com/cel-expr/cel-spec/blob/master/doc/langdef.md#types
 */

export type TypeKind =
  | 'dyn'
  | 'error'
  | 'null'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'duration'
  | 'timestamp'
  | 'list'
  | 'map'
  | 'struct'
  | 'opaque'
  | 'type'
  | 'param'

export interface Type {
  readonly kind: TypeKind
  /** As the language names it: `int`, `list`, `net.IP`, or the name of a declared object type. */
  readonly name: string
  readonly parameters: readonly Type[]
  /** Whether null may stand for a value of it: wrappers of scalars. */
  readonly nullable?: boolean
}

const simple = (kind: TypeKind, name: string = kind): Type => ({ kind, name, parameters: [] })

export const dynType = simple('dyn')
export const errorType = simple('error', '!error!')
export const nullType = simple('null', 'null_type')
export const boolType = simple('bool')
export const intType = simple('int')
export const uintType = simple('uint')
export const doubleType = simple('double')
export const stringType = simple('string')
export const bytesType = simple('bytes')
export const durationType = simple('duration', 'google.protobuf.Duration')
export const timestampType = simple('timestamp', 'google.protobuf.Timestamp')

export const listType = (element: Type): Type => ({ kind: 'list', name: 'list', parameters: [element] })
export const mapType = (key: Type, value: Type): Type => ({ kind: 'map', name: 'map', parameters: [key, value] })
export const structType = (name: string): Type => simple('struct', name)
export const opaqueType = (name: string, ...parameters: readonly Type[]): Type => ({ kind: 'opaque', name, parameters })
export const optionalType = (value: Type): Type => opaqueType('optional_type', value)
export const typeType = (of: Type): Type => ({ kind: 'type', name: 'type', parameters: [of] })
export const parameterType = (name: string): Type => simple('param', name)
export const nullableType = (of: Type): Type => ({ ...of, nullable: true })

/** The type as error messages show it, such as `map(string, list(int))`. */
export function formatType(type: Type): string {
  switch (type.kind) {
    case 'duration':
    case 'timestamp':
    case 'null':
      return type.kind
    default:
  }
  if (type.nullable === true) return `wrapper(${type.name})`
  if (type.parameters.length === 0) return type.name
  return `${type.name}(${type.parameters.map(formatType).join(', ')})`
}

/** `string.(int, dyn)` for calls with a receiver, `(string, int)` for others. */
export function formatCallTypes(types: readonly Type[], member: boolean): string {
  const shown = types.map(formatType)
  return member ? `${shown[0]}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`
}

export function isOptional(type: Type): boolean {
  return type.kind === 'opaque' && type.name === 'optional_type'
}

/** The type inside an optional one; any other type itself. */
export function unwrapOptional(type: Type): Type {
  return isOptional(type) ? type.parameters[0]! : type
}

export function sameType(a: Type, b: Type): boolean {
  if (a === b) return true
  if (a.kind !== b.kind || a.name !== b.name || a.parameters.length !== b.parameters.length) return false
  return a.parameters.every((each, index) => sameType(each, b.parameters[index]!))
}

/** What is known so far of type parameters, by their name. */
export type Substitutions = ReadonlyMap<string, Type>

/** The type with known parameters filled in; with `unknownAsDyn`, those that are not known become `dyn`. */
export function substitute(known: Substitutions, type: Type, unknownAsDyn = false): Type {
  if (type.kind === 'param') {
    const found = known.get(type.name)
    if (found !== undefined) return substitute(known, found, unknownAsDyn)
    return unknownAsDyn ? dynType : type
  }
  if (type.parameters.length === 0) return type
  return { ...type, parameters: type.parameters.map((each) => substitute(known, each, unknownAsDyn)) }
}

/** What was known of a parameter before something was learned of it: enough to forget that again. */
type Learned = [name: string, before: Type | undefined][]

/**
 * Whether values of the types `from` may stand where `to` are asked for. What that says of type parameters is added to
 * `known`, which stays as it is when they may not.
 */
export function assign(known: Map<string, Type>, from: readonly Type[], to: readonly Type[]): boolean {
  if (from.length !== to.length) return false
  const learned: Learned = []
  for (const [index, each] of from.entries()) {
    if (assignable(known, learned, each, to[index]!)) continue
    for (const [name, before] of learned.toReversed()) {
      if (before === undefined) known.delete(name)
      else known.set(name, before)
    }
    return false
  }
  return true
}

function learn(known: Map<string, Type>, learned: Learned, name: string, type: Type): void {
  learned.push([name, known.get(name)])
  known.set(name, type)
}

function assignable(known: Map<string, Type>, learned: Learned, from: Type, to: Type): boolean {
  if (to.kind === 'param') {
    const bound = known.has(to.name)
    if (bindParameter(known, learned, from, to)) return true
    if (bound) return false
  }
  if (from.kind === 'param') return bindParameter(known, learned, to, from)
  if (isWild(from) || isWild(to)) return true
  if (from.kind === 'null') return acceptsNull(to)
  if (to.kind === 'null') return acceptsNull(from)
  if (from.kind !== to.kind) return false
  if (from.kind === 'type') return true
  if (from.name !== to.name || from.parameters.length !== to.parameters.length) return false
  return from.parameters.every((each, index) => assignable(known, learned, each, to.parameters[index]!))
}

const isWild = ({ kind }: Type): boolean => kind === 'dyn' || kind === 'error'

function acceptsNull({ kind, nullable }: Type): boolean {
  return (
    kind === 'null' ||
    nullable === true ||
    kind === 'opaque' ||
    kind === 'struct' ||
    kind === 'duration' ||
    kind === 'timestamp'
  )
}

function bindParameter(known: Map<string, Type>, learned: Learned, type: Type, parameter: Type): boolean {
  if (sameType(type, parameter)) return true
  const bound = known.get(parameter.name)
  if (bound !== undefined) {
    if (sameType(type, bound)) return true
    if (!assignable(known, learned, type, bound)) return false
    const general = mostGeneral(type, bound)
    if (!occursIn(known, parameter, general)) learn(known, learned, parameter.name, general)
    return true
  }
  if (occursIn(known, parameter, type)) return false
  learn(known, learned, parameter.name, type)
  return true
}

function occursIn(known: Substitutions, parameter: Type, type: Type): boolean {
  if (sameType(parameter, type)) return true
  if (type.kind === 'param') {
    const bound = known.get(type.name)
    return bound !== undefined && occursIn(known, parameter, bound)
  }
  return type.parameters.some((each) => occursIn(known, parameter, each))
}

/** The more general of two types of which one can be assigned to the other. */
export function mostGeneral(a: Type, b: Type): Type {
  return lessSpecific(a, b) ? a : b
}

function lessSpecific(a: Type, b: Type): boolean {
  if (a.kind === 'dyn' || a.kind === 'param') return true
  if (b.kind === 'dyn' || b.kind === 'param') return false
  if (b.kind === 'null') return true
  if (a.kind !== b.kind) return false
  if (a.kind === 'type') return true
  if (a.name !== b.name || a.parameters.length !== b.parameters.length || a.nullable !== b.nullable) return false
  return a.parameters.every((each, index) => lessSpecific(each, b.parameters[index]!))
}
