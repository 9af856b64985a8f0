import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Condition } from '#api/meta/v1/condition.ts'
import type { Resource } from '#api/resource.ts'
import type { Client } from '#client/client.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { createLogger } from '#lib/log.ts'
import { seededRandom } from '#lib/random.ts'
import { failure } from '#machinery/status.ts'

import { adminPolicyKinds } from './adminPolicies.ts'
import type { AdminPolicy } from './adminPolicies.ts'
import { planConditions } from './status.ts'
import type { StatusInput } from './status.ts'
import { statusWriter } from './statusWriter.ts'

const [before, now] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z']
const policy = (egress: readonly object[], ...conditions: readonly Condition[]): AdminPolicy =>
  ({
    apiVersion: 'policy.networking.k8s.io/v1alpha1',
    kind: 'AdminNetworkPolicy',
    metadata: { name: 'a', uid: 'a', generation: 2, resourceVersion: '5' },
    spec: { priority: 1, subject: { namespaces: {} }, egress },
    ...(conditions.length === 0 ? {} : { status: { conditions } }),
  }) as unknown as AdminPolicy
const ready = (node: string, more: Partial<Condition> = {}): Condition => ({
  type: `Ready-In-Zone-${node}`,
  status: 'True',
  observedGeneration: 2,
  lastTransitionTime: now,
  reason: 'SetupSucceeded',
  message: 'The rules of the policy are in force on the node',
  ...more,
})
const failed = (message: string): Condition => ready('n1', { status: 'False', reason: 'SetupFailed', message: message })
const toPods = [{ action: 'Deny', to: [{ namespaces: {} }] }]
const byNames = [
  { action: 'Allow', to: [{ namespaces: {} }, { domainNames: ['example.com'] }] },
  { action: 'Deny', to: [{ shape: {} }] },
]
const applied: StatusInput = { node: 'n1', outcome: { generation: 2, isApplied: true }, now }
const refused: StatusInput = { ...applied, outcome: { generation: 2, isApplied: false } }
const other: Condition = { ...ready('n1'), type: 'Reviewed' }
const refusal =
  'The kernel of the node did not take the rules; what was in force before still is. The log of the node says why'
const misunderstood =
  'In force on the node, but for what it does not understand: egress[0] allows nobody by the peer with domainNames; ' +
  'egress[1] denies everybody by the peer with shape'

const rows: readonly (readonly [string, AdminPolicy, StatusInput, readonly Condition[] | undefined])[] = [
  ['the first time', policy(toPods), applied, [ready('n1')]],
  ['beside what others say', policy(toPods, other, ready('n2')), applied, [other, ready('n2'), ready('n1')]],
  ['once', policy(toPods, ready('n1', { lastTransitionTime: before })), applied, undefined],
  [
    'of a newer generation, ready since before',
    policy(toPods, ready('n1', { lastTransitionTime: before, observedGeneration: 1 })),
    applied,
    [ready('n1', { lastTransitionTime: before })],
  ],
  ['when the kernel refused', policy(toPods, ready('n1', { lastTransitionTime: before })), refused, [failed(refusal)]],
  ['when it does not understand all', policy(byNames), applied, [failed(misunderstood)]],
  [
    'that is about nobody',
    { ...policy(toPods), spec: { subject: {} } } as never,
    applied,
    [
      failed(
        'In force on the node, but for what it does not understand: its subject is no selection of namespaces or pods, so it is about nobody',
      ),
    ],
  ],
  [
    'and removes what nodes said that are gone',
    policy(toPods, ready('n1'), ready('n9'), other),
    { ...applied, isGone: (node) => node === 'n9' },
    [ready('n1'), other],
  ],
]
for (const [name, object, input, expected] of rows)
  test(`a node says what became of a policy ${name}`, () => {
    assert.deepEqual(planConditions(object, input), expected)
  })

test('a status is written when it is true, again after another was faster, and never at rest', async () => {
  const clock = new SimulatedClock()
  const resource = adminPolicyKinds[0] as unknown as Resource<AdminPolicy>
  let current = policy(toPods)
  const writes: unknown[] = []
  let conflicts = 1
  const client = {
    async patchStatus(_: unknown, at: { name: string }, { body }: { body: { metadata: object; status: object } }) {
      if (conflicts-- > 0) {
        current = policy(toPods, ready('n2'))
        throw failure('Conflict', 'the object has been modified')
      }
      writes.push([at.name, body.metadata])
      current = { ...current, ...body, metadata: current.metadata } as AdminPolicy
      return current
    },
  } as unknown as Client
  const stop = new AbortController()
  const lines: string[] = []
  const writer = statusWriter({
    client,
    nodeName: 'n1',
    clock,
    random: seededRandom(1),
    log: createLogger({ clock, sinks: [{ write: (line) => void lines.push(line) }], level: 'warn' }),
    list: () => [[current, resource]],
    nodes: () => new Set(['n1', 'n2']),
    removesGone: true,
  })
  const running = writer.run(stop.signal)
  writer.tell(new Map([['a', { generation: 1, isApplied: true }]]))
  await clock.advance('1m')
  assert.deepEqual([writes, conflicts], [[], 1])
  writer.tell(new Map([['a', { generation: 2, isApplied: true }]]))
  await clock.advance('1m')
  assert.deepEqual(writes, [['a', { resourceVersion: '5' }]])
  assert.deepEqual(
    current.status!.conditions!.map(({ type }) => type),
    ['Ready-In-Zone-n2', 'Ready-In-Zone-n1'],
  )
  for (let times = 0; times < 3; times++) {
    writer.tell(new Map([['a', { generation: 2, isApplied: true }]]))
    writer.look()
    await clock.advance('1m')
  }
  assert.deepEqual([writes.length, lines], [1, []])
  // Somebody took it away.
  current = policy(toPods)
  writer.look()
  await clock.advance('1m')
  assert.equal(writes.length, 2)
  stop.abort()
  await clock.advance(0)
  await running
})
