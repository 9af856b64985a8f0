import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import type { NodeView } from '#scheduler/snapshot.ts'
import { candidateOf } from '#scheduler/preemption/victims.ts'
import { clusterOf, podOf } from '#scheduler/testObjects.ts'
import { Extender, type ExtenderOptions } from './extender.ts'
import { bindByExtenders, filterByExtenders, preemptByExtenders, scoreByExtenders } from './rounds.ts'

/** What was asked, as `path` with the body. */
interface Asked {
  readonly path: string
  readonly body: any
}

/** A server that answers each path with what is given for it: a status, or a body. */
async function serve(answers: Readonly<Record<string, unknown>>): Promise<{
  readonly url: string
  readonly asked: readonly Asked[]
  close(): void
}> {
  const asked: Asked[] = []
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const path = request.url!
      asked.push({ path, body: JSON.parse(Buffer.concat(parts).toString()) })
      const answer = answers[path]
      // What is not foreseen is never answered.
      if (answer === undefined) return
      if (typeof answer === 'number') response.writeHead(answer).end()
      else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/scheduler`,
    asked,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const cluster = clusterOf([{ name: 'a' }, { name: 'b' }, { name: 'c' }], {
  a: [{ name: 'low-a', spec: { priority: 1 } }],
  b: [{ name: 'low-b', spec: { priority: 1 } }],
})
const pod = podOf({ name: 'p', requests: { 'example.com/gpu': '1' } })
const fitting = { nodes: cluster.nodes, positions: Int32Array.of(0, 1, 2) }
const viewOf = (name: string): NodeView | undefined => cluster.nodes.find((each) => each.name === name)
const victimOn = (name: string, violations = 0) => candidateOf(name, viewOf(name)!.pods, violations)
const refuseIgnored = (_extender: Extender, error: unknown): never => {
  throw error
}

const usual = { httpTimeout: 5_000, nodeCacheCapable: false, managedResources: [], ignorable: false }

type Verbs = Partial<Pick<ExtenderOptions, 'filterVerb' | 'prioritizeVerb' | 'preemptVerb' | 'bindVerb'>>

async function withExtender<T>(
  answers: Readonly<Record<string, unknown>>,
  options: Verbs & Partial<ExtenderOptions>,
  use: (extender: Extender, asked: readonly Asked[]) => Promise<T>,
): Promise<T> {
  const server = await serve(answers)
  const clock = new SimulatedClock(0)
  using extender = new Extender({ ...usual, urlPrefix: server.url, clock, ...options })
  try {
    return await use(extender, server.asked)
  } finally {
    server.close()
  }
}

const namesAt = (positions: Int32Array): readonly string[] => [...positions].map((at) => cluster.nodes[at]!.name)

test('an extender that does not know the nodes is told them whole, and answers with nodes', async () => {
  const answer = { Nodes: { items: [{ metadata: { name: 'b' } }] }, FailedNodes: { a: 'no gpu' } }
  await withExtender({ '/scheduler/filter': answer }, { filterVerb: 'filter' }, async (extender, asked) => {
    const { positions, rejections } = await filterByExtenders([extender], pod, fitting, refuseIgnored)
    assert.deepEqual(namesAt(positions), ['b'])
    assert.deepEqual(rejections, [
      { node: 'a', plugin: 'Extender', rejection: { reason: 'no gpu', forever: false } },
      { node: 'c', plugin: 'Extender', rejection: { reason: '', forever: true } },
    ])
    const [{ path, body }] = asked as [Asked]
    assert.equal(path, '/scheduler/filter')
    assert.deepEqual(Object.keys(body), ['Pod', 'Nodes', 'NodeNames'])
    assert.equal(body.Pod.metadata.name, 'p')
    assert.deepEqual(
      body.Nodes.items.map(({ metadata }: any) => metadata.name),
      ['a', 'b', 'c'],
    )
    assert.equal(body.NodeNames, null)
  })
})

test('an extender that knows the nodes is told names, and may answer in small letters', async () => {
  const answer = {
    nodenames: ['a'],
    failednodes: {},
    failedandunresolvablenodes: { b: 'broken', c: 'broken' },
    error: '',
  }
  const options = { filterVerb: 'filter', nodeCacheCapable: true }
  await withExtender({ '/scheduler/filter': answer }, options, async (extender, asked) => {
    const { positions, rejections } = await filterByExtenders([extender], pod, fitting, refuseIgnored)
    assert.deepEqual(namesAt(positions), ['a'])
    assert.deepEqual(
      rejections.map(({ rejection }) => rejection),
      [
        { reason: 'broken', forever: true },
        { reason: 'broken', forever: true },
      ],
    )
    assert.deepEqual([asked[0]!.body.Nodes, asked[0]!.body.NodeNames], [null, ['a', 'b', 'c']])
  })
})

test('the second extender is asked only about what the first left', async () => {
  const answers = { '/scheduler/one': { NodeNames: ['a', 'c'] }, '/scheduler/two': { NodeNames: ['c'] } }
  const options = { nodeCacheCapable: true, filterVerb: 'one' }
  await withExtender(answers, options, async (first, asked) => {
    using second = new Extender({
      ...usual,
      ...options,
      filterVerb: 'two',
      urlPrefix: first.name,
      clock: new SimulatedClock(0),
    })
    const { positions } = await filterByExtenders([first, second], pod, fitting, refuseIgnored)
    assert.deepEqual(namesAt(positions), ['c'])
    assert.deepEqual(
      asked.map(({ body }) => body.NodeNames),
      [
        ['a', 'b', 'c'],
        ['a', 'c'],
      ],
    )
  })
})

test('scores of extenders are weighted and put on the scale of plugins', async () => {
  const answer = [
    { Host: 'c', Score: 10 },
    { Host: 'a', Score: 3 },
    { Host: 'nowhere', Score: 9 },
  ]
  const options = { prioritizeVerb: 'score', weight: 2 }
  await withExtender({ '/scheduler/score': answer }, options, async (extender) => {
    assert.deepEqual([...(await scoreByExtenders([extender], pod, cluster.nodes, refuseIgnored))], [60, 0, 200])
  })
})

test('an extender chooses among candidates, by uids or by whole pods', async () => {
  const answer = { NodeNameToMetaVictims: { b: { Pods: [{ UID: 'low-b' }], NumPDBViolations: 1 } } }
  for (const nodeCacheCapable of [false, true]) {
    const options = { preemptVerb: 'preempt', nodeCacheCapable }
    await withExtender({ '/scheduler/preempt': answer }, options, async (extender, asked) => {
      const candidates = [victimOn('a'), victimOn('b')]
      const left = await preemptByExtenders([extender], pod, candidates, viewOf, refuseIgnored)
      assert.deepEqual(left, [victimOn('b', 1)])
      const { NodeNameToVictims: whole, NodeNameToMetaVictims: meta } = asked[0]!.body
      if (nodeCacheCapable) {
        assert.deepEqual([whole, meta.a], [null, { Pods: [{ UID: 'low-a' }], NumPDBViolations: 0 }])
      } else assert.deepEqual([whole.a.Pods[0].metadata.name, meta], ['low-a', null])
    })
  }
})

test('an extender binds in place of the scheduler', async () => {
  await withExtender({ '/scheduler/bind': {} }, { bindVerb: 'bind' }, async (extender, asked) => {
    assert.equal(await bindByExtenders([extender], pod, 'a', refuseIgnored), true)
    assert.deepEqual(asked[0]!.body, { PodName: 'p', PodNamespace: 'default', PodUID: 'p', Node: 'a' })
  })
  await withExtender({}, { filterVerb: 'filter' }, async (extender) => {
    assert.equal(await bindByExtenders([extender], pod, 'a', refuseIgnored), false)
  })
})

const failures: readonly {
  readonly name: string
  readonly answers: Readonly<Record<string, unknown>>
  readonly message: RegExp
}[] = [
  {
    name: 'another status',
    answers: { '/scheduler/filter': 503 },
    message: /^failed filter with extender at URL http:\/\/127\.0\.0\.1:\d+\/scheduler\/filter, code 503$/,
  },
  { name: 'an error of its own', answers: { '/scheduler/filter': { Error: 'no data yet' } }, message: /^no data yet$/ },
  {
    name: 'a node that it was not asked about',
    answers: { '/scheduler/filter': { Nodes: { items: [{ metadata: { name: 'x' } }] } } },
    message: /^extender "http:.*" claims a filtered node "x" which is not found in the input node list$/,
  },
  {
    name: 'an answer of another form',
    answers: { '/scheduler/filter': { FailedNodes: 'all' } },
    message: /^FailedNodes is no object$/,
  },
]

for (const { name, answers, message } of failures) {
  test(`a filter fails with ${name}, and is passed over where it may be ignored`, async () => {
    await withExtender(answers, { filterVerb: 'filter' }, async (extender) => {
      await assert.rejects(filterByExtenders([extender], pod, fitting, refuseIgnored), { message })
    })
    const told: string[] = []
    await withExtender(answers, { filterVerb: 'filter', ignorable: true }, async (extender) => {
      const { positions } = await filterByExtenders([extender], pod, fitting, (_, error) => told.push(String(error)))
      assert.deepEqual([namesAt(positions), told.length], [['a', 'b', 'c'], 1])
    })
  })
}

test('an extender that does not answer in time has failed', async () => {
  const server = await serve({})
  const clock = new SimulatedClock(0)
  using extender = new Extender({ ...usual, urlPrefix: server.url, clock, filterVerb: 'filter', httpTimeout: 1_000 })
  const asking = assert.rejects(filterByExtenders([extender], pod, fitting, refuseIgnored), {
    message: `Post "${server.url}/filter": context deadline exceeded`,
  })
  await clock.advance('1s')
  await asking
  server.close()
})

test('an extender that is not there has failed; without it scores are those of plugins', async () => {
  const server = await serve({})
  server.close()
  const options = {
    ...usual,
    urlPrefix: server.url,
    clock: new SimulatedClock(0),
    filterVerb: 'f',
    prioritizeVerb: 's',
  }
  using extender = new Extender(options)
  await assert.rejects(filterByExtenders([extender], pod, fitting, refuseIgnored), /^Error: Post ".*\/f": .*refused/)
  const told: unknown[] = []
  const scores = await scoreByExtenders([extender], pod, cluster.nodes, (_, error) => told.push(error))
  assert.deepEqual([[...scores], told.length], [[0, 0, 0], 1])
})

test('victims that are not there, or none, are an error', async () => {
  const candidates = [victimOn('a')]
  const options = { preemptVerb: 'preempt' }
  const answerWith = (Pods: unknown) => ({ '/scheduler/preempt': { NodeNameToMetaVictims: { a: { Pods } } } })
  await withExtender(answerWith([{ UID: 'stranger' }]), options, (extender) =>
    assert.rejects(
      preemptByExtenders([extender], pod, candidates, viewOf, refuseIgnored),
      /claims to preempt pod \(UID: stranger\) on node: a/,
    ),
  )
  await withExtender(answerWith([]), options, (extender) =>
    assert.rejects(
      preemptByExtenders([extender], pod, candidates, viewOf, refuseIgnored),
      /expected at least one victim pod on node "a"/,
    ),
  )
  await withExtender(answerWith([]), { ...options, ignorable: true }, async (extender) => {
    assert.deepEqual(await preemptByExtenders([extender], pod, candidates, viewOf, refuseIgnored), [])
  })
})

test('an extender is interested in pods that want what it manages', () => {
  const managing = (names: readonly string[]): Extender =>
    new Extender({
      ...usual,
      urlPrefix: 'http://a',
      clock: new SimulatedClock(0),
      managedResources: names.map((name) => ({ name })),
    })
  assert.deepEqual(
    [[], ['example.com/gpu'], ['example.com/fpga']].map((names) => managing(names).isInterested(pod)),
    [true, true, false],
  )
})
