import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { completeConfig, type ClusterConfig } from './config.ts'
import { withWorker, withoutWorker } from './membership.ts'
import type { ClusterRecord } from './record.ts'

function record(
  names: readonly string[],
  config: Partial<ClusterConfig> = {},
  nodeRange = '10.89.7.0/24',
): ClusterRecord {
  return {
    config: completeConfig({ name: 'lab', workers: Math.max(0, names.length - 1), ...config }),
    created: 0,
    nodeRange,
    nodes: names.map((name, index) => ({
      name,
      role: index === 0 ? 'control-plane' : 'worker',
      address: `10.89.7.${11 + index}`,
      ...(nodeRange.includes(',') ? { furtherAddresses: [`fd00:10:89:7::${(11 + index).toString(16)}`] } : {}),
    })),
    server: { address: '10.89.7.11', port: 6443 },
  }
}

describe('withWorker', () => {
  test('calls it like the first that there is not, with the next address', () => {
    const next = withWorker(record(['control-plane', 'worker']))
    assert.deepEqual(next.nodes.at(-1), { name: 'worker2', role: 'worker', address: '10.89.7.13' })
    assert.equal(next.config.workers, 2)
  })
  test('fills a gap', () => {
    const three = record(['control-plane', 'worker', 'worker2'])
    const next = withWorker(withoutWorker(three, 'worker'))
    assert.deepEqual(next.nodes.at(-1), { name: 'worker', role: 'worker', address: '10.89.7.12' })
  })
  test('gives addresses of both families', () => {
    const dual = record(['control-plane'], { podRange: '10.244.0.0/16,fd00::/56' }, '10.89.7.0/24,fd00:10:89:7::/64')
    assert.deepEqual(withWorker(dual, 'extra').nodes.at(-1), {
      name: 'extra',
      role: 'worker',
      address: '10.89.7.12',
      furtherAddresses: ['fd00:10:89:7::c'],
    })
  })
  test('leaves the addresses of load balancers alone', () => {
    const pool = record(['control-plane'], { loadBalancer: { pool: '10.89.7.12-10.89.7.20' } })
    assert.equal(withWorker(pool).nodes.at(-1)!.address, '10.89.7.21')
  })
  const many = Array.from({ length: 190 }, (_, index) => (index === 0 ? 'control-plane' : `n${index}`))
  const refused: readonly (readonly [string, ClusterRecord, string | undefined, RegExp])[] = [
    ['a name twice', record(['control-plane', 'worker']), 'worker', /^cluster "lab" has a node "worker" already$/],
    ['a name that is none', record(['control-plane']), '../x', /^node name "..\/x": it must consist of lower case/],
    ['a cluster of simulated nodes', record([]), undefined, /has only simulated nodes, which no other can join$/],
    [
      'more nodes than have pods',
      record(['control-plane', 'worker'], { podRange: '10.244.0.0/23' }),
      undefined,
      /^cluster "lab" cannot have another node: podRange 10\.244\.0\.0\/23 has room for 2 nodes with a \/24 each, not for 3$/,
    ],
    [
      'a range that is full',
      { ...record(many), nodes: record(many).nodes.slice(0, 189) },
      undefined,
      /^cluster "lab" has no address left for another node below 10\.89\.7\.0\/24$/,
    ],
  ]
  for (const [what, from, name, message] of refused)
    test(`refuses ${what}`, () => assert.throws(() => withWorker(from, name), { name: 'UsageError', message }))
})

describe('withoutWorker', () => {
  test('forgets it', () => {
    const rest = withoutWorker(record(['control-plane', 'worker', 'worker2']), 'worker')
    assert.deepEqual(
      rest.nodes.map(({ name }) => name),
      ['control-plane', 'worker2'],
    )
    assert.equal(rest.config.workers, 1)
  })
  test('refuses the control plane and strangers', () => {
    const from = record(['control-plane', 'worker'])
    assert.throws(() => withoutWorker(from, 'control-plane'), /is the control plane of cluster "lab"; "k8ts down" ends/)
    assert.throws(() => withoutWorker(from, 'x'), /^UsageError: cluster "lab" has no node "x"; its workers are worker$/)
  })
})
