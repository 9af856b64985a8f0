import assert from 'node:assert/strict'
import { test } from 'node:test'
import { revisionHash } from './revisionHash.ts'

const rows: readonly { name: string; data: unknown; collisions?: number; hash: string }[] = [
  // Recorded from Go: `fnv.New32` over `json.Marshal` of the data and the number, as `rand.SafeEncodeString` writes it.
  { name: 'as Kubernetes names it', data: { a: 1 }, hash: 'd55c4ff5f' },
  { name: 'a collision gives another', data: { a: 1 }, collisions: 1, hash: 'd55c4ff5d' },
  { name: 'the order of fields does not matter', data: { b: '<&>', a: 1 }, hash: '6598b568c4' },
  { name: 'text that Go escapes', data: { a: 1, b: '<&>' }, hash: '6598b568c4' },
]

for (const row of rows) {
  test(`hash of a revision: ${row.name}`, () => {
    assert.equal(revisionHash(row.data, row.collisions ?? 0), row.hash)
  })
}
