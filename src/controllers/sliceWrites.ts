import { endpointSlices, type EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { Client } from '#client/client.ts'
import type { Expectations } from '#client/expectations.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { SlicePlan } from './endpointSlice/plan.ts'
import type { sliceMetrics } from './sliceMetrics.ts'

/** What writes of slices are made with, and noted in. */
export interface SliceWrites {
  readonly client: Client
  readonly expectations: Expectations<EndpointSlice>
  readonly counts: Pick<ReturnType<typeof sliceMetrics>, 'created' | 'updated' | 'deleted'>
}

/** Carries out a plan for the slices of one owner, and counts each write. Rejects with the first that is refused. */
export async function writeSlices(
  { client, expectations, counts }: SliceWrites,
  key: string,
  plan: SlicePlan,
  signal: AbortSignal,
): Promise<void> {
  for (const slice of plan.create) {
    expectations.wrote(key, await client.create(endpointSlices, slice, { signal }))
    counts.created()
  }
  for (const slice of plan.update) {
    expectations.wrote(key, await client.update(endpointSlices, slice, { signal }))
    counts.updated()
  }
  for (const slice of plan.remove) {
    await unlessGone(client.delete(endpointSlices, slice.metadata, { signal }))
    expectations.deleted(key, slice)
    counts.deleted()
  }
}
