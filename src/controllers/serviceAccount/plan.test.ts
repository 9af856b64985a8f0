import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Namespace } from '#api/core/v1/namespace.ts'
import { needsAccount } from './plan.ts'

function namespace(rest: Partial<Namespace> = {}): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' }, ...rest }
}

const rows: readonly { name: string; namespace: Namespace; isThere: boolean; needs: boolean }[] = [
  { name: 'a namespace without one', namespace: namespace(), isThere: false, needs: true },
  { name: 'a namespace with one', namespace: namespace(), isThere: true, needs: false },
  {
    name: 'a namespace that ends',
    namespace: namespace({ status: { phase: 'Terminating' } }),
    isThere: false,
    needs: false,
  },
  {
    name: 'a namespace that is being deleted',
    namespace: namespace({ metadata: { name: 'a', deletionTimestamp: '2026-01-01T00:00:00Z' } }),
    isThere: false,
    needs: false,
  },
]

for (const row of rows) {
  test(`default account: ${row.name}`, () => assert.equal(needsAccount(row.namespace, row.isThere), row.needs))
}
