/**
 * Finds the type of every part of an expression, and which functions its calls may mean.
 *
 * Source: https://github.com/cel-expr/cel-spec/blob/master/doc/langdef.md#type-checking; messages are those of cel-go.
 */
import {
  operators,
  qualifiedName,
  type Call,
  type Comprehension,
  type Expression,
  type ListLiteral,
  type MapLiteral,
  type Select,
  type StructLiteral,
} from './ast.ts'
import type { FunctionDeclaration, Overload } from './declarations.ts'
import type { Environment } from './environment.ts'
import type { Issue } from './source.ts'
import {
  assign,
  boolType,
  dynType,
  errorType,
  formatCallTypes,
  formatType,
  intType,
  isOptional,
  listType,
  mapType,
  mostGeneral,
  optionalType,
  parameterType,
  sameType,
  substitute,
  typeType,
  unwrapOptional,
  type Type,
} from './types.ts'
import { typeOf, TypeValue, type Value } from './values.ts'

/** What a part of an expression means. */
export type Reference =
  /** A variable of the environment. */
  | { readonly variable: string }
  | { readonly constant: Value }
  /** A call; `plain` when what looks like its receiver is a part of its name. */
  | { readonly overloads: readonly Overload[]; readonly plain: boolean }

export interface CheckedExpression {
  readonly expression: Expression
  readonly types: ReadonlyMap<Expression, Type>
  /** Names of variables that comprehensions declare have none. */
  readonly references: ReadonlyMap<Expression, Reference>
}

export type CheckResult = CheckedExpression | { readonly issues: readonly Issue[] }

export function check(environment: Environment, expression: Expression): CheckResult {
  return new Checker(environment).run(expression)
}

interface Scope {
  readonly name: string
  readonly type: Type
  readonly outer: Scope | undefined
}

class Checker {
  readonly #environment: Environment
  readonly #issues: Issue[] = []
  readonly #types = new Map<Expression, Type>()
  readonly #references = new Map<Expression, Reference>()
  /** What is known so far of type parameters. */
  readonly #known = new Map<string, Type>()
  #scope: Scope | undefined
  #freeTypes = 0

  constructor(environment: Environment) {
    this.#environment = environment
  }

  run(expression: Expression): CheckResult {
    this.#check(expression)
    if (this.#issues.length > 0) return { issues: this.#issues }
    for (const [each, type] of this.#types) this.#types.set(each, substitute(this.#known, type, true))
    return { expression, types: this.#types, references: this.#references }
  }

  #problem(offset: number, message: string): Type {
    this.#issues.push({ offset, message })
    return errorType
  }

  #undeclared(offset: number, name: string): Type {
    return this.#problem(offset, `undeclared reference to '${name}' (in container '${this.#environment.container}')`)
  }

  #mismatch(offset: number, expected: Type, found: Type): Type {
    return this.#problem(offset, `expected type '${this.#shown(expected)}' but found '${this.#shown(found)}'`)
  }

  #shown(type: Type): string {
    return formatType(substitute(this.#known, type))
  }

  #check(expression: Expression): Type {
    const type = this.#typeOf(expression)
    this.#types.set(expression, type)
    return type
  }

