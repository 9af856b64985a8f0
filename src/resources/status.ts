import type { Subresource } from '#server/strategy.ts'

/** The `status` of every kind whose controller reports one: it changes the status and nothing else. */
export const statusSubresource: Subresource<any> = {
  verbs: ['get', 'update', 'patch'],
  writes: ['status'],
}
