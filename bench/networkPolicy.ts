/**
 * Network policies: how long after a change of an object a packet is judged by it, how large clusters are planned and put into the kernel,
 * and what they cost a connection. Needs root and nft; makes network namespaces of its own.
 */
import { customResourceDefinitions } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { networkPolicies } from '#api/networking/v1/networkPolicy.ts'
import { NftTables } from '#lib/host/nftTable.ts'
import { adminPolicyKinds } from '#networkPolicy/adminPolicies.ts'
import { readNamespaces, readPod } from '#networkPolicy/facts.ts'
import { PolicyPlanner } from '#networkPolicy/plan.ts'
import type { Plan } from '#networkPolicy/plan.ts'
import { readNetworkPolicy } from '#networkPolicy/policy.ts'
import { policyTables } from '#networkPolicy/ruleset.ts'

import { addressOf, host, policyFixture } from '../test/node/networkPolicyFixture.ts'
import type { PolicyFixture } from '../test/node/networkPolicyFixture.ts'
import { median, quantile, renderMeasurements, type Measurement } from './measurement.ts'

const server = { node: 1, number: 240 } as const
const changes = 20
const watchMs = 600
/** Namespaces of the large cluster, each with ten pods and three policies; forty pods are on the node that is measured. */
const namespaceCount = 200

let revision = 2
const metadata = (name: string, more: object = {}) => ({ name, uid: name, resourceVersion: '1', ...more })

/** A cluster with policies as people have them: closed, open within the namespace, open to the monitoring, names and addresses outside. */
function largeCluster() {
  const count = Array.from({ length: namespaceCount }, (_, at) => at)
  const pod = (namespace: number, number: number) => {
    const at = namespace * 10 + number
    const isOwn = at % 50 === 0
    return {
      metadata: metadata(`pod-${number}`, {
        namespace: `n${namespace}`,
        uid: `${at}`,
        labels: { app: `app-${number % 3}` },
      }),
      spec: {
        nodeName: isOwn ? 'node1' : 'node2',
        containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 8080, protocol: 'TCP' }] }],
      },
      status: {
        phase: 'Running',
        podIPs: [{ ip: isOwn ? `10.244.1.${2 + at / 50}` : `10.244.${2 + (at >> 8)}.${at & 255}` }],
      },
    }
  }
  const policy = (namespace: number, name: string, spec: object) => ({
    metadata: metadata(name, { namespace: `n${namespace}` }),
    spec,
  })
  return {
    namespaces: count.map((at) => ({
      metadata: metadata(`n${at}`, { labels: { 'kubernetes.io/metadata.name': `n${at}` } }),
    })),
    pods: count.flatMap((at) => Array.from({ length: 10 }, (_, number) => pod(at, number))),
    policies: count.flatMap((at) => [
      policy(at, 'closed', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
      policy(at, 'within', {
        podSelector: {},
        ingress: [{ from: [{ podSelector: {} }] }],
        egress: [{ to: [{ podSelector: {} }] }],
        policyTypes: ['Ingress', 'Egress'],
      }),
      policy(at, 'outside', {
        podSelector: { matchLabels: { app: 'app-0' } },
        ingress: [
          {
            from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'n7' } } }],
            ports: [{ port: 'web' }, { port: 9000, endPort: 9000 + at }],
          },
        ],
        egress: [
          { to: [{ ipBlock: { cidr: '192.0.2.0/24', except: [`192.0.2.${at % 256}/32`] } }], ports: [{ port: 443 }] },
        ],
        policyTypes: ['Ingress', 'Egress'],
      }),
    ]),
  }
}
type Cluster = ReturnType<typeof largeCluster>

const serverPod = {
  metadata: metadata('server', { namespace: 'x', labels: { app: 'server' } }),
  spec: { nodeName: 'node1', containers: [] },
  status: { phase: 'Running', podIPs: [{ ip: addressOf(server) }] },
}

export async function run(): Promise<Measurement[]> {
  const fixture = await policyFixture({ 'x/server': server, 'y/client': { node: 2, number: 241 } }, ['tcp/80'])
  try {
    const { informers } = fixture
    informers.of(nodes).replace([], '1')
    for (const { plural, group } of adminPolicyKinds)
      informers.of(customResourceDefinitions, { fieldSelector: `metadata.name=${plural}.${group}` }).replace([], '1')
    const fill = ({ namespaces: all, pods: allPods, policies }: Cluster): void => {
      informers.of(namespaces).replace(all as never, '1')
      informers.of(pods).replace([...allPods, serverPod] as never, '1')
      informers.of(networkPolicies).replace(policies as never, '1')
    }
    fill({ namespaces: [], pods: [], policies: [] })
    await fixture.start(1)
    const rate = await connectionsPerSecond(fixture)
    const small = await changeTimes(fixture)
    const large = largeCluster()
    await fixture.change([1], () => fill(large))
    const policed = await connectionsPerSecond(fixture)
    const many = await changeTimes(fixture)
    const size = `${large.pods.length} pods and ${large.policies.length} policies`
    return [
      ...describeChanges('change to packet, one policy', small),
      ...describeChanges(`change to packet, ${size}`, many),
      {
        name: `connections through a policy, ${size}`,
        value: policed,
        unit: '/s',
        beside: { name: 'without policies', value: rate },
      },
      ...(await planTimes(fixture, large)),
      ...(await insertTimes(fixture)),
    ]
  } finally {
    await fixture.remove()
  }
}

