import { bindings, type Binding } from '#api/core/v1/binding.ts'
import type { Strategy } from '#server/strategy.ts'

/** Bindings: the word that gives a pod its node. They are carried out and never stored. */
export const bindingStrategy: Strategy<Binding> = { resource: bindings, verbs: ['create'] }
