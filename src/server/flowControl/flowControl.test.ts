import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { flowSchemas, type PolicyRulesWithSubjects, type Subject } from '#api/flowcontrol/v1/flowSchema.ts'
import type { PriorityLevelConfigurationSpec } from '#api/flowcontrol/v1/priorityLevelConfiguration.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import type { Kinds } from '../kind.ts'
import { FlowControlMetrics } from '../metrics/flowControlMetrics.ts'
import { parseRequestInfo } from '../requestInfo.ts'
import { DemandMeter } from './demandMeter.ts'
import { FlowControl } from './flowControl.ts'
import { dealHand } from './hand.ts'
import { isAboutCaller, isAboutRequest } from './matching.ts'
import { PriorityLevel, type Place } from './priorityLevel.ts'
import { RetryAfter } from './retryAfter.ts'
import { lendSeats, shareSeats, type Borrower } from './shares.ts'

const queuing = { queues: 1, handSize: 1, queueLengthLimit: 10 }

/** Kinds of which there are these priority levels and flow schemas, by name. */
function kindsWith(levels: object, schemas: object): Kinds {
  const entriesOf = (specs: object) => ({
    list: () => Object.entries(specs).map(([name, spec]) => ({ object: { metadata: { name }, spec } })),
  })
  const cacheOf = (specs: object) => ({ cache: { prefix: '', entries: entriesOf(specs), observe: () => {} } })
  return {
    of: ({ plural }: { readonly plural: string }) => cacheOf(plural === flowSchemas.plural ? schemas : levels),
  } as unknown as Kinds
}

describe('a rule of a flow schema is about', () => {
  const caller = { name: 'system:serviceaccount:shop:web', groups: ['system:serviceaccounts', 'system:authenticated'] }
  const account = (namespace: string, name: string): Subject => ({
    kind: 'ServiceAccount',
    serviceAccount: { namespace, name },
  })
  const subjects: readonly [string, Subject, boolean][] = [
    ['a user by name', { kind: 'User', user: { name: caller.name } }, true],
    ['another user', { kind: 'User', user: { name: 'jane' } }, false],
    ['every user', { kind: 'User', user: { name: '*' } }, true],
    ['a group', { kind: 'Group', group: { name: 'system:serviceaccounts' } }, true],
    ['another group', { kind: 'Group', group: { name: 'system:masters' } }, false],
    ['an account', account('shop', 'web'), true],
    ['an account of another namespace', account('sho', 'web'), false],
    ['all accounts of a namespace', account('shop', '*'), true],
    ['all accounts of a namespace whose name begins alike', account('sho', '*'), false],
  ]
  for (const [what, subject, expected] of subjects) {
    test(what, () => assert.equal(isAboutCaller({ subjects: [subject] }, caller), expected))
  }

  const resource = (own: object): PolicyRulesWithSubjects => ({
    subjects: [],
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], ...own }],
  })
  const paths = (...nonResourceURLs: string[]): PolicyRulesWithSubjects => ({
    subjects: [],
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs }],
  })
  const requests: readonly [string, PolicyRulesWithSubjects, string, string, boolean][] = [
    ['everything in namespaces', resource({}), 'GET', '/api/v1/namespaces/a/pods', true],
    ['the whole cluster only when it says so', resource({}), 'GET', '/api/v1/pods', false],
    ['the whole cluster', resource({ clusterScope: true, namespaces: [] }), 'GET', '/api/v1/pods', true],
    ['another namespace', resource({ namespaces: ['b'] }), 'GET', '/api/v1/namespaces/a/pods', false],
    ['another verb', resource({ verbs: ['create'] }), 'GET', '/api/v1/namespaces/a/pods', false],
    ['another group', resource({ apiGroups: ['apps'] }), 'GET', '/api/v1/namespaces/a/pods', false],
    ['a part', resource({ resources: ['pods/status'] }), 'PUT', '/api/v1/namespaces/a/pods/p/status', true],
    ['no part', resource({ resources: ['pods'] }), 'PUT', '/api/v1/namespaces/a/pods/p/status', false],
    ['a path', paths('/healthz'), 'GET', '/healthz', true],
    ['what is below a path', paths('/healthz'), 'GET', '/healthz/ping', true],
    ['what is below a path with a star', paths('/healthz/*'), 'GET', '/healthz/ping', true],
    ['a path that begins alike', paths('/healthz'), 'GET', '/healthzone', false],
  ]
  for (const [what, rule, method, path, expected] of requests) {
    test(what, () => assert.equal(isAboutRequest(rule, parseRequestInfo(method, path, false)), expected))
  }
})

