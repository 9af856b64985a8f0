import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { SimulatedClock } from './clock.ts'
import { boundedStderrSink, createLogger, fileSink, LogRing, ofComponent, silentLogger } from './log.ts'
import type { LogEntry, LogLevel } from './log.ts'
import { startTrace } from './trace.ts'

const start = Date.UTC(2026, 0, 2, 15, 4, 5, 678)

function setUp(options: { level?: LogLevel; format?: 'text' | 'json' } = {}) {
  const clock = new SimulatedClock(start)
  const ring = new LogRing()
  const log = createLogger({ clock, sinks: [ring], ...options })
  return { clock, ring, log, lines: () => ring.read().map(({ line }) => line) }
}

describe('lines', () => {
  test('text as Kubernetes components write it', () => {
    const { log, lines } = setUp({ level: 'debug' })
    log.info('Started')
    const scheduler = log.child('scheduler', { profile: 'default' })
    scheduler.warn('Cannot place "pod"\nnow', {
      pod: 'default/web',
      tries: 3,
      ok: false,
      big: 12n,
      missing: undefined,
      none: null,
      list: ['a', 1],
    })
    scheduler.child('queue').error('Failed', { error: new Error('no "x"') })
    log.debug('Seen')
    assert.deepEqual(lines(), [
      'I0102 15:04:05.678000 k8ts] "Started"',
      'W0102 15:04:05.678000 scheduler] "Cannot place \\"pod\\"\\nnow" profile="default" pod="default/web" tries=3 ok=false big=12 none=null list=["a",1]',
      'E0102 15:04:05.678000 scheduler/queue] "Failed" profile="default" error="no \\"x\\""',
      'D0102 15:04:05.678000 k8ts] "Seen"',
    ])
  })

  test('JSON', () => {
    const { log, lines } = setUp({ format: 'json' })
    log.child('proxy').info('Wrote rules', { count: 2n, msg: 'own', error: new Error('x'), nested: { a: [1] } })
    assert.deepEqual(
      lines().map((line) => JSON.parse(line) as unknown),
      [
        {
          ts: start,
          level: 'info',
          logger: 'proxy',
          msg: 'Wrote rules',
          count: '2',
          field_msg: 'own',
          error: 'x',
          nested: { a: [1] },
        },
      ],
    )
  })

  for (const format of ['text', 'json'] as const) {
    test(`values that cannot be shown do no harm (${format})`, () => {
      const { log, lines } = setUp({ format })
      const loop: Record<string, unknown> = {}
      loop['self'] = loop
      log.info('Loop', { loop })
      log.info('Long', { object: { text: 'x'.repeat(100_000) } })
      log.info('Text', { text: 'x'.repeat(20_000) })
      assert.equal(lines().length, 3)
      assert.ok(lines().every((line) => line.length < 40_000 && !line.includes('\n')))
      assert.match(lines()[0]!, /not shown: too large, or not JSON/)
    })
  }

  test('a bug is shown with its place', () => {
    const { log, lines } = setUp()
    log.error('Bug', { error: new TypeError('oops') })
    assert.match(lines()[0]!, /TypeError: oops\\n {4}at .*log\.test\.ts/)
  })

  test('levels', () => {
    const { log, lines } = setUp({ level: 'warn' })
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level](level)
    assert.equal(lines().length, 2)
    assert.deepEqual(
      (['debug', 'info', 'warn', 'error'] as const).map((level) => log.enabled(level)),
      [false, false, true, true],
    )
    assert.equal(silentLogger.child('x').enabled('error'), false)
  })
})

