import assert from 'node:assert/strict'
import { test } from 'node:test'

import { readPod } from './facts.ts'
import { formatInterval, intervalsOf } from './intervals.ts'
import { anyPod } from './identities.ts'
import { PolicyPlanner } from './plan.ts'
import { clusterOf, factsOf, passes, podObject, policyIn } from './testCluster.ts'
import type { TestPod } from './testCluster.ts'
import { parseCidr } from '#lib/net/cidr.ts'

const pod = (key: string, number: number, more: Partial<TestPod> = {}): TestPod => ({
  key,
  node: 'n1',
  addresses: [`10.244.1.${number}`],
  labels: { app: key.split('/')[1]! },
  ports: {},
  ...more,
})
const filled = (elements: ReadonlyMap<string, ReadonlyMap<string, string>>) =>
  Object.fromEntries(
    [...elements].filter(([, entries]) => entries.size > 0).map(([set, entries]) => [set, Object.fromEntries(entries)]),
  )

test('without policies for its own pods a node is told nothing', () => {
  const everywhere = clusterOf([factsOf(pod('x/a', 2)), factsOf(pod('y/b', 3, { node: 'n2' }))], policyIn('y', {}))
  const plan = new PolicyPlanner('n1').plan(everywhere)
  assert.deepEqual([filled(plan[4]), filled(plan[6])], [{}, {}])
})

test('what is usual is said once, and what differs from it for each who differs', () => {
  const plan = new PolicyPlanner('n1').plan(
    clusterOf(
      [pod('x/a', 2), pod('x/b', 3), pod('y/c', 4, { node: 'n2', addresses: ['10.244.2.4'] })].map(factsOf),
      policyIn('x', {
        podSelector: { matchLabels: { app: 'a' } },
        ingress: [
          { from: [{ podSelector: {} }], ports: [{ port: 80 }, { port: 90, endPort: 99 }] },
          { from: [{ ipBlock: { cidr: '192.0.2.0/24' } }] },
        ],
      }),
    ),
  )
  // Pods of x are the most kinds of pods there are beside that in y: as many, so the smaller text is usual.
  assert.deepEqual(filled(plan[4]), {
    ingress_pods: { '10.244.1.2': '' },
    self: { '10.244.1.2 . 10.244.1.2': '' },
    peers: { '10.244.1.2': String(anyPod), '10.244.1.3': String(anyPod), '10.244.2.4': String(anyPod + 2) },
    blocks: { '192.0.2.0/24': '3' },
    ingress_pairs: {
      '10.244.1.2 . 0': '1',
      [`10.244.1.2 . ${anyPod}`]: '2',
      [`10.244.1.2 . ${anyPod + 2}`]: '1',
      '10.244.1.2 . 3': '3',
    },
    ports: { '2 . tcp . 80': 'return' },
    port_ranges: { '2 . tcp . 90-99': 'return' },
    verdicts: { 1: 'goto denied', 2: 'goto denied', 3: 'return' },
    denials: { 1: '', 2: '' },
  })
})

test('what is treated alike by other policies is counted by itself', () => {
  const planner = new PolicyPlanner('n1')
  const closed = (namespace: string, name: string) => policyIn(namespace, { podSelector: {} }, name)
  const deny = {
    kind: 'AdminNetworkPolicy',
    tier: 'admin',
    priority: 1,
    name: 'no-web',
    subject: { kind: 'pods', namespaces: { name: 'y' }, pods: {} },
    ingress: [{ index: 0, action: 'deny', peers: 'everybody', ports: [{ transport: 'tcp', from: 80, to: 80 }] }],
  } as const
  const pods = [pod('x/a', 2), pod('y/b', 3)].map(factsOf)
  const plan = planner.plan(clusterOf(pods, closed('x', 'p'), closed('x', 'q'), deny))
  const counted = (address: string): readonly string[] => {
    const number = plan[4].get('ingress_pairs')!.get(`${address} . 0`)!
    assert.ok(plan[4].get('denials')!.has(number))
    return planner.deniersOf(Number(number))
  }
  assert.deepEqual(counted('10.244.1.2'), ['NetworkPolicy x/p', 'NetworkPolicy x/q'])
  assert.deepEqual(counted('10.244.1.3'), ['AdminNetworkPolicy no-web'])
  assert.deepEqual(planner.deniersOf(99), [])
})

test('numbers stay when pods and policies come and go', () => {
  const planner = new PolicyPlanner('n1')
  const isolating = policyIn('x', { ingress: [{ from: [{ podSelector: { matchLabels: { app: 'b' } } }] }] })
  const before = planner.plan(clusterOf([pod('x/a', 2), pod('x/b', 3)].map(factsOf), isolating))
  const other = policyIn('y', { ingress: [{ from: [{ ipBlock: { cidr: '192.0.2.0/24' } }] }] })
  planner.plan(clusterOf([pod('y/z', 9), pod('x/a', 2), pod('x/b', 3)].map(factsOf), other, isolating))
  assert.deepEqual(planner.plan(clusterOf([pod('x/a', 2), pod('x/b', 3)].map(factsOf), isolating)), before)
})