describe('seats', () => {
  const limited = (nominalConcurrencyShares: number, own: object = {}): PriorityLevelConfigurationSpec => ({
    type: 'Limited',
    limited: { nominalConcurrencyShares, limitResponse: { type: 'Reject' }, ...own },
  })

  test('are shared in proportion, and some of them lent and borrowed', () => {
    const levels = new Map([
      ['a', limited(30, { lendablePercent: 50 })],
      ['b', limited(10, { borrowingLimitPercent: 100 })],
      ['exempt', { type: 'Exempt' } as const],
    ])
    assert.deepEqual(Object.fromEntries(shareSeats(levels, 100)), {
      a: { nominal: 75, least: 37, most: 175 },
      b: { nominal: 25, least: 25, most: 50 },
      exempt: { nominal: 0, least: 0, most: 100 },
    })
  })

  const level = (nominal: number, least: number, most: number, highest: number, smoothed = highest): Borrower => ({
    isExempt: false,
    seats: { nominal, least, most },
    demand: { highest, smoothed },
  })
  const rows: readonly [string, readonly Borrower[], readonly number[]][] = [
    ['go to whoever needs them', [level(50, 10, 150, 0), level(50, 10, 150, 200)], [10, 90]],
    ['stay where they are needed', [level(50, 10, 150, 50), level(50, 10, 150, 200)], [50, 50]],
    ['are not borrowed beyond a limit', [level(50, 10, 150, 0), level(50, 10, 60, 200)], [40, 60]],
    [
      'that exempt requests take are missing elsewhere',
      [{ ...level(0, 0, 0, 90), isExempt: true }, level(100, 10, 200, 100)],
      [90, 10],
    ],
    ['are without a limit where there is none', [level(Infinity, Infinity, Infinity, 7)], [Infinity]],
  ]
  for (const [what, levels, limits] of rows) test(what, () => assert.deepEqual(lendSeats(levels).limits, limits))
})

test('what a level needs is averaged over time, and forgotten slowly', () => {
  const meter = new DemandMeter(0)
  meter.set(4, 0)
  meter.set(0, 5_000)
  assert.deepEqual(meter.take(10_000), { highest: 4, smoothed: 4, average: 2, deviation: 2 })
  const { highest, smoothed } = meter.take(20_000)
  assert.deepEqual([highest, smoothed], [0, 4 * 0.977])
})

test('the hand of a flow has different queues, and is always the same', () => {
  for (const flow of ['a', 'b', 'c', 'd']) {
    const hand = dealHand('schema', flow, 64, 6)
    assert.equal(new Set(hand).size, 6)
    assert.ok(hand.every((queue) => queue >= 0 && queue < 64))
    assert.deepEqual(dealHand('schema', flow, 64, 6), hand)
  }
  assert.notDeepEqual(dealHand('schema', 'a', 64, 6), dealHand('schema', 'b', 64, 6))
  assert.deepEqual([...dealHand('schema', 'a', 3, 3)].sort(), [0, 1, 2])
})

test('whoever is refused is told to wait longer while many are, and less when few are', () => {
  const retryAfter = new RetryAfter()
  const during = (second: number, times: number): number => {
    let told = 0
    for (let time = 0; time < times; time++) told = retryAfter.refuse(second * 1_000)
    return told
  }
  assert.deepEqual(
    [during(100, 10), during(101, 10), during(102, 10), during(103, 10), during(120, 1), during(130, 1)],
    [1, 2, 2, 4, 3, 2],
  )
})

