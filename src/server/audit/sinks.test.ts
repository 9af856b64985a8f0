import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { logSink } from './logSink.ts'
import { webhookSink } from './webhookSink.ts'

test('events of one turn are written together, what is left at the end', async () => {
  const written: string[] = []
  const sink = logSink({ write: (text) => written.push(text) }, () => assert.fail('nothing is wrong'))
  assert.deepEqual(
    ['a', 'b'].map((line) => sink.write(line)),
    [true, true],
  )
  await turn()
  sink.write('c')
  sink[Symbol.dispose]()
  assert.deepEqual(written, ['a\nb\n', 'c\n'])
})

test('while a file cannot be written events are refused, each is tried, and the trouble is told once', async () => {
  let isFull = true
  const written: string[] = []
  const problems: string[] = []
  const file = {
    write(text: string) {
      if (isFull) throw new Error('no space left')
      written.push(text)
    },
  }
  const sink = logSink(file, (problem) => problems.push(problem))
  assert.equal(sink.write('a'), true)
  await turn()
  assert.deepEqual([sink.write('b'), sink.write('c')], [false, false])
  isFull = false
  assert.deepEqual([sink.write('d'), sink.write('e')], [true, true])
  sink[Symbol.dispose]()
  assert.deepEqual(written, ['d\n', 'e\n'])
  assert.deepEqual(problems, ['cannot write 1 audit events: no space left'])
})

/** A sink whose server fails so many times. */
function webhook(failures: number) {
  const clock = new SimulatedClock(0)
  const posted: { readonly at: number; readonly items: readonly unknown[] }[] = []
  const problems: string[] = []
  const stop = new AbortController()
  const sink = webhookSink({
    clock,
    post: async (body) => {
      await Promise.resolve()
      if (failures-- > 0) throw new Error('refused')
      const { kind, apiVersion, items } = JSON.parse(body) as Record<string, unknown>
      assert.deepEqual([kind, apiVersion], ['EventList', 'audit.k8s.io/v1'])
      posted.push({ at: clock.now(), items: items as unknown[] })
    },
    report: (problem) => problems.push(problem),
    mostWaiting: 5,
    batchSize: 3,
    batchWait: 30_000,
    firstPause: 10_000,
  })
  const running = sink.run(stop.signal)
  return { clock, posted, problems, sink, end: () => (stop.abort(), running) }
}

test('events are sent when there are enough, or when it was waited long enough', async () => {
  const { clock, posted, sink, end } = webhook(0)
  sink.write('1')
  await clock.advance('20s')
  sink.write('2')
  await clock.advance('10s')
  for (const line of ['3', '4', '5', '6']) sink.write(line)
  await clock.advance(0)
  assert.deepEqual(posted, [
    { at: 30_000, items: [1, 2] },
    { at: 30_000, items: [3, 4, 5] },
  ])
  await end()
  assert.deepEqual(posted.at(-1), { at: 30_000, items: [6] })
})

test('a request that failed is made again, later with each time, and given up in the end', async () => {
  const { clock, posted, problems, sink, end } = webhook(2)
  for (const line of ['1', '2', '3']) sink.write(line)
  await clock.advance('25s')
  assert.deepEqual(posted, [{ at: 25_000, items: [1, 2, 3] }])
  await end()
  const lost = webhook(100)
  for (const line of ['1', '2', '3']) lost.sink.write(line)
  await lost.clock.advance('100s')
  assert.deepEqual(lost.problems, ['lost 3 audit events: refused'])
  assert.deepEqual([posted.length, problems], [1, []])
  await lost.end()
})

test('more events than may wait are not taken', async () => {
  const { sink, end } = webhook(100)
  const taken = ['1', '2', '3', '4', '5', '6'].map((line) => sink.write(line))
  assert.deepEqual(taken, [true, true, true, true, true, false])
  await end()
})
