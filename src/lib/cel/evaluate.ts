/**
 * From a checked expression to closures that evaluate it. Each closure counts what it costs in the units of cel-go, so
 * that an expression from outside can be ended when it has cost enough.
 */
import { operators, type Call, type Comprehension, type Expression, type MapEntry } from './ast.ts'
import type { CheckedExpression } from './checker.ts'
import { costs } from './cost.ts'
import type { Overload } from './declarations.ts'
import type { Environment } from './environment.ts'
import { compileFold } from './fold.ts'
import { absorbable, booleanOf, type Evaluate, type ExpressionCompiler, type Frame } from './frame.ts'
import { compileCall } from './invoke.ts'
import { indexValue, listPosition, shownKey } from './operatorFunctions.ts'
import {
  EvaluationError,
  List,
  ListValue,
  MapOfEntries,
  MapValue,
  noSuchOverload,
  Optional,
  type Value,
} from './values.ts'

export interface Compiled {
  readonly evaluate: Evaluate
  /** How many places for locals a frame needs. */
  readonly locals: number
}

export function compileExpression(environment: Environment, checked: CheckedExpression): Compiled {
  const compiler = new Compiler(environment, checked)
  const evaluate = compiler.compile(checked.expression)
  return { evaluate, locals: compiler.locals }
}

/** What an expression reads when it is a name, or fields of one: reading more of it costs only for the rest. */
const isAttribute = (expression: Expression): boolean =>
  expression.kind === 'identifier' ||
  expression.kind === 'select' ||
  (expression.kind === 'call' &&
    (expression.name === operators.index ||
      expression.name === operators.conditional ||
      expression.name === operators.optionalIndex ||
      expression.name === operators.optionalSelect))

interface Scope {
  readonly name: string
  readonly place: number
  readonly outer: Scope | undefined
}

class Compiler implements ExpressionCompiler {
  readonly #environment: Environment
  readonly #checked: CheckedExpression
  #scope: Scope | undefined
  locals = 0

  constructor(environment: Environment, checked: CheckedExpression) {
    this.#environment = environment
    this.#checked = checked
  }

  compile(expression: Expression): Evaluate {
    switch (expression.kind) {
      case 'literal': {
        const { value } = expression
        return () => value
      }
      case 'identifier':
        return this.#name(expression, expression.name)
      case 'select': {
        const reference = this.#checked.references.get(expression)
        if (reference !== undefined) return this.#name(expression, '')
        return expression.testOnly
          ? this.#has(expression.operand, expression.field)
          : this.#select(expression.operand, expression.field)
      }
      case 'call':
        return this.#call(expression)
      case 'list':
        return this.#list(expression.elements, expression.optional)
      case 'map':
        return this.#map(expression.entries)
      case 'struct':
        return this.#struct(expression)
      case 'comprehension':
        return this.#comprehension(expression)
    }
  }

  withLocal<T>(name: string, use: (place: number) => T): T {
    const outer = this.#scope
    const place = this.locals++
    this.#scope = { name, place, outer }
    const result = use(place)
    this.#scope = outer
    return result
  }

