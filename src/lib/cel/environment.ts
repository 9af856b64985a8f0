/** What an expression may use: variables, functions, macros and types. */
import type { FunctionDeclaration, Library } from './declarations.ts'
import { macroKey, standardMacros, type Macro } from './macros.ts'
import { standardFunctions } from './standard.ts'
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  nullType,
  stringType,
  timestampType,
  typeType,
  uintType,
  type Type,
} from './types.ts'
import type { Value } from './values.ts'

/** Object types that somebody declared. */
export interface ObjectTypes {
  /** The type of that name. */
  find(name: string): Type | undefined
  /** The type of a field of a struct type. */
  field(type: Type, field: string): Type | undefined
  /** Makes a value of a type from the fields that an expression gives. */
  construct?(type: Type, fields: ReadonlyMap<string, Value>): Value
}

export interface EnvironmentOptions {
  readonly variables?: Readonly<Record<string, Type>> | ReadonlyMap<string, Type>
  readonly libraries?: readonly Library[]
  readonly objectTypes?: ObjectTypes
  /** The namespace in which names are looked for first. */
  readonly container?: string
  /** Whether all elements of a list or map literal must be of one type. */
  readonly homogeneous?: boolean
  /** Whether regular expressions, durations and timestamps that are literals are checked with the types. */
  readonly checkLiterals?: boolean
}

const namedTypes: readonly Type[] = [
  boolType,
  bytesType,
  doubleType,
  durationType,
  intType,
  listType(dynType),
  mapType(dynType, dynType),
  nullType,
  stringType,
  timestampType,
  typeType(dynType),
  uintType,
]

export class Environment {
  readonly variables: ReadonlyMap<string, Type>
  readonly functions: ReadonlyMap<string, FunctionDeclaration>
  readonly macros: ReadonlyMap<string, Macro>
  readonly types: ReadonlyMap<string, Type>
  readonly objectTypes: ObjectTypes | undefined
  readonly container: string
  readonly homogeneous: boolean
  readonly checkLiterals: boolean

  constructor(options: EnvironmentOptions = {}, base?: Environment) {
    this.variables = new Map([...(base?.variables ?? []), ...entriesOf(options.variables)])
    const libraries = options.libraries ?? []
    this.functions =
      base !== undefined && libraries.length === 0
        ? base.functions
        : mergeFunctions([
            ...(base?.functions.values() ?? standardFunctions),
            ...libraries.flatMap((library) => library.functions ?? []),
          ])
    this.macros = addTo(
      base?.macros,
      [...(base === undefined ? standardMacros : []), ...libraries.flatMap((library) => library.macros ?? [])],
      macroKey,
    )
    this.types = addTo(
      base?.types,
      [...(base === undefined ? namedTypes : []), ...libraries.flatMap((library) => library.types ?? [])],
      ({ name }) => name,
    )
    this.objectTypes = options.objectTypes ?? base?.objectTypes
    this.container = options.container ?? base?.container ?? ''
    this.homogeneous = options.homogeneous ?? base?.homogeneous ?? false
    this.checkLiterals = options.checkLiterals ?? base?.checkLiterals ?? false
  }

  /** An environment that has more, and hides what it redefines. */
  extend(options: EnvironmentOptions): Environment {
    return new Environment(options, this)
  }

  /** The names that a name may mean, the first before the next. */
  *candidates(name: string): Generator<string> {
    if (name.startsWith('.')) {
      yield name.slice(1)
      return
    }
    for (let prefix = this.container; prefix !== ''; prefix = prefix.slice(0, Math.max(prefix.lastIndexOf('.'), 0))) {
      yield `${prefix}.${name}`
    }
    yield name
  }

  function(name: string): FunctionDeclaration | undefined {
    for (const candidate of this.candidates(name)) {
      const found = this.functions.get(candidate)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** A type by its name, built in or declared. */
  type(name: string): Type | undefined {
    for (const candidate of this.candidates(name)) {
      const found = this.types.get(candidate) ?? this.objectTypes?.find(candidate)
      if (found !== undefined) return found
    }
    return undefined
  }
}

function entriesOf(variables: EnvironmentOptions['variables']): Iterable<[string, Type]> {
  if (variables === undefined) return []
  return variables instanceof Map ? variables : Object.entries(variables as Record<string, Type>)
}

/** The map itself when nothing is added: environments are made often, and share what they can. */
function addTo<T>(
  base: ReadonlyMap<string, T> | undefined,
  added: readonly T[],
  keyOf: (each: T) => string,
): ReadonlyMap<string, T> {
  if (base !== undefined && added.length === 0) return base
  return new Map([...(base ?? []), ...added.map((each): [string, T] => [keyOf(each), each])])
}

/** One declaration for each name, with the overloads of all that were declared under it. */
function mergeFunctions(declared: readonly FunctionDeclaration[]): Map<string, FunctionDeclaration> {
  const merged = new Map<string, FunctionDeclaration>()
  for (const { name, overloads } of declared) {
    const before = merged.get(name)?.overloads ?? []
    const added = overloads.filter(({ id }) => before.every((each) => each.id !== id))
    merged.set(name, { name, overloads: [...before, ...added] })
  }
  return merged
}
