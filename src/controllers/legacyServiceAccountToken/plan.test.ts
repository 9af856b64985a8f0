import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ConfigMap } from '#api/core/v1/configMap.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Secret } from '#api/core/v1/secret.ts'
import type { ServiceAccount } from '#api/core/v1/serviceAccount.ts'
import { planUnusedTokens } from './plan.ts'

const day = (text: string): number => Date.parse(`${text}T00:00:00Z`)
const now = day('2026-06-01') + 3_600_000
const account: ServiceAccount = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'robot', namespace: 'a', uid: 'u1' },
  secrets: [{ name: 'key' }],
}
const secret = (
  labels: Readonly<Record<string, string>> = {},
  { created = '2024-01-01T00:00:00Z', uid = 'u1', ...rest }: Readonly<Record<string, string>> = {},
): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    name: 'key',
    namespace: 'a',
    creationTimestamp: created,
    labels: Object.fromEntries(
      Object.entries(labels).map(([name, value]) => [`kubernetes.io/legacy-token-${name}`, value]),
    ),
    annotations: { 'kubernetes.io/service-account.name': 'robot', 'kubernetes.io/service-account.uid': uid },
    ...rest,
  },
  type: 'kubernetes.io/service-account-token',
})
const tracking = (since?: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'tracking' },
  ...(since === undefined ? {} : { data: { since } }),
})
const podWith = (name: string): Pod =>
  ({
    metadata: { name: 'p', namespace: 'a' },
    spec: { containers: [], volumes: [{ name: 'v', secret: { secretName: name } }] },
  }) as unknown as Pod

interface Case {
  readonly secret?: Secret
  readonly since?: string
  readonly at?: number
  readonly owner?: ServiceAccount | null
  readonly pod?: Pod
}

function plan({ secret: one = secret(), since = '2025-05-30', at = now, owner = account, pod }: Case) {
  const planned = planUnusedTokens({
    now: at,
    tracking: tracking(since),
    secrets: [one],
    account: (namespace, name) => (namespace === 'a' && name === 'robot' && owner !== null ? owner : undefined),
    podsOf: (namespace) => (namespace === 'a' && pod !== undefined ? [pod] : []),
  })
  assert.ok(typeof planned !== 'string', String(planned))
  return planned.map((action) => (action.do === 'mark' ? `mark ${action.invalidSince}` : action.do)).join()
}

describe('a token that was made without being asked for', () => {
  const rows: readonly [string, Case, string][] = [
    ['and that was never used is marked', {}, 'mark 2026-06-01'],
    ['and that was used a year ago stays', { secret: secret({ 'last-used': '2025-06-01' }) }, ''],
    ['and that was used before that is marked', { secret: secret({ 'last-used': '2025-05-31' }) }, 'mark 2026-06-01'],
    ['whose last use is no day stays', { secret: secret({ 'last-used': 'yesterday' }) }, ''],
    ['and that is a year old stays', { secret: secret({}, { created: '2025-06-01T01:00:00Z' }) }, ''],
    [
      'and that is a little older is marked',
      { secret: secret({}, { created: '2025-06-01T00:59:59Z' }) },
      'mark 2026-06-01',
    ],
    [
      'and that is on its way out is left alone',
      { secret: secret({}, { deletionTimestamp: '2026-05-31T00:00:00Z' }) },
      '',
    ],
    ['stays while uses have not been noted for a year', { since: '2025-06-01' }, ''],
    ['stays on the day after that year', { since: '2025-05-31', at: day('2026-06-01') - 1 }, ''],
    ['is marked from then on', { since: '2025-05-31', at: day('2026-06-01') }, 'mark 2026-06-01'],
    ['stays when a pod mounts it', { pod: podWith('key') }, ''],
    ['does not stay for a pod that mounts another', { pod: podWith('other') }, 'mark 2026-06-01'],
    ['stays when its account is gone', { owner: null }, ''],
    ['stays when another account has the name', { secret: secret({}, { uid: 'u0' }) }, ''],
    ['does not need to say which account of the name', { secret: secret({}, { uid: '' }) }, 'mark 2026-06-01'],
    ['stays where its account does not list it: somebody asked for it', { owner: { ...account, secrets: [] } }, ''],
    ['that was marked a year ago stays', { secret: secret({ 'invalid-since': '2025-06-01' }) }, ''],
    ['that was marked before that goes', { secret: secret({ 'invalid-since': '2025-05-31' }) }, 'delete'],
    ['is marked again where the mark is no day', { secret: secret({ 'invalid-since': 'true' }) }, 'mark 2026-06-01'],
    [
      'that was marked and used after that stays',
      { secret: secret({ 'invalid-since': '2025-05-31', 'last-used': '2026-05-31' }) },
      '',
    ],
  ]
  for (const [name, given, expected] of rows) test(name, () => assert.equal(plan(given), expected))
})

test('nothing can be said where nobody knows since when uses are noted', () => {
  const uses = { now, secrets: [secret()], account: () => account, podsOf: () => [] }
  for (const since of [undefined, 'soon'])
    assert.match(
      String(planUnusedTokens({ ...uses, tracking: tracking(since) })),
      /^"(soon)?" is no day, such as 2026-10-24/,
    )
})