test('the address of a pod that is over belongs to whoever has it now', () => {
  const over = { ...podObject(pod('x/a', 2)), status: { phase: 'Succeeded', podIPs: [{ ip: '10.244.1.2' }] } } as never
  assert.equal(readPod(over), undefined)
  const [older, younger] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'].map((created, at) => ({
    ...factsOf(pod(at === 0 ? 'x/a' : 'y/b', 2)),
    created,
  }))
  for (const pods of [
    [older!, younger!],
    [younger!, older!],
  ]) {
    const ofX = new PolicyPlanner('n1').plan(clusterOf(pods, policyIn('x', {})))
    assert.deepEqual(filled(ofX[4]), {})
    const ofY = new PolicyPlanner('n1').plan(clusterOf(pods, policyIn('y', {})))
    assert.deepEqual(filled(ofY[4])['ingress_pods'], { '10.244.1.2': '' })
  }
})

test('a node in a block that is treated otherwise is not taken for its neighbours', () => {
  const admin = {
    kind: 'AdminNetworkPolicy',
    tier: 'admin',
    priority: 1,
    name: 'a',
    subject: { kind: 'pods', namespaces: { selector: {} }, pods: {} },
    egress: [
      { index: 0, action: 'allow', peers: [{ kind: 'nodes', selector: {} }], ports: 'all' },
      {
        index: 1,
        action: 'deny',
        peers: [{ kind: 'block', cidr: parseCidr('10.89.0.0/24')!, except: [] }],
        ports: 'all',
      },
    ],
  } as const
  const plan = new PolicyPlanner('n1').plan(clusterOf([factsOf(pod('x/a', 2))], admin))
  const packet = { from: '10.244.1.2', transport: 'tcp', port: 80 }
  assert.equal(passes(plan, { ...packet, to: '10.89.0.1' }, 'input'), true)
  assert.equal(passes(plan, { ...packet, to: '10.89.0.2' }), false)
  assert.equal(passes(plan, { ...packet, to: '10.90.0.2' }), true)
})

test('blocks are cut where one begins or ends, and written as nft prints them', () => {
  const block = (cidr: string, ...except: string[]) => ({
    kind: 'block' as const,
    cidr: parseCidr(cidr)!,
    except: except.map((hole) => parseCidr(hole)!),
  })
  const of = (family: 4 | 6, ...blocks: ReturnType<typeof block>[]) =>
    intervalsOf(blocks, family).map(
      ({ from, to, blocks: among }) =>
        `${formatInterval(family, from, to)} ${among.map((each) => blocks.indexOf(each))}`,
    )
  assert.deepEqual(of(4, block('10.0.0.0/30', '10.0.0.1/32'), block('10.0.0.2/31'), block('fd00::/8')), [
    '10.0.0.0 0',
    '10.0.0.2/31 0,1',
  ])
  // Holes over each other, at both ends and beside the block.
  const holes = ['10.0.0.0/31', '10.0.0.0/32', '10.0.0.6/31', '10.0.0.4/32', '9.0.0.0/8', '10.0.1.0/24', '::/0']
  assert.deepEqual(of(4, block('10.0.0.0/29', ...holes)), ['10.0.0.2/31 0', '10.0.0.5 0'])
  assert.deepEqual(of(4, block('10.0.0.0/29', '10.0.0.0/8')), [])
  assert.deepEqual(of(4, block('0.0.0.0/0')), ['0.0.0.0/0 0'])
  assert.deepEqual(of(4, block('0.0.0.0/0', '255.255.255.255/32')), ['0.0.0.0-255.255.255.254 0'])
  assert.deepEqual(of(6, block('::/0', 'fd00::/8')), ['::-fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 0', 'fe00::/7 0'])
})

test('a policy as large as an object can be is planned in one walk', () => {
  const holes = Array.from({ length: 5_000 }, (_, at) => `10.${at >> 8}.${at & 255}.0/25`)
  const ports = Array.from({ length: 5_000 }, (_, at) => ({ port: 2 * at + 1 }))
  const huge = policyIn('x', {
    ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: holes } }, { podSelector: {} }], ports }],
  })
  const pods = Array.from({ length: 100 }, (_, at) => pod(`x/p${at}`, at + 2))
  const plan = new PolicyPlanner('n1').plan(clusterOf(pods.map(factsOf), huge))
  assert.deepEqual([plan[4].get('blocks')!.size, plan[4].get('ports')!.size], [5_000, 5_000])
  const packet = { to: '10.244.1.2', transport: 'tcp' }
  assert.deepEqual(
    [
      passes(plan, { ...packet, from: '10.0.1.200', port: 1 }),
      passes(plan, { ...packet, from: '10.0.1.200', port: 2 }),
      passes(plan, { ...packet, from: '10.0.1.100', port: 1 }),
      passes(plan, { ...packet, from: '10.244.1.3', port: 9_999 }),
    ],
    [true, false, false, true],
  )
})
