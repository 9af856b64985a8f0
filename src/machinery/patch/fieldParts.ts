// The parts of a value that can have owners of their own: its members, or the items of a list by the steps to them.
import { isDivided, isKeyed, type Shape } from './fieldShape.ts'

export type Members = Readonly<Record<string, unknown>>

export const noMembers: Members = {}

export type Parts = 'members' | 'items' | 'none' | 'whole' | 'mixed'

export function partsOf(shape: Shape, value: unknown): Parts {
  if (typeof value !== 'object') return 'whole'
  if (value === null) return 'none'
  if (isDivided(shape, value)) return 'members'
  return isKeyed(shape, value) ? 'items' : 'whole'
}

/** How two values divide together: null is as either, and what does not divide alike is mixed. */
export function commonParts(a: Parts, b: Parts): Parts {
  if (a === b || b === 'none') return a
  return a === 'none' ? b : 'mixed'
}

/** An own member. What an object inherits is functions, which JSON has not, and its prototype. */
export function memberOf(value: Members, name: string): unknown {
  const member = value[name]
  const isOdd = typeof member === 'function' || name === '__proto__'
  return isOdd && !Object.hasOwn(value, name) ? undefined : member
}

/** Whether an object or a list has nothing in it. */
export function isEmpty(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  for (const _ in value as object) return false
  return true
}

/** Several items of a list with the same step. */
export class Repeated {
  readonly items: unknown[]

  constructor(...items: unknown[]) {
    this.items = items
  }
}

/** The items of a list by the step to each; those that have none are left out. */
export function itemsByStep(shape: Shape, list: readonly unknown[]): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>()
  for (const item of list) {
    const step = shape.step!(item)
    if (typeof step !== 'string') continue
    const same = found.get(step)
    if (same === undefined) found.set(step, item)
    else if (same instanceof Repeated) same.items.push(item)
    else found.set(step, new Repeated(same, item))
  }
  return found
}
