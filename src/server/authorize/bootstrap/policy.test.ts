import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bootstrapPolicy, type BootstrapObject } from './policy.ts'

/**
 * What Kubernetes v1.34 begins with, each object by the beginning of the SHA-256 of its JSON with sorted members and
 * without empty rules and subjects (from `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata`).
 */
const expected = JSON.parse(readFileSync(join(import.meta.dirname, 'testdata/fingerprints.json'), 'utf8')) as Readonly<
  Record<string, string>
>

const nameOf = ({ kind, metadata: { namespace, name } }: BootstrapObject): string =>
  [kind, namespace, name].filter((part) => part !== undefined).join(' ')

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([, each]) => !Array.isArray(each) || each.length > 0)
  return Object.fromEntries(
    members.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, sorted(each)]),
  )
}

const fingerprint = (object: BootstrapObject): string =>
  createHash('sha256')
    .update(JSON.stringify(sorted(object)))
    .digest('hex')
    .slice(0, 12)

test('a cluster begins with the roles and bindings of Kubernetes v1.34, to the rule', () => {
  const ours = Object.fromEntries(bootstrapPolicy().map((object) => [nameOf(object), fingerprint(object)]))
  assert.deepEqual(ours, expected)
})
