import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { events } from '#api/core/v1/event.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { priorityClasses } from '#api/scheduling/v1/priorityClass.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import { readSchedulerConfiguration } from '#scheduler/configuration/read.ts'
import type { Plugin } from '#scheduler/plugin.ts'
import { simulatedCluster, type SimulatedCluster, type SimulatedClusterOptions } from '#simulation/simulatedCluster.ts'
import { simulatedNodeSpecs } from '#simulation/simulatedNodeSpecs.ts'

const namespace = 'default'
const head = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n'

async function start(count: number, scheduler: SimulatedClusterOptions['scheduler']): Promise<SimulatedCluster> {
  const capacity = { cpu: '4', memory: '8Gi', pods: '110', 'ephemeral-storage': '1Ti' }
  const cluster = await simulatedCluster({
    nodes: simulatedNodeSpecs({ count, prefix: 'node-', podBlocks: 'none', capacity }),
    ...(scheduler === undefined ? {} : { scheduler }),
  })
  await cluster.until(async () => {
    const { items } = await cluster.client.list(nodes)
    return items.length === count && items.every(({ spec }) => (spec?.taints ?? []).length === 0)
  })
  return cluster
}

async function create({ client }: SimulatedCluster, name: string, spec: Partial<Pod['spec']> = {}): Promise<void> {
  const containers = [{ name: 'c', image: 'i', resources: { requests: { cpu: '1', memory: '1Gi' } } }]
  await client.create(pods, { metadata: { name, namespace }, spec: { containers, ...spec } })
}

const find = ({ client }: SimulatedCluster, name: string): Promise<Pod> => client.get(pods, { name, namespace })
const nodeOf = async (cluster: SimulatedCluster, name: string) => (await find(cluster, name)).spec.nodeName
const scheduledOf = async (cluster: SimulatedCluster, name: string) =>
  (await find(cluster, name)).status?.conditions?.find(({ type }) => type === 'PodScheduled')

async function told({ client }: SimulatedCluster, name: string): Promise<readonly string[]> {
  const { items } = await client.list(events, { namespace })
  return items
    .filter(({ involvedObject, action }) => involvedObject.name === name && action !== undefined && action !== '')
    .map(({ reason, message, reportingComponent }) => `${reportingComponent} ${reason}: ${message}`)
}

test('each profile places its own pods, and nobody those of a scheduler that is not here', async () => {
  const text = `${head}profiles:
- {}
- schedulerName: packing
  pluginConfig:
  - name: NodeResourcesFit
    args: { scoringStrategy: { type: MostAllocated } }
  plugins: { score: { disabled: [{ name: NodeResourcesBalancedAllocation }] } }
`
  await using cluster = await start(2, { configuration: readSchedulerConfiguration(text, 'f') })
  await create(cluster, 'first')
  await cluster.until(() => nodeOf(cluster, 'first'))
  await create(cluster, 'spread')
  await cluster.until(() => nodeOf(cluster, 'spread'))
  await cluster.client.delete(pods, { name: 'spread', namespace })
  // While it ends it fills its node as much as the first.
  await cluster.until(async () => (await cluster.client.list(pods, { namespace })).items.length === 1)
  await create(cluster, 'packed', { schedulerName: 'packing' })
  await create(cluster, 'foreign', { schedulerName: 'somebody-else' })
  await cluster.until(() => nodeOf(cluster, 'packed'))
  await cluster.clock.advance('10s')
  assert.equal(await nodeOf(cluster, 'packed'), await nodeOf(cluster, 'first'))
  assert.deepEqual(await told(cluster, 'packed'), [
    `packing Scheduled: Successfully assigned default/packed to ${await nodeOf(cluster, 'packed')}`,
  ])
  assert.deepEqual(
    [await nodeOf(cluster, 'foreign'), await scheduledOf(cluster, 'foreign'), await told(cluster, 'foreign')],
    [undefined, undefined, []],
  )
})

