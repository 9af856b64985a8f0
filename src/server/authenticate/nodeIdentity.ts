import type { Caller } from '../strategy.ts'

const userPrefix = 'system:node:'

/** The node that a caller is the agent of; empty when its name does not say which, undefined for all others. */
export function nodeOf({ name, groups }: Caller): string | undefined {
  return name.startsWith(userPrefix) && groups.includes('system:nodes') ? name.slice(userPrefix.length) : undefined
}
