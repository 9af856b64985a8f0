/** How functions are declared: their signatures, what they do, and what they cost. */
import type { CallEstimate, CostNode } from './cost.ts'
import type { CallCost } from './estimates.ts'
import type { Macro } from './macros.ts'
import type { Type } from './types.ts'
import type { Value } from './values.ts'

/** One signature of a function. */
export interface Overload extends Partial<CallCost> {
  /** The name that cel-go knows it by. */
  readonly id: string
  /** Whether it is called on a receiver, which is then the first parameter. */
  readonly member: boolean
  readonly parameters: readonly Type[]
  readonly result: Type
  /** Called with values whose types were compared with `parameters`. */
  readonly call: (...parameters: any[]) => Value
  /** What a call costs at run time; 1 when absent. */
  readonly cost?: (parameters: readonly Value[], result: Value) => number
  /** What a call may cost, without its arguments; nothing for the default of 1. */
  readonly estimate?: (parameters: readonly CostNode[]) => CallEstimate | undefined
}

export interface FunctionDeclaration {
  readonly name: string
  readonly overloads: readonly Overload[]
}

/** Functions and macros that belong together. */
export interface Library {
  readonly name: string
  readonly functions?: readonly FunctionDeclaration[]
  readonly macros?: readonly Macro[]
  /** Types whose names are values of type `type`. */
  readonly types?: readonly Type[]
}

export const declare = (name: string, ...overloads: readonly Overload[]): FunctionDeclaration => ({ name, overloads })

/** A signature of a function without a receiver. */
export const plain = (
  id: string,
  parameters: readonly Type[],
  result: Type,
  call: (...parameters: any[]) => Value,
  cost?: CallCost,
): Overload => ({ id, member: false, parameters, result, call, ...cost })

/** A signature of a function called on a receiver. */
export const member = (
  id: string,
  parameters: readonly Type[],
  result: Type,
  call: (...parameters: any[]) => Value,
  cost?: CallCost,
): Overload => ({ id, member: true, parameters, result, call, ...cost })