const describeChanges = (name: string, times: readonly number[]): Measurement[] => [
  { name: `${name}, p50`, value: median(times), unit: 'ms' },
  { name: `${name}, p99`, value: quantile(times, 0.99), unit: 'ms', goal: { atMost: 100 } },
]

/** Closes and opens the server in turn while a client tries every few milliseconds: from the informer's event to the first packet judged otherwise. */
async function changeTimes({ informers, watch }: PolicyFixture): Promise<number[]> {
  const policy = (ingress: object[]) =>
    ({
      metadata: metadata('toggle', { namespace: 'x', resourceVersion: String(revision++) }),
      spec: { podSelector: {}, ingress, policyTypes: ['Ingress'] },
    }) as never
  const times: number[] = []
  // The first are not counted: code is compiled in them.
  for (let change = -2; change < changes; change++) {
    const opens = change % 2 !== 0
    const watching = watch('y/client', addressOf(server), 80, { watchMs, everyMs: 4 })
    await host.clock.sleep(100)
    const changed = process.hrtime.bigint()
    informers.of(networkPolicies).change('MODIFIED', policy(opens ? [{}] : []))
    const asked = await watching
    // The first from which on all were judged by the new policy; if there is none it took longer than was watched.
    const last = asked.findLastIndex(([, answered]) => answered !== opens)
    const first = asked[last + 1]?.[0]
    if (change >= 0) times.push(first === undefined ? watchMs : Math.max(0, Number(first - changed) / 1e6))
  }
  return times
}

async function connectionsPerSecond({ watch }: PolicyFixture): Promise<number> {
  const asked = await watch('y/client', addressOf(server), 80, { watchMs: 1_000, everyMs: 1 })
  return asked.filter(([, answered]) => answered).length
}

const sizeOf = (plan: Plan): number =>
  [...plan[4].values(), ...plan[6].values()].reduce((sum, entries) => sum + entries.size, 0)

/** A large cluster planned from nothing and again, put into the kernel whole and by one change. */
async function planTimes(
  { file }: PolicyFixture,
  { namespaces: all, pods: allPods, policies }: Cluster,
): Promise<Measurement[]> {
  const facts = {
    pods: allPods.map((pod) => readPod(pod as never)!),
    namespaces: readNamespaces(all as never),
    nodes: [],
    policies: policies.map((policy) => readNetworkPolicy(policy as never)),
  }
  const planner = new PolicyPlanner('node1')
  const tables = new NftTables(host.nft(file('outside')))
  const began = performance.now()
  const plan = planner.plan(facts)
  const planned = performance.now()
  await tables.apply(policyTables(plan))
  const applied = performance.now()
  const policyOf = (round: number) =>
    readNetworkPolicy({
      metadata: metadata('closed', { namespace: 'n0' }),
      spec: { podSelector: {}, ingress: [{ ports: [{ port: 1_000 + round }] }] },
    } as never)
  const times: { plan: number; apply: number }[] = []
  for (let round = 0; round < 20; round++) {
    const changed = { ...facts, policies: [...facts.policies.slice(1), policyOf(round)] }
    const start = performance.now()
    const next = planner.plan(changed)
    const middle = performance.now()
    await tables.apply(policyTables(next))
    times.push({ plan: middle - start, apply: performance.now() - middle })
  }
  return [
    { name: 'first plan', value: planned - began, unit: 'ms' },
    { name: `whole tables, ${sizeOf(plan)} elements`, value: applied - planned, unit: 'ms' },
    { name: 'plan after one change, p50', value: median(times.map((time) => time.plan)), unit: 'ms' },
    { name: 'one change in the kernel, p50', value: median(times.map((time) => time.apply)), unit: 'ms' },
  ]
}

/** What elements cost by the kind of set that holds them: hashed, or concatenated with ranges. */
async function insertTimes({ file }: PolicyFixture): Promise<Measurement[]> {
  const nft = host.nft(file('outside'))
  const count = 10_000
  const measurements: Measurement[] = []
  const baseline: Record<string, number> = {}
  for (const [kind, flags, key] of [
    ['hashed', '', (at: number) => `${at} . tcp . 80`],
    ['concatenated with ranges', ' flags interval;', (at: number) => `${at} . tcp . 80-90`],
  ] as const) {
    const table = `add table ip bench\nadd map ip bench m { type mark . inet_proto . inet_service : verdict;${flags} }\n`
    const elements = (from: number, to: number): string =>
      Array.from({ length: to - from }, (_, at) => `${key(from + at)} : return`).join(', ')
    const fill = performance.now()
    await nft.apply(`${table}add element ip bench m { ${elements(1, count)} }\n`)
    const filled = performance.now() - fill
    const ones: number[] = []
    for (let more = 0; more < 15; more++) {
      const begun = performance.now()
      await nft.apply(`add element ip bench m { ${elements(count + more, count + more + 1)} }\n`)
      ones.push(performance.now() - begun)
    }
    const took = { [`${count} elements at once`]: filled, 'one more, p50': median(ones) }
    for (const [name, value] of Object.entries(took)) {
      const before = baseline[name]
      measurements.push({
        name: `${name}, ${kind}`,
        value,
        unit: 'ms',
        ...(before === undefined ? {} : { beside: { name: 'hashed', value: before } }),
      })
      baseline[name] ??= value
    }
    await nft.apply('delete table ip bench\n')
  }
  return measurements
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