  #comprehension(comprehension: Comprehension): Evaluate {
    return compileFold(this, comprehension)
  }

  #name(expression: Expression, name: string): Evaluate {
    const reference = this.#checked.references.get(expression)
    if (reference === undefined) {
      let scope = this.#scope
      while (scope !== undefined && scope.name !== name) scope = scope.outer
      if (scope === undefined) throw new Error(`"${name}" was not checked`)
      const { place } = scope
      return (frame) => {
        frame.pay(costs.select)
        const value = frame.locals[place]
        if (value instanceof EvaluationError) throw value
        return value!
      }
    }
    if ('constant' in reference) {
      const { constant } = reference
      return (frame) => {
        frame.pay(costs.select)
        return constant
      }
    }
    if (!('variable' in reference)) throw new Error('a name cannot mean a call')
    const { variable } = reference
    return (frame) => readVariable(frame, variable)
  }

  #select(operand: Expression, field: string): Evaluate {
    const variable = this.#variable(operand)
    if (variable !== undefined) {
      return (frame) => {
        const value = readVariable(frame, variable)
        frame.pay(costs.select)
        return fieldOf(value, field)
      }
    }
    const evaluate = this.compile(operand)
    const cost = isAttribute(operand) ? costs.select : costs.select * 2
    return (frame) => {
      const value = evaluate(frame)
      frame.pay(cost)
      return fieldOf(value, field)
    }
  }

  #has(operand: Expression, field: string): Evaluate {
    const variable = this.#variable(operand)
    if (variable !== undefined) return (frame) => hasField(readVariable(frame, variable), field)
    const evaluate = this.compile(operand)
    return (frame) => hasField(evaluate(frame), field)
  }

  /** The variable that an expression names. Most rules read fields of one, which need no closure for the name. */
  #variable(expression: Expression): string | undefined {
    const reference = this.#checked.references.get(expression)
    return reference !== undefined && 'variable' in reference ? reference.variable : undefined
  }

  #call(call: Call): Evaluate {
    const [first, second, third] = call.parameters
    switch (call.name) {
      case operators.and:
        return and(this.compile(first!), this.compile(second!))
      case operators.or:
        return or(this.compile(first!), this.compile(second!))
      case operators.conditional:
        return choose(this.compile(first!), this.compile(second!), this.compile(third!))
      case operators.index:
        return this.#index(call)
      case operators.optionalSelect:
      case operators.optionalIndex:
        return this.#optional(call)
      default:
    }
    const reference = this.#checked.references.get(call)
    if (reference === undefined || !('overloads' in reference)) throw new Error(`"${call.name}" was not checked`)
    const received = call.target === undefined || reference.plain ? [] : [call.target]
    const parameters = [...received, ...call.parameters].map((each) => this.compile(each))
    const { overloads } = reference
    if (isOptionalChoice(overloads))
      return orElse(parameters[0]!, parameters[1]!, overloads[0]!.id === 'optional_or_optional')
    return compileCall(call.name, overloads, parameters)
  }

  #index({ parameters: [container, index] }: Call): Evaluate {
    const [evaluate, at] = [this.compile(container!), this.compile(index!)]
    const cost = isAttribute(container!) ? costs.select : costs.select * 2
    return (frame) => {
      const value = evaluate(frame)
      const key = at(frame)
      frame.pay(cost)
      return value instanceof Optional ? optionalAt(value, key) : indexValue(value, key)
    }
  }

  #optional({ parameters: [operand, index] }: Call): Evaluate {
    const [evaluate, at] = [this.compile(operand!), this.compile(index!)]
    const cost = isAttribute(operand!) ? costs.select : costs.select * 2
    return (frame) => {
      const value = evaluate(frame)
      const key = at(frame)
      frame.pay(cost)
      return optionalAt(value instanceof Optional ? value : new Optional(value), key)
    }
  }

  #list(elements: readonly Expression[], optional: ReadonlySet<number>): Evaluate {
    const evaluated = elements.map((each) => this.compile(each))
    return (frame) => {
      const items: Value[] = []
      for (let index = 0; index < evaluated.length; index++) {
        const value = evaluated[index]!(frame)
        if (!optional.has(index)) items.push(value)
        else if (!(value instanceof Optional)) throw noSuchOverload()
        else if (value.value !== undefined) items.push(value.value)
      }
      frame.pay(costs.list)
      return new List(items)
    }
  }

  #map(entries: readonly MapEntry[]): Evaluate {
    const evaluated = entries.map(({ key, value, optional }) => ({
      key: this.compile(key),
      value: this.compile(value),
      optional,
    }))
    return (frame) => {
      const map = new MapOfEntries()
      for (const entry of evaluated) {
        const key = entry.key(frame)
        let value: Value | undefined = entry.value(frame)
        if (entry.optional) {
          if (!(value instanceof Optional)) throw noSuchOverload()
          value = value.value
        }
        if (value !== undefined && !map.add(key, value)) {
          throw new EvaluationError(`Failed with repeated key`)
        }
      }
      frame.pay(costs.map)
      return map
    }
  }

  #struct({ typeName, fields }: Expression & { kind: 'struct' }): Evaluate {
    const type = this.#environment.type(typeName)!
    const { objectTypes } = this.#environment
    const evaluated = fields.map(({ name, value, optional }) => ({ name, value: this.compile(value), optional }))
    return (frame) => {
      const given = new Map<string, Value>()
      for (const field of evaluated) {
        let value: Value | undefined = field.value(frame)
        if (field.optional) {
          if (!(value instanceof Optional)) throw noSuchOverload()
          value = value.value
        }
        if (value !== undefined) given.set(field.name, value)
      }
      frame.pay(costs.struct)
      if (objectTypes?.construct === undefined) throw new EvaluationError(`values of type ${type.name} cannot be made`)
      return objectTypes.construct(type, given)
    }
  }
}