test('a pod with gates waits for the last of them, without a word of failure', async () => {
  await using cluster = await start(1, true)
  await create(cluster, 'gated', { schedulingGates: [{ name: 'example.com/a' }, { name: 'example.com/b' }] })
  await cluster.clock.advance('1m')
  assert.deepEqual(
    [await nodeOf(cluster, 'gated'), (await scheduledOf(cluster, 'gated'))?.reason, await told(cluster, 'gated')],
    [undefined, 'SchedulingGated', []],
  )
  assert.deepEqual(
    cluster.causes.of({ kind: 'Pod', namespace, name: 'gated' }).map(({ reason }) => reason),
    ['SchedulingGated'],
  )
  const ungate = (schedulingGates: readonly object[]) =>
    cluster.client.patch(pods, { name: 'gated', namespace }, { type: 'merge', body: { spec: { schedulingGates } } })
  await ungate([{ name: 'example.com/b' }])
  await cluster.clock.advance('1m')
  assert.equal(await nodeOf(cluster, 'gated'), undefined)
  await ungate([])
  await cluster.until(() => nodeOf(cluster, 'gated'))
  assert.deepEqual(cluster.causes.of({ kind: 'Pod', namespace, name: 'gated' }), [])
})

test('plugins reserve, permit and prepare; what they held is given back where they fail', async () => {
  const calls: string[] = []
  let attempts = 0
  const careful: Plugin = {
    name: 'Careful',
    reserve: ({ metadata }, node) => void calls.push(`reserve ${metadata.name} ${node}`),
    unreserve: ({ metadata }, node) => void calls.push(`unreserve ${metadata.name} ${node}`),
    permit: async ({ metadata }) => (metadata.name === 'unwelcome' ? { reason: 'not today' } : undefined),
    async preBind({ metadata }) {
      if (metadata.name === 'unlucky' && ++attempts < 3) throw new Error('the disk is slow')
    },
    wakesOn: [],
  }
  await using cluster = await start(1, { furtherPlugins: [careful] })
  await create(cluster, 'unwelcome')
  await create(cluster, 'unlucky')
  await cluster.until(() => nodeOf(cluster, 'unlucky'))
  await cluster.clock.advance('2s')
  const pair = (name: string): readonly string[] => [`reserve ${name} node-1`, `unreserve ${name} node-1`]
  assert.deepEqual(
    calls.filter((call) => call.includes('unlucky')),
    [...pair('unlucky'), ...pair('unlucky'), 'reserve unlucky node-1'],
  )
  assert.deepEqual(
    calls.filter((call) => call.includes('unwelcome')),
    pair('unwelcome'),
  )
  const failure = 'running PreBind plugin "Careful": the disk is slow'
  assert.deepEqual(await told(cluster, 'unlucky'), [
    `default-scheduler FailedScheduling: ${failure}`,
    'default-scheduler Scheduled: Successfully assigned default/unlucky to node-1',
  ])
  assert.deepEqual(await told(cluster, 'unwelcome'), [
    'default-scheduler FailedScheduling: 0/1 nodes are available: 1 not today.',
  ])
  const { reason, message } = (await scheduledOf(cluster, 'unwelcome'))!
  assert.deepEqual([reason, message], ['Unschedulable', '0/1 nodes are available: 1 not today.'])
})

test('pods that were turned down by a plugin without rules are tried again after any change', async () => {
  let isOpen = false
  const moody: Plugin = { name: 'Moody', filter: () => (isOpen ? undefined : { reason: 'not now' }) }
  await using cluster = await start(1, { furtherPlugins: [moody] })
  await create(cluster, 'patient')
  await cluster.until(async () => (await scheduledOf(cluster, 'patient'))?.message)
  isOpen = true
  await cluster.clock.advance('20s')
  assert.equal(await nodeOf(cluster, 'patient'), undefined)
  await cluster.client.create(storageClasses, { metadata: { name: 'any' }, provisioner: 'x' })
  await cluster.clock.advance('20s')
  assert.equal(await nodeOf(cluster, 'patient'), 'node-1')
})

test('a pod that is deleted while a plugin holds it frees its node', async () => {
  let held: AbortSignal | undefined
  const holding: Plugin = {
    name: 'Holding',
    permit: async ({ metadata }, _node, _state, signal) => {
      if (metadata.name !== 'held') return undefined
      held = signal
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
      return undefined
    },
  }
  await using cluster = await start(1, { furtherPlugins: [holding] })
  const whole = { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '4' } } }] }
  await create(cluster, 'held', whole)
  await cluster.until(() => held !== undefined)
  await create(cluster, 'next', whole)
  await cluster.clock.advance('5s')
  assert.equal(await nodeOf(cluster, 'next'), undefined)
  await cluster.client.delete(pods, { name: 'held', namespace })
  await cluster.until(() => nodeOf(cluster, 'next'))
  assert.equal(held?.aborted, true)
  assert.deepEqual(cluster.problems, [])
})