describe('the ring', () => {
  const entry = (time: number, name = ''): LogEntry => ({ time, level: 'info', name, message: '', fields: {} })

  test('keeps the newest lines within its limit', () => {
    const ring = new LogRing({ limit: 100 })
    for (let i = 0; i < 5_000; i++) ring.write(String(i).padStart(9, '0'), entry(i))
    const kept = ring.read()
    assert.deepEqual([kept.length, kept[0]!.time, kept.at(-1)!.time], [10, 4_990, 4_999])
    assert.deepEqual(
      ring.read({ tail: 2 }).map(({ time }) => time),
      [4_998, 4_999],
    )
    assert.deepEqual(
      ring.read({ since: 4_998 }).map(({ time }) => time),
      [4_998, 4_999],
    )
    assert.deepEqual(ring.read({ tail: 0 }), [])
  })

  test('one line beyond the limit is still kept', () => {
    const ring = new LogRing({ limit: 10 })
    ring.write('x'.repeat(50), entry(1))
    assert.equal(ring.read().length, 1)
  })

  test('keeps one component and its parts, and is followed', () => {
    const ring = new LogRing({ accept: ofComponent('dns') })
    const followed: string[] = []
    const following = ring.follow(({ line }) => followed.push(line))
    for (const name of ['dns', 'dns/forward', 'dnsx', '']) ring.write(name, entry(0, name))
    following[Symbol.dispose]()
    ring.write('late', entry(0, 'dns'))
    assert.deepEqual(followed, ['dns', 'dns/forward'])
    assert.deepEqual(
      ring.read().map(({ line }) => line),
      ['dns', 'dns/forward', 'late'],
    )
  })
})

describe('the file', () => {
  test('starts anew when it is full and keeps some older ones', (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'log-'))
    context.after(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'k8ts.log')
    const clock = new SimulatedClock(start)
    {
      using sink = fileSink({ path, largest: 200, keep: 2 })
      const log = createLogger({ clock, sinks: [sink] })
      for (let i = 0; i < 20; i++) log.warn(`line ${i}`)
    }
    assert.match(readFileSync(path, 'utf8'), /line 19"\n$/)
    assert.match(readFileSync(`${path}.1`, 'utf8'), /line 14"\n$/)
    assert.match(readFileSync(`${path}.2`, 'utf8'), /line 9"\n$/)
    assert.equal(existsSync(`${path}.3`), false)
    {
      using sink = fileSink({ path, largest: 10_000 })
      createLogger({ clock, sinks: [sink] }).info('again')
    }
    assert.match(readFileSync(path, 'utf8'), /line 19"\n.*"again"\n$/)
  })

  test('the log of a process begins anew when it is long, and keeps what others append to it', (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'log-'))
    context.after(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'node.log')
    const descriptor = openSync(path, 'a')
    context.after(() => closeSync(descriptor))
    const log = createLogger({
      clock: new SimulatedClock(start),
      sinks: [boundedStderrSink({ descriptor, largest: 180 })],
    })
    for (let count = 0; count < 5; count++) log.info(`line ${count}`)
    assert.match(readFileSync(`${path}.old`, 'utf8'), /^I.*line 0"\n(.*\n)*.*line 4"\n$/)
    assert.equal(readFileSync(path, 'utf8'), '')
    writeSync(descriptor, 'from elsewhere\n')
    log.info('line 5')
    assert.match(readFileSync(path, 'utf8'), /^from elsewhere\n.*line 5"\n$/)
  })

  test('lines of one turn are written together', async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'log-'))
    context.after(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'k8ts.log')
    using sink = fileSink({ path })
    const log = createLogger({ clock: new SimulatedClock(start), sinks: [sink] })
    log.info('one')
    assert.equal(readFileSync(path, 'utf8'), '')
    await new Promise((resolve) => setImmediate(resolve))
    assert.match(readFileSync(path, 'utf8'), /"one"\n$/)
    log.info('two')
    log.error('three')
    assert.match(readFileSync(path, 'utf8'), /"two"\n.*"three"\n$/)
  })
})

test('a trace is logged only when it took long', async () => {
  const { clock, log, lines } = setUp()
  const trace = startTrace('List pods', clock, { namespace: 'default' })
  await clock.advance(100)
  trace.step('Read the store', { items: 3 })
  assert.equal(trace.logIfLonger(200, log), false)
  await clock.advance(150)
  trace.step('Wrote the reply')
  assert.equal(trace.logIfLonger(200, log), true)
  assert.deepEqual(lines(), [
    'W0102 15:04:05.928000 k8ts] "Slow operation" operation="List pods" ms=250 namespace="default" steps=[{"what":"Read the store","took":100,"fields":{"items":3}},{"what":"Wrote the reply","took":150}]',
  ])
})
