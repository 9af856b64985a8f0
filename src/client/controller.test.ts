import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { conflict, modifiedMeanwhile } from '#machinery/status.ts'
import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import type { Change, Informer } from './informer.ts'
import {
  runController,
  type Controller,
  type Outcome,
  type Reconciliation,
  type RunControllerOptions,
} from './controller.ts'

interface Run {
  readonly clock: SimulatedClock
  readonly add: (key: string) => void
  readonly looked: Reconciliation[]
  readonly reported: string[]
}

/** Runs a controller without informers whose look at a key is given. */
async function withController(
  reconcile: (key: string, run: Run) => Promise<Outcome>,
  work: (run: Run) => Promise<void>,
  parts: Partial<Controller> = {},
  queueObserver?: RunControllerOptions['queueObserver'],
): Promise<void> {
  const clock = new SimulatedClock()
  let adding: (key: string) => void = () => {}
  const run: Run = { clock, add: (key) => adding(key), looked: [], reported: [] }
  const stop = new AbortController()
  const running = runController(
    {
      name: 'test',
      permissions: [],
      watch: (_on, add) => (adding = add),
      reconcile: (key) => reconcile(key, run),
      ...parts,
    },
    {
      clock,
      observe: (each) => run.looked.push(each),
      report: (problem) => run.reported.push(problem),
      ...(queueObserver === undefined ? {} : { queueObserver }),
    },
    stop.signal,
  )
  await clock.advance(0)
  await work(run)
  stop.abort()
  await running
  assert.equal(clock.pending, 0)
}

/** When the clock of each test begins. */
const began = new SimulatedClock().now()

const results = ({ looked }: Run): string[] => looked.map(({ key, result }) => `${key} ${result}`)

test('a key is looked at, and again when the outcome says so', async () => {
  let times = 0
  await withController(
    async () => (++times < 3 ? { after: 60_000 } : undefined),
    async (run) => {
      run.add('a')
      await run.clock.advance('10m')
      assert.deepEqual(results(run), ['a again', 'a again', 'a done'])
    },
  )
})

test('what is looked at again without a change counts as tried again, under the name of the queue', async () => {
  const retried: string[] = []
  let times = 0
  const outcomes: readonly (() => Outcome)[] = [
    () => ({ after: 1_000 }),
    () => {
      throw conflict(configMaps, 'a', modifiedMeanwhile)
    },
    () => {
      throw new Error('no')
    },
    () => undefined,
  ]
  await withController(
    async () => outcomes[times++]!(),
    async (run) => {
      run.add('a')
      await run.clock.advance('1m')
      assert.deepEqual([times, retried], [4, ['queue', 'queue', 'queue']])
    },
    { queue: 'queue' },
    (name) => ({ added() {}, taken() {}, done() {}, retried: () => retried.push(name) }),
  )
})

test('a failure is told and tried again, later each time', async () => {
  let times = 0
  await withController(
    async () => {
      if (++times < 4) throw new Error('no')
    },
    async (run) => {
      run.add('a')
      await run.clock.advance(5 + 10)
      assert.deepEqual(results(run), ['a failed', 'a failed', 'a failed'])
      await run.clock.advance(20)
      assert.deepEqual(results(run).at(-1), 'a done')
      assert.deepEqual(new Set(run.reported), new Set(['test: cannot reconcile "a"']))
    },
  )
})

test('failures are tried again as the controller asks', async () => {
  await withController(
    async () => {
      throw new Error('no')
    },
    async (run) => {
      run.add('a')
      // At once, then after 1, 2, 3 and 3 seconds.
      await run.clock.advance(9_000)
      assert.equal(run.looked.length, 5)
    },
    { backoff: { first: 1_000, most: 3_000 } },
  )
})

test('a conflict is tried again soon and told to nobody, unless it goes on', async () => {
  let times = 0
  await withController(
    async () => {
      if (++times <= 11) throw conflict(configMaps, 'a', modifiedMeanwhile)
    },
    async (run) => {
      run.add('a')
      // Ten milliseconds, then twice as long each time.
      await run.clock.advance(10 * (1 + 2 + 4 + 8) + 5)
      assert.deepEqual(
        results(run),
        Array.from({ length: 5 }, () => 'a conflict'),
      )
      assert.deepEqual(run.reported, [])
      await run.clock.advance('11s')
      assert.deepEqual(results(run).slice(9), ['a conflict', 'a failed', 'a done'])
    },
  )
})

test('a burst of changes is looked at a few times, and the last change always', async () => {
  let state = 0
  let seen = -1
  await withController(
    async () => void (seen = state),
    async (run) => {
      for (state = 0; state < 100; state++) {
        run.add('a')
        await run.clock.advance(1)
      }
      state = 100
      run.add('a')
      await run.clock.advance('1s')
      assert.equal(seen, 100)
      assert.ok(run.looked.length >= 5 && run.looked.length <= 8, `${run.looked.length} looks`)
    },
  )
})

test('a key that changes more than once in one turn is looked at once', async () => {
  await withController(
    async () => {},
    async (run) => {
      run.add('a')
      run.add('a')
      await run.clock.advance('1s')
      assert.deepEqual(results(run), ['a done'])
    },
  )
})

test('a change during a look is looked at afterwards', async () => {
  const gate = Promise.withResolvers<void>()
  let looks = 0
  await withController(
    async () => {
      if (++looks === 1) await gate.promise
    },
    async (run) => {
      run.add('a')
      await run.clock.advance(1)
      run.add('a')
      assert.equal(looks, 1)
      gate.resolve()
      await run.clock.advance('1s')
      assert.equal(looks, 2)
    },
  )
})

test('changes are gathered from the first on, beside those that wait for nothing', async () => {
  let change: (change: Change<ConfigMap>) => void = () => {}
  const informer = {
    synced: async () => {},
    onChange: (handle: typeof change) => ((change = handle), { [Symbol.dispose]() {} }),
  } as unknown as Informer<ConfigMap>
  const object = (name: string): ConfigMap => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
  const looks: string[] = []
  await withController(
    async (key, { clock }) => void looks.push(`${key} ${clock.now() - began}`),
    async ({ clock }) => {
      await clock.advance(100)
      change({ old: object('a'), new: object('a') })
      await clock.advance(900)
      change({ old: object('a'), new: object('a') })
      change({ new: object('b') })
      await clock.advance(10_000)
      assert.deepEqual(looks, ['b 1000', 'a 1100'])
      change({ old: object('a') })
      change({ old: object('b'), new: object('b') })
      await clock.advance(10_000)
      assert.deepEqual(looks.slice(2), ['a 11000', 'b 12000'])
    },
    {
      watch(on) {
        on(
          informer,
          ({ metadata }) => [metadata.name],
          (_key, { old, new: next }) => (old === undefined || next === undefined ? 0 : 1_000),
        )
      },
    },
  )
})

test('loops that are driven by time start by themselves', async () => {
  await withController(
    async () => ({ after: 20_000 }),
    async (run) => {
      await run.clock.advance('1m')
      assert.equal(run.looked.length, 4)
    },
    { initial: ['all'] },
  )
})

test('a key whose look is long is left quiet for as long as it says, and the change meanwhile is not lost', async () => {
  await withController(
    async () => ({ quiet: 1000 }),
    async (run) => {
      run.add('a')
      await run.clock.advance(1)
      for (let times = 0; times < 50; times++) {
        run.add('a')
        await run.clock.advance(10)
      }
      assert.equal(run.looked.length, 1)
      await run.clock.advance(500)
      assert.equal(run.looked.length, 2)
    },
  )
})