test('an extender has its say over HTTP: where pods go, and why they go nowhere', async () => {
  const asked: string[] = []
  let closed = ['node-1']
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      asked.push(request.url!)
      const { NodeNames: names } = JSON.parse(Buffer.concat(parts).toString()) as { NodeNames: readonly string[] }
      const isOpen = (name: string): boolean => !closed.includes(name)
      const answer =
        request.url === '/filter'
          ? { NodeNames: names.filter(isOpen), FailedNodes: Object.fromEntries(closed.map((name) => [name, 'closed'])) }
          : names.map((name) => ({ Host: name, Score: name === 'node-3' ? 10 : 0 }))
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const text = `${head}extenders:
- { urlPrefix: 'http://127.0.0.1:${port}', filterVerb: filter, prioritizeVerb: prioritize, weight: 10, nodeCacheCapable: true }
`
    await using cluster = await start(3, { configuration: readSchedulerConfiguration(text, 'f') })
    // Real connections take turns of the event loop, not of the simulated clock.
    const untilReally = async (is: () => Promise<unknown>): Promise<void> => {
      while (!(await is())) {
        await setImmediate()
        await cluster.clock.advance(0)
      }
    }
    await create(cluster, 'welcome')
    await untilReally(() => nodeOf(cluster, 'welcome'))
    assert.equal(await nodeOf(cluster, 'welcome'), 'node-3')
    closed = ['node-1', 'node-2', 'node-3']
    await create(cluster, 'unwelcome')
    await untilReally(async () => (await scheduledOf(cluster, 'unwelcome'))?.message)
    assert.equal(
      (await scheduledOf(cluster, 'unwelcome'))?.message,
      '0/3 nodes are available: 3 closed. no new claims to deallocate, preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.',
    )
    assert.deepEqual(asked.slice(0, 3), ['/filter', '/prioritize', '/filter'])
    // Nobody on the node of the first pod would have to go for it, if only the extender let it there.
    await cluster.client.create(priorityClasses, { metadata: { name: 'high' }, value: 10 })
    await create(cluster, 'important', { priorityClassName: 'high' })
    await untilReally(async () => (await scheduledOf(cluster, 'important'))?.message)
    const { reason, message } = (await scheduledOf(cluster, 'important'))!
    assert.deepEqual(
      [reason, message],
      [
        'Unschedulable',
        '0/3 nodes are available: 3 closed. preemption: expected at least one victim pod on node "node-3"',
      ],
    )
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('a pod that fits nowhere is explained: what stands in the way where, and the smallest change', async () => {
  await using cluster = await start(2, true)
  const asking = (cpu: string) => ({ containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }] })
  await create(cluster, 'one', asking('4'))
  await create(cluster, 'two', asking('3'))
  await cluster.until(
    async () => (await nodeOf(cluster, 'one')) !== undefined && (await nodeOf(cluster, 'two')) !== undefined,
  )
  await create(cluster, 'waiting', asking('1500m'))
  await cluster.until(async () => (await scheduledOf(cluster, 'waiting'))?.message)
  const [roomier, full] = [await nodeOf(cluster, 'two'), await nodeOf(cluster, 'one')]
  const causes = cluster.causes.of({ kind: 'Pod', namespace, name: 'waiting' })
  assert.equal(causes.length, 1)
  const { component, reason, remedy, parts } = causes[0]!
  assert.deepEqual([component, reason, remedy], ['default-scheduler', 'Unschedulable', `free 500m cpu on ${roomier}`])
  assert.deepEqual(
    parts?.map(({ subject, obstacles }) => [subject.name, obstacles.map(({ remedy: own }) => own)]),
    [
      [roomier, [`free 500m cpu on ${roomier}`]],
      [full, [`free 1500m cpu on ${full}`]],
    ],
  )
  await cluster.client.delete(pods, { name: 'two', namespace })
  await cluster.until(() => nodeOf(cluster, 'waiting'))
  assert.deepEqual(cluster.causes.of({ kind: 'Pod', namespace, name: 'waiting' }), [])
})
