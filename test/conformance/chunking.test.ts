import assert from 'node:assert/strict'
import { podTemplates } from '#api/core/v1/podTemplate.ts'
import type { Client } from '#client/client.ts'
import { StatusError } from '#machinery/status.ts'
import { conformance } from './conformance.ts'
import { namespace, withServer } from './lifeCycle.ts'

const total = 400
const nameOf = (index: number): string => `template-${String(index).padStart(4, '0')}`

async function createTemplates(client: Client): Promise<void> {
  for (let index = 0; index < total; index++) {
    const template = { spec: { containers: [{ name: 'c', image: 'i' }] } }
    await client.create(podTemplates, { metadata: { name: nameOf(index), namespace }, template })
  }
}

/** Reads to the end in pages of these sizes in turn; each page follows the one before and tells how many are left. */
async function readPages(client: Client, limits: readonly number[], from?: string, found = 0): Promise<Set<string>> {
  const revisions = new Set<string>()
  let next = from
  for (let index = 0; ; index++) {
    const limit = limits[index % limits.length]!
    const page = await client.list(podTemplates, {
      namespace,
      limit,
      ...(next === undefined ? {} : { continue: next }),
    })
    assert.ok(page.items.length <= limit)
    revisions.add(page.resourceVersion)
    for (const { metadata } of page.items) assert.equal(metadata.name, nameOf(found++))
    assert.equal(page.remainingItemCount, page.continue === undefined ? undefined : total - found)
    next = page.continue
    if (next === undefined) break
  }
  assert.equal(found, total)
  return revisions
}

conformance(
  '[sig-api-machinery] Servers with support for API chunking should return chunks of results for list calls',
  () =>
    withServer(async (client) => {
      await createTemplates(client)
      for (const limits of [[1, 17, 40], [33], [5, 39]]) assert.equal((await readPages(client, limits)).size, 1)
      assert.equal((await client.list(podTemplates, { namespace, limit: total + 1 })).items.length, total)
    }),
)

conformance(
  '[sig-api-machinery] Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent',
  () =>
    withServer(async (client, { store }) => {
      await createTemplates(client)
      const limit = total / 10
      const first = await client.list(podTemplates, { namespace, limit })
      assert.equal(first.remainingItemCount, total - limit)
      const { metadata } = first.items[0]!
      const body = { metadata: { annotations: { a: 'b' } } }
      await client.patch(podTemplates, { name: metadata.name!, namespace }, { type: 'merge', body })
      await store.compact(await store.revision())
      const refusal = await client.list(podTemplates, { namespace, limit, continue: first.continue! }).catch((e) => e)
      assert.ok(refusal instanceof StatusError && refusal.status.reason === 'Expired', String(refusal))
      const token = (refusal.status.metadata as { continue?: string } | undefined)?.continue
      assert.ok(token, 'The refusal tells how to go on')
      const revisions = await readPages(client, [limit], token, limit)
      assert.equal(revisions.size, 1)
      assert.ok(!revisions.has(first.resourceVersion))
    }),
)