describe('a priority level', () => {
  const spec = (queues: number, queueLengthLimit: number): PriorityLevelConfigurationSpec => ({
    type: 'Limited',
    limited: { limitResponse: { type: 'Queue', queuing: { queues, handSize: 1, queueLengthLimit } } },
  })
  const info = parseRequestInfo('GET', '/api/v1/pods', false)
  const place = (user: string, queue: number, seats = 1): Place => ({
    flow: { schema: 's', distinguisher: user, hand: [queue] },
    user,
    info,
    seats,
    arrived: 0,
    started: undefined,
    queue: undefined,
    begin: undefined,
  })
  const levelOf = (own: PriorityLevelConfigurationSpec, limit: number): PriorityLevel => {
    const level = new PriorityLevel('level', own, 0)
    level.resize(limit, 0)
    return level
  }

  test('lets a quiet flow pass those that wait behind themselves', () => {
    const level = levelOf(spec(2, 50), 1)
    const order: string[] = []
    const enter = (user: string, queue: number): Place => {
      const entering = place(user, queue)
      entering.begin = () => order.push(user)
      level.enter(entering, 0)
      return entering
    }
    const first = enter('loud', 0)
    for (let time = 0; time < 4; time++) enter('loud', 0)
    enter('quiet', 1)
    let running: Place | undefined = first
    for (let now = 10; running !== undefined; now += 10) {
      level.leave(running, now)
      running = [...level.running][0]
    }
    assert.deepEqual(order, ['quiet', 'loud', 'loud', 'loud', 'loud'])
  })

  test('refuses what no longer fits into a queue, and takes others in', () => {
    const level = levelOf(spec(2, 1), 1)
    assert.equal(level.enter(place('a', 0), 0), undefined)
    assert.equal(level.enter(place('a', 0), 0), undefined)
    assert.equal(level.enter(place('a', 0), 0), 'queue-full')
    assert.equal(level.enter(place('b', 1), 0), undefined)
    assert.deepEqual([level.running.size, level.waiting, level.counts.refused], [1, 2, 1])
  })

  test('without queues refuses at once', () => {
    const level = levelOf({ type: 'Limited', limited: { limitResponse: { type: 'Reject' } } }, 1)
    assert.equal(level.enter(place('a', 0), 0), undefined)
    assert.equal(level.enter(place('a', 0), 0), 'concurrency-limit')
  })

  test('has what is wider than itself run alone', () => {
    const level = levelOf(spec(1, 10), 2)
    const narrow = place('a', 0)
    const wide = place('a', 0, 5)
    level.enter(narrow, 0)
    level.enter(wide, 0)
    assert.equal(wide.started, undefined)
    level.leave(narrow, 7)
    assert.equal(wide.started, 7)
  })

  test('lets more run when it has more seats, and keeps those who wait when it has fewer queues', () => {
    const level = levelOf(spec(4, 10), 1)
    const places = [0, 1, 2, 3].map((queue) => place('a', queue))
    for (const each of places) level.enter(each, 0)
    level.configure(spec(1, 10))
    assert.equal(level.waiting, 3)
    level.resize(4, 5)
    assert.deepEqual(
      places.map(({ started }) => started),
      [0, 5, 5, 5],
    )
  })

  test('forgets who went away', () => {
    const level = levelOf(spec(1, 10), 1)
    const [running, waiting] = [place('a', 0), place('a', 0)]
    level.enter(running, 0)
    level.enter(waiting, 0)
    level.giveUp(waiting, 'gone', 1)
    level.leave(running, 2)
    assert.deepEqual([waiting.started, level.waiting, level.running.size], [undefined, 0, 0])
  })

  test('limits nobody who is exempt', () => {
    const level = levelOf({ type: 'Exempt' }, 0)
    for (let count = 0; count < 10; count++) assert.equal(level.enter(place('a', 0), 0), undefined)
    assert.equal(level.running.size, 10)
  })
})

test('a seat is free in the turn of the event loop after that of its request', async () => {
  const level = { type: 'Limited', limited: { nominalConcurrencyShares: 1, limitResponse: { type: 'Queue', queuing } } }
  const schema = {
    priorityLevelConfiguration: { name: 'one' },
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: '*' } }],
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true }],
      },
    ],
  }
  const flow = new FlowControl({
    kinds: kindsWith({ one: level }, { all: schema }),
    clock: new SimulatedClock(),
    metrics: new FlowControlMetrics(new MetricRegistry()),
    seats: 1,
  })
  const caller = { name: 'jane', groups: [] }
  const info = parseRequestInfo('GET', '/api/v1/pods', false)
  const flows = flow.table.classify(caller, info)
  assert.equal(flows.name, 'all')
  const enter = () => flow.enter(flows, caller, info, 1, 15_000, () => new AbortController().signal)
  const first = await enter()
  assert.ok('place' in first)
  flow.leave(flows, first.place)
  const second = enter()
  assert.ok(second instanceof Promise)
  assert.ok('place' in (await second))
})