function readVariable(frame: Frame, variable: string): Value {
  frame.pay(costs.select)
  const value = frame.variables[variable]
  if (value === undefined) throw new EvaluationError(`no such attribute(s): ${variable}`)
  return value
}

function fieldOf(value: Value, field: string): Value {
  if (value instanceof MapValue) {
    const found = value.get(field)
    if (found === undefined) throw new EvaluationError(`no such key: ${field}`)
    return found
  }
  if (value instanceof Optional) return optionalField(value, field)
  throw noSuchOverload()
}

function hasField(value: Value, field: string): boolean {
  if (value instanceof MapValue) return value.has(field)
  if (value instanceof Optional) return value.value instanceof MapValue && value.value.has(field)
  throw noSuchOverload()
}

/** An error on one side does not matter when the other side decides. */
function and(left: Evaluate, right: Evaluate): Evaluate {
  return (frame) => decide(frame, left, right, false)
}

function or(left: Evaluate, right: Evaluate): Evaluate {
  return (frame) => decide(frame, left, right, true)
}

function decide(frame: Frame, left: Evaluate, right: Evaluate, decisive: boolean): boolean {
  let value: Value
  try {
    value = left(frame)
  } catch (error) {
    return decideAfterError(absorbable(error), frame, right, decisive)
  }
  if (value === decisive) return decisive
  if (value === !decisive) return booleanOf(right(frame))
  return decideAfterError(noSuchOverload(), frame, right, decisive)
}

function decideAfterError(first: EvaluationError, frame: Frame, right: Evaluate, decisive: boolean): boolean {
  try {
    if (right(frame) === decisive) return decisive
  } catch (error) {
    absorbable(error)
  }
  throw first
}

function choose(condition: Evaluate, yes: Evaluate, no: Evaluate): Evaluate {
  return (frame) => {
    const chosen = condition(frame)
    if (chosen === true) return yes(frame)
    if (chosen === false) return no(frame)
    throw noSuchOverload()
  }
}

const isOptionalChoice = ([overload]: readonly Overload[]): boolean =>
  overload?.id === 'optional_or_optional' || overload?.id === 'optional_orValue_value'

/** `or` and `orValue` of optional values look at their argument only when they need it. */
function orElse(first: Evaluate, second: Evaluate, keepOptional: boolean): Evaluate {
  return (frame) => {
    const value = first(frame)
    if (!(value instanceof Optional)) throw noSuchOverload()
    if (value.value === undefined) return second(frame)
    return keepOptional ? value : value.value
  }
}

function optionalField({ value }: Optional, field: string): Optional {
  if (value === undefined) return Optional.none
  if (!(value instanceof MapValue)) throw noSuchOverload()
  const found = value.has(field) ? value.get(field) : undefined
  return found === undefined ? Optional.none : new Optional(found)
}

function optionalAt(optional: Optional, key: Value): Optional {
  const { value } = optional
  if (value instanceof ListValue) {
    const position = listPosition(key)
    if (position === undefined) throw new EvaluationError(`unsupported index type in list: ${shownKey(key)}`)
    return position >= 0 && position < value.length ? new Optional(value.at(position)) : Optional.none
  }
  if (typeof key === 'string' || value === undefined) return optionalField(optional, key as string)
  if (!(value instanceof MapValue)) throw noSuchOverload()
  const found = value.get(key)
  return found === undefined ? Optional.none : new Optional(found)
}
