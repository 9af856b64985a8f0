import type { Subresource } from '#server/strategy.ts'

/** What goes with the status of most kinds: labels and annotations may tell of it, finalizers let go with it. */
export const metadataWithStatus: readonly string[] = [
  'metadata.labels',
  'metadata.annotations',
  'metadata.finalizers',
  'metadata.ownerReferences',
]

/** The `status` of most kinds: it changes what their controllers report, and metadata, but nothing that is asked for. */
export const statusSubresource: Subresource<any> = {
  verbs: ['get', 'update', 'patch'],
  writes: ['status', ...metadataWithStatus],
}

/** The `status` of kinds of which defaults and preparation are about the spec alone, which stays as it is. */
export const statusBesideSpec: Subresource<any> = { ...statusSubresource, sharesRest: true }

/** The `status` of kinds that let it change nothing else, not even metadata. */
export const statusAlone: Subresource<any> = { ...statusSubresource, writes: ['status'] }