  #typeOf(expression: Expression): Type {
    switch (expression.kind) {
      case 'literal':
        return typeOf(expression.value)
      case 'identifier':
        return this.#name(expression, expression.name) ?? this.#undeclared(expression.offset, expression.name)
      case 'select':
        return this.#select(expression)
      case 'call':
        return this.#call(expression)
      case 'list':
        return this.#list(expression)
      case 'map':
        return this.#map(expression)
      case 'struct':
        return this.#struct(expression)
      case 'comprehension':
        return this.#comprehension(expression)
    }
  }

  #local(name: string): Type | undefined {
    for (let scope = this.#scope; scope !== undefined; scope = scope.outer) {
      if (scope.name === name) return scope.type
    }
    return undefined
  }

  #name(expression: Expression, name: string): Type | undefined {
    const local = this.#local(name)
    if (local !== undefined) return local
    const environment = this.#environment
    for (const candidate of environment.candidates(name)) {
      const variable = environment.variables.get(candidate)
      if (variable !== undefined) {
        this.#references.set(expression, { variable: candidate })
        return variable
      }
      const type = environment.types.get(candidate) ?? environment.objectTypes?.find(candidate)
      if (type !== undefined) {
        this.#references.set(expression, { constant: new TypeValue(type) })
        return typeType(type)
      }
    }
    return undefined
  }

  #select(select: Select): Type {
    const qualified = qualifiedName(select)
    if (qualified !== undefined && this.#local(qualified.slice(0, qualified.indexOf('.', 1))) === undefined) {
      const found = this.#name(select, qualified)
      if (found !== undefined) return found
    }
    const type = this.#field(select.offset, select.operand, select.field, false)
    return select.testOnly ? boolType : substitute(this.#known, type)
  }

  #field(offset: number, operand: Expression, field: string, optional: boolean): Type {
    const operandType = substitute(this.#known, this.#check(operand))
    const target = unwrapOptional(operandType)
    let result = dynType
    if (target.kind === 'map') result = target.parameters[1]!
    else if (target.kind === 'struct') {
      result =
        this.#environment.objectTypes?.field(target, field) ?? this.#problem(offset, `undefined field '${field}'`)
    } else if (target.kind === 'param') this.#assignable(dynType, target)
    else if (target.kind !== 'dyn' && target.kind !== 'error') {
      this.#problem(offset, `type '${this.#shown(target)}' does not support field selection`)
    }
    return optional || isOptional(operandType) ? optionalType(result) : result
  }

  #call(call: Call): Type {
    const { name, target, parameters, offset } = call
    if (name === operators.optionalSelect) {
      const [operand, field] = parameters
      if (operand === undefined || field?.kind !== 'literal' || typeof field.value !== 'string') {
        return this.#problem(offset, 'unsupported optional field selection')
      }
      this.#types.set(field, typeOf(field.value))
      return substitute(this.#known, this.#field(offset, operand, field.value, true))
    }
    const types = parameters.map((each) => this.#check(each))
    if (target === undefined) {
      const declared = this.#environment.function(name)
      return declared === undefined ? this.#undeclared(offset, name) : this.#resolve(call, declared, types, true)
    }
    const prefix = qualifiedName(target)
    if (prefix !== undefined) {
      const declared = this.#environment.function(`${prefix}.${name}`)
      if (declared !== undefined) return this.#resolve(call, declared, types, true)
    }
    const receiver = this.#check(target)
    const declared = this.#environment.function(name)
    if (declared === undefined) return this.#undeclared(offset, name)
    return this.#resolve(call, declared, [receiver, ...types], false)
  }

  #resolve(call: Call, declared: FunctionDeclaration, types: readonly Type[], plain: boolean): Type {
    if (declared.name === operators.and || declared.name === operators.or) return this.#logical(call, declared, types)
    const matching: Overload[] = []
    let result: Type | undefined
    for (const overload of declared.overloads) {
      if (overload.member === plain) continue
      const signature = this.#fresh([...overload.parameters, overload.result])
      const returned = signature.pop()!
      if (!assign(this.#known, types, signature)) continue
      matching.push(overload)
      const given = substitute(this.#known, returned)
      if (result === undefined) result = given
      else if (result.kind !== 'dyn' && !sameType(result, given)) result = dynType
    }
    if (result === undefined) {
      const shown = types.map((each) => substitute(this.#known, each, true))
      const signature = formatCallTypes(shown, !plain)
      return this.#problem(call.offset, `found no matching overload for '${declared.name}' applied to '${signature}'`)
    }
    this.#references.set(call, { overloads: matching, plain })
    return result
  }

  #logical(call: Call, declared: FunctionDeclaration, types: readonly Type[]): Type {
    let fits = true
    for (const [index, type] of types.entries()) {
      if (this.#assignable(type, boolType)) continue
      this.#mismatch(call.parameters[index]!.offset, boolType, type)
      fits = false
    }
    this.#references.set(call, { overloads: declared.overloads, plain: true })
    return fits ? boolType : errorType
  }

  /** The types with type parameters of their own, which nothing is known of yet. */
  #fresh(types: readonly Type[]): Type[] {
    let renamed: Map<string, Type> | undefined
    const rename = (type: Type): Type => {
      if (type.kind === 'param') {
        renamed ??= new Map()
        let fresh = renamed.get(type.name)
        if (fresh === undefined) renamed.set(type.name, (fresh = this.#freeType()))
        return fresh
      }
      return type.parameters.length === 0 ? type : { ...type, parameters: type.parameters.map(rename) }
    }
    return types.map(rename)
  }

  #freeType(): Type {
    return parameterType(`_var${this.#freeTypes++}`)
  }

  #list({ elements, optional }: ListLiteral): Type {
    let joined: Type | undefined
    for (const [index, element] of elements.entries()) {
      const type = this.#check(element)
      joined = this.#join(element.offset, joined, optional.has(index) ? this.#unwrapped(element, type) : type)
    }
    return listType(joined ?? this.#freeType())
  }

  #map({ entries }: MapLiteral): Type {
    let keys: Type | undefined
    let values: Type | undefined
    for (const { key, value, optional } of entries) {
      keys = this.#join(key.offset, keys, this.#check(key))
      const type = this.#check(value)
      values = this.#join(value.offset, values, optional ? this.#unwrapped(value, type) : type)
    }
    return mapType(keys ?? this.#freeType(), values ?? this.#freeType())
  }

  #struct({ typeName, fields, offset }: StructLiteral): Type {
    const type = this.#environment.type(typeName)
    if (type === undefined) return this.#undeclared(offset, typeName)
    const known = type.kind === 'struct'
    if (!known) this.#problem(offset, `'${type.name}' is not a message type`)
    for (const { name, value, optional, offset: place } of fields) {
      const checked = this.#check(value)
      const given = optional ? this.#unwrapped(value, checked) : checked
      if (!known) continue
      const declared = this.#environment.objectTypes?.field(type, name)
      if (declared === undefined) this.#problem(place, `undefined field '${name}'`)
      else if (!this.#assignable(declared, given)) {
        const message = `expected type of field '${name}' is '${this.#shown(declared)}' but provided type is '${this.#shown(given)}'`
        this.#problem(place, message)
      }
    }
    return known ? type : errorType
  }

  /** The type inside what was written with `?`, which must be optional. */
  #unwrapped(expression: Expression, type: Type): Type {
    const resolved = substitute(this.#known, type)
    if (!isOptional(resolved) && resolved.kind !== 'dyn') {
      this.#mismatch(expression.offset, optionalType(resolved), resolved)
    }
    return unwrapOptional(resolved)
  }

  #join(offset: number, before: Type | undefined, type: Type): Type {
    if (before === undefined) return type
    if (this.#assignable(before, type)) return mostGeneral(before, type)
    return this.#environment.homogeneous ? this.#mismatch(offset, before, type) : dynType
  }

  #comprehension(comprehension: Comprehension): Type {
    const { range, variable, secondVariable, accumulator, initial, condition, step, result } = comprehension
    const rangeType = substitute(this.#known, this.#check(range))
    const accumulatorType = this.#check(initial)
    const outer = this.#scope
    const declare = (name: string, type: Type): void => {
      this.#scope = { name, type, outer: this.#scope }
    }
    declare(accumulator, accumulatorType)
    const inner = this.#scope
    const [first, second] = this.#iterated(range, rangeType, secondVariable !== undefined)
    declare(variable, first)
    if (secondVariable !== undefined) declare(secondVariable, second)
    this.#expect(condition, boolType)
    this.#expect(step, accumulatorType)
    this.#scope = inner
    const type = this.#check(result)
    this.#scope = outer
    return substitute(this.#known, type)
  }

  /** The types of the variables of a fold over a range. */
  #iterated(range: Expression, type: Type, two: boolean): readonly [Type, Type] {
    switch (type.kind) {
      case 'list':
        return two ? [intType, type.parameters[0]!] : [type.parameters[0]!, dynType]
      case 'map':
        return [type.parameters[0]!, type.parameters[1]!]
      case 'param':
      case 'dyn':
      case 'error':
        this.#assignable(dynType, type)
        return [dynType, dynType]
      default: {
        const message = `expression of type '${this.#shown(type)}' cannot be range of a comprehension (must be list, map, or dynamic)`
        this.#problem(range.offset, message)
        return [errorType, errorType]
      }
    }
  }

  #expect(expression: Expression, type: Type): void {
    const found = this.#check(expression)
    if (!this.#assignable(type, found)) this.#mismatch(expression.offset, type, found)
  }

  #assignable(from: Type, to: Type): boolean {
    return assign(this.#known, [from], [to])
  }
}
