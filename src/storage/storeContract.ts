import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { randomInteger, seededRandom } from '#lib/random.ts'
import type { HistoryBudget } from './history.ts'
import { RevisionCompacted, StoreError, firstRevision, maximumKeyLength, maximumValueBytes } from './store.ts'
import type { KeyValue, Revision, Store, StoreErrorReason, StoreWatch } from './store.ts'
import { compareWithModel, put, readUntil, textOf, textOfEvent, textOfResult } from './storeModel.ts'

export interface ContractOptions {
  readonly clock: SimulatedClock
  readonly history?: Partial<HistoryBudget>
}

/**
 * What every engine must do, whatever it is made of. `open` gives an empty store; the suite closes it. `seeds` is the
 * number of random histories.
 */
export function describeStore(
  engine: string,
  open: (options: ContractOptions) => Promise<Store>,
  { seeds = 10 }: { readonly seeds?: number } = {},
): void {
  /** A test that gets a store of its own, and a signal that ends its watches. */
  const check = (
    name: string,
    run: (store: Store, context: { clock: SimulatedClock; signal: AbortSignal }) => Promise<void>,
    history: Partial<HistoryBudget> = {},
  ): void => {
    test(name, async () => {
      const clock = new SimulatedClock()
      const end = new AbortController()
      {
        await using store = await open({ clock, history })
        await run(store, { clock, signal: end.signal })
        end.abort()
      }
      assert.equal(clock.pending, 0, 'a closed store leaves no timer')
    })
  }

  describe(`${engine}: revisions`, { concurrency: 4 }, () => {
    check('are counted across keys, and the past stays readable until it is compacted', async (store) => {
      assert.equal(await store.revision(), firstRevision)
      const outcomes = [
        await store.commit('/a', 0, put('x')),
        await store.commit('/b', 0, put('x')),
        await store.commit('/a', 2, put('y')),
        await store.commit('/a', 2, put('z')),
        await store.commit('/a', 4, 'delete'),
        await store.commit('/a', 0, put('w')),
      ]
      assert.deepEqual(outcomes.map(textOfResult), [
        'ok 2 /a=x 2/2',
        'ok 3 /b=x 3/3',
        'ok 4 /a=y 2/4',
        'conflict at 4 with /a=y 2/4',
        'ok 5',
        'ok 6 /a=w 6/6',
      ])
      const past: string[] = []
      for (let at = firstRevision; at <= 6; at++) past.push(textOf((await store.get('/a', { at })).kv))
      assert.deepEqual(past, ['-', '/a=x 2/2', '/a=x 2/2', '/a=y 2/4', '-', '/a=w 6/6'])
      await store.compact(5)
      await assert.rejects(store.get('/a', { at: 4 }), new RevisionCompacted(4, 5))
      assert.equal(textOf((await store.get('/b', { at: 5 })).kv), '/b=x 3/3')
    })

    check('a revision that is not reached cannot be read', async (store) => {
      await assert.rejects(store.get('/a', { at: 2 }), withReason('future'))
      await assert.rejects(store.list('/', { at: 9 }), withReason('future'))
      await assert.rejects(store.compact(2), withReason('future'))
    })
  })

  describe(`${engine}: commits`, { concurrency: 4 }, () => {
    check('a conflict says what is there', async (store) => {
      assert.equal(textOfResult(await store.commit('/a', 7, put('x'))), 'conflict at 1 with -')
      await store.commit('/a', 0, put('x'))
      assert.equal(textOfResult(await store.commit('/a', 0, put('y'))), 'conflict at 2 with /a=x 2/2')
      assert.equal(textOfResult(await store.commit('/a', 1, 'delete')), 'conflict at 2 with /a=x 2/2')
      assert.equal(await store.revision(), 2)
      assert.ok(store.newest === undefined || store.newest === 2)
    })

    check('of writers that expect the same revision exactly one succeeds', async (store) => {
      let expected = 0
      for (let round = 0; round < 20; round++) {
        const results = await Promise.all(
          Array.from({ length: 8 }, (_, writer) => store.commit('/a', expected, put(`${round} ${writer}`))),
        )
        const winners = results.filter((result) => result.ok)
        assert.equal(winners.length, 1)
        const winner = textOf(winners[0]!.kv)
        for (const result of results) if (!result.ok) assert.equal(textOf(result.current), winner)
        expected = winners[0]!.revision
      }
      assert.equal(await store.revision(), firstRevision + 20)
    })

    check('counters kept by many writers lose nothing', async (store) => {
      const increment = async (): Promise<void> => {
        let known = (await store.get('/counter')).kv
        for (;;) {
          const next = put(String(Number(known?.value.toString() ?? 0) + 1))
          const result = await store.commit('/counter', known?.modified ?? 0, next)
          if (result.ok) return
          known = result.current
        }
      }
      await Promise.all(Array.from({ length: 30 }, increment))
      assert.equal((await store.get('/counter')).kv!.value.toString(), '30')
      assert.equal(await store.revision(), firstRevision + 30)
    })

    check('values of every size come back as they were', async (store) => {
      const random = seededRandom(1)
      for (const size of [0, 1, 100, 4_050, 4_096, 100_000, 3_000_000]) {
        const value = Buffer.from(Array.from({ length: Math.min(size, 1000) }, () => randomInteger(random, 256)))
        const whole = Buffer.alloc(size, value)
        await store.commit(`/${size}`, 0, { value: whole })
        assert.ok((await store.get(`/${size}`)).kv!.value.equals(whole), `${size} bytes`)
      }
    })

    check('are refused when they can never be right', async (store) => {
      const rows: [string, Revision, Parameters<Store['commit']>[2], RegExp][] = [
        ['', 0, put('x'), /Cannot write a key of 0 characters/],
        ['k'.repeat(maximumKeyLength + 1), 0, put('x'), /Cannot write a key of 2049 characters/],
        ['/a', 0, { value: Buffer.alloc(maximumValueBytes + 1) }, /Cannot write "\/a": its 8388609 bytes are more/],
        ['/a', 0, 'delete', /Cannot delete "\/a" on condition that it does not exist/],
        ['/a', 0, { value: Buffer.from('x'), lease: 'none' }, /Cannot write "\/a" under lease "none": it has ended/],
      ]
      for (const [key, expected, write, message] of rows) {
        await assert.rejects(store.commit(key, expected, write), message)
      }
      assert.equal(await store.revision(), firstRevision)
    })
  })

  describe(`${engine}: lists`, { concurrency: 4 }, () => {
    check('hold the keys of a prefix in order', async (store) => {
      for (const key of ['/pods/b', '/pods/a', '/podsets/a', '/nodes/a', '/pods/c'])
        await store.commit(key, 0, put(key))
      const list = await store.list('/pods/')
      assert.deepEqual(
        [list.items.map(textOf), list.more, list.remaining, list.revision],
        [['/pods/a=/pods/a 3/3', '/pods/b=/pods/b 2/2', '/pods/c=/pods/c 6/6'], false, 0, 6],
      )
      assert.deepEqual(keysOf((await store.list('')).items), [
        '/nodes/a',
        '/pods/a',
        '/pods/b',
        '/pods/c',
        '/podsets/a',
      ])
      assert.deepEqual((await store.list('/services/')).items, [])
    })

    check('are paged in one state, whatever is written meanwhile', async (store) => {
      for (let index = 0; index < 25; index++) await store.commit(key2(index), 0, put(`${index}`))
      const pages: string[] = []
      const seen: string[] = []
      let after: string | undefined
      let at: Revision | undefined
      for (;;) {
        const page = await store.list('/', {
          limit: 10,
          ...(after !== undefined && { after }),
          ...(at !== undefined && { at }),
        })
        pages.push(`${page.items.length} more ${page.more} remaining ${page.remaining} at ${page.revision}`)
        seen.push(...keysOf(page.items))
        if (!page.more) break
        after = page.items.at(-1)!.key
        at = page.revision
        const victim = (await store.get(key2(12 + pages.length))).kv!
        await store.commit(victim.key, victim.modified, 'delete')
        await store.commit(`${after}-between`, 0, put('new'))
      }
      assert.deepEqual(pages, [
        '10 more true remaining 15 at 26',
        '10 more true remaining 5 at 26',
        '5 more false remaining 0 at 26',
      ])
      assert.deepEqual(
        seen,
        Array.from({ length: 25 }, (_, index) => key2(index)),
      )
      assert.equal((await store.list('/')).items.length, 25)
    })

    check('can begin behind a key that is gone', async (store) => {
      for (const key of ['/a', '/b', '/c']) await store.commit(key, 0, put('x'))
      await store.commit('/b', 3, 'delete')
      assert.deepEqual(keysOf((await store.list('/', { after: '/b' })).items), ['/c'])
      assert.deepEqual(keysOf((await store.list('/', { after: '/zzz' })).items), [])
    })

    check('stop when their reader does', async (store) => {
      await assert.rejects(store.list('/', { signal: AbortSignal.abort(new Error('gone')) }), /gone/)
      await assert.rejects(store.get('/', { signal: AbortSignal.abort(new Error('gone')) }), /gone/)
      await assert.rejects(store.revision(AbortSignal.abort(new Error('gone'))), /gone/)
    })

    check('are whole although history is compacted while they are read', async (store) => {
      const keys = Array.from({ length: 1_000 }, (_, index) => `/${index}`)
      await Promise.all(keys.map((key) => store.commit(key, 0, put('first'))))
      const reading = store.list('/')
      await Promise.all(keys.map(async (key) => store.commit(key, (await store.get(key)).kv!.modified, put('second'))))
      await store.compact(await store.revision())
      const list = await reading
      assert.deepEqual(new Set(list.items.map((item) => item.value.toString())), new Set(['first']))
      assert.deepEqual([list.items.length, list.revision], [1_000, firstRevision + 1_000])
    })
  })

  describe(`${engine}: watches`, { concurrency: 4 }, () => {
    check('deliver what is committed after now, under their prefix', async (store, { signal }) => {
      await store.commit('/a/1', 0, put('x'))
      const watch = store.watch('/a/', await store.revision(), signal)
      await store.commit('/a/2', 0, put('y'))
      await store.commit('/b/1', 0, put('z'))
      await store.commit('/a/1', 2, 'delete')
      assert.deepEqual(await readUntil(watch, 5), ['3 /a/2=y 3/3', '5 /a/1 deleted'])
    })

    check('deliver the past first', async (store, { signal }) => {
      await store.commit('/a', 0, put('x'))
      await store.commit('/a', 2, put('y'))
      await store.commit('/a', 3, 'delete')
      await store.commit('/a', 0, put('z'))
      assert.deepEqual(await readUntil(store.watch('/', 1, signal), 5), [
        '2 /a=x 2/2',
        '3 /a=y 2/3',
        '4 /a deleted',
        '5 /a=z 5/5',
      ])
      assert.deepEqual(await readUntil(store.watch('/', 3, signal), 5), ['4 /a deleted', '5 /a=z 5/5'])
    })

    check('the value before an event is a read away', async (store, { signal }) => {
      await store.commit('/a', 0, put('x'))
      await store.commit('/a', 2, put('y'))
      await store.compact(2)
      const { value: batch } = await store.watch('/', 2, signal).next()
      const event = batch!.events[0]!
      assert.equal(textOf((await store.get(event.key, { at: event.revision - 1 })).kv), '/a=x 2/2')
    })

    check('from a revision that is not reached begin there', async (store, { signal }) => {
      const watch = store.watch('/', 3, signal)
      for (let index = 0; index < 4; index++) await store.commit(`/${index}`, 0, put('x'))
      assert.deepEqual(await readUntil(watch, 5), ['4 /2=x 4/4', '5 /3=x 5/5'])
    })

    check('from a compacted revision reject', async (store, { signal }) => {
      for (let index = 0; index < 5; index++) await store.commit(`/${index}`, 0, put('x'))
      await store.compact(4)
      await assert.rejects(store.watch('/', 3, signal).next(), new RevisionCompacted(3, 4))
      await assert.rejects(store.watch('/', 0, signal).next(), new RevisionCompacted(0, 4))
      assert.deepEqual(await readUntil(store.watch('/', 4, signal), 6), ['5 /3=x 5/5', '6 /4=x 6/6'])
    })

    check('end quietly when they are aborted or left', async (store) => {
      const end = new AbortController()
      const idle = store.watch('/', 1, end.signal)
      const waiting = idle.next()
      end.abort()
      assert.deepEqual([await waiting, await idle.next()], [ended, ended])
      assert.deepEqual(await store.watch('/', 1, AbortSignal.abort()).next(), ended)
      await store.commit('/a', 0, put('x'))
      const left = store.watch('/', 1, new AbortController().signal)
      for await (const batch of left) if (batch.events.length > 0) break
      assert.deepEqual(await left.next(), ended)
    })

    check('cannot be read twice at once', async (store, { signal }) => {
      const watch = store.watch('/', 1, signal)
      const first = watch.next()
      await assert.rejects(watch.next(), /Cannot read a watch twice at the same time/)
      await store.commit('/a', 0, put('x'))
      assert.deepEqual((await first).value!.events.map(textOfEvent), ['2 /a=x 2/2'])
    })

    check('that are not read delay nobody, and miss nothing later', async (store, { signal }) => {
      const blocked = store.watch('/', 1, signal)
      const other = store.watch('/none/', 1, signal)
      const count = 2_500
      for (let first = 0; first < count; first += 250) {
        await Promise.all(Array.from({ length: 250 }, (_, index) => store.commit(`/${first + index}`, 0, put('x'))))
      }
      assert.equal(await store.revision(), firstRevision + count)
      const revisions = await readRevisions(blocked, firstRevision + count)
      assert.deepEqual(
        revisions,
        Array.from({ length: count }, (_, index) => firstRevision + 1 + index),
      )
      await store.commit('/last', 0, put('x'))
      assert.deepEqual(await readRevisions(blocked, firstRevision + count + 1), [firstRevision + count + 1])
      assert.deepEqual(await readRevisions(other, firstRevision + count + 1, true), [])
    })

    check('that are not read until their place is compacted say so', async (store, { signal }) => {
      const blocked = store.watch('/', 1, signal)
      for (let first = 0; first < 4_000; first += 500) {
        await Promise.all(Array.from({ length: 500 }, (_, index) => store.commit(`/${first + index}`, 0, put('x'))))
      }
      await store.compact(await store.revision())
      await assert.rejects(readRevisions(blocked, 4_001), withReason('compacted'))
    })

    check('tell of progress when asked, and from time to time', async (store, { clock, signal }) => {
      const watch = store.watch('/a/', await store.revision(), signal)
      watch.requestProgress()
      assert.deepEqual(await watch.next(), { done: false, value: { revision: 1, events: [] } })
      const waiting = watch.next()
      await store.commit('/b/1', 0, put('x'))
      await store.commit('/b/2', 0, put('x'))
      watch.requestProgress()
      assert.deepEqual(await waiting, { done: false, value: { revision: 3, events: [] } })
      const idle = watch.next()
      await store.commit('/b/3', 0, put('x'))
      await clock.advance('10s')
      assert.deepEqual(await idle, { done: false, value: { revision: 4, events: [] } })
    })

    check('see every revision once and in order, wherever they began', async (store, { signal }) => {
      const random = seededRandom(11)
      const known = new Map<string, Revision>()
      const readers: Promise<[Revision, Revision[]]>[] = []
      const total = 600
      const writer = async (name: number): Promise<void> => {
        for (let step = 0; step < total / 6; step++) {
          const key = `/${name}/${randomInteger(random, 5)}`
          const expected = known.get(key) ?? 0
          const remove = expected !== 0 && randomInteger(random, 3) === 0
          const result = await store.commit(key, expected, remove ? 'delete' : put(`${step}`))
          assert.ok(result.ok)
          known.set(key, remove ? 0 : result.revision)
          if (randomInteger(random, 30) === 0) {
            const from = firstRevision + randomInteger(random, result.revision)
            readers.push(
              readRevisions(store.watch('/', from, signal), firstRevision + total).then((all) => [from, all]),
            )
          }
        }
      }
      await Promise.all(Array.from({ length: 6 }, (_, name) => writer(name)))
      assert.ok(readers.length > 5)
      for (const [from, revisions] of await Promise.all(readers)) {
        assert.deepEqual(
          revisions,
          Array.from({ length: firstRevision + total - from }, (_, index) => from + 1 + index),
        )
      }
    })
  })

  describe(`${engine}: leases`, { concurrency: 4 }, () => {
    check('delete their keys when they end', async (store, { clock, signal }) => {
      const lease = await store.grantLease(60)
      await store.commit('/a', 0, { value: Buffer.from('x'), lease })
      await store.commit('/b', 0, { value: Buffer.from('x'), lease })
      await store.commit('/c', 0, put('x'))
      assert.equal((await store.get('/a')).kv!.lease, lease)
      const watch = store.watch('/', await store.revision(), signal)
      await clock.advance('61s')
      assert.deepEqual(await readUntil(watch, 6), ['5 /a deleted', '6 /b deleted'])
      assert.deepEqual(keysOf((await store.list('/')).items), ['/c'])
      assert.equal((await store.get('/a', { at: 4 })).kv!.lease, lease)
      await assert.rejects(store.commit('/d', 0, { value: Buffer.from('x'), lease }), withReason('leaseNotFound'))
    })

    check('let go of keys that were written again', async (store, { clock, signal }) => {
      const short = await store.grantLease(60)
      const long = await store.grantLease(600)
      for (const key of ['/a', '/b', '/c']) await store.commit(key, 0, { value: Buffer.from('x'), lease: short })
      await store.commit('/a', 2, put('kept'))
      await store.commit('/b', 3, { value: Buffer.from('longer'), lease: long })
      const watch = store.watch('/', await store.revision(), signal)
      await clock.advance('5m')
      assert.deepEqual(await readUntil(watch, 7), ['7 /c deleted'])
      await clock.advance('6m')
      assert.deepEqual(await readUntil(watch, 8), ['8 /b deleted'])
      assert.deepEqual(keysOf((await store.list('/')).items), ['/a'])
    })

    check('of no length are refused', async (store) => {
      for (const seconds of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        await assert.rejects(store.grantLease(seconds), /Cannot grant a lease of/)
      }
    })
  })

  describe(`${engine}: history`, { concurrency: 4 }, () => {
    check(
      'is compacted to its budget as time goes by',
      async (store, { clock, signal }) => {
        await store.commit('/old', 0, put('old'))
        let expected = 0
        for (let index = 0; index < 50; index++) {
          const result = await store.commit('/a', expected, put(`${index}`))
          expected = result.revision
          await clock.advance('1s')
        }
        await assert.rejects(store.get('/a', { at: 20 }), withReason('compacted'))
        assert.equal(textOf((await store.get('/a', { at: 45 })).kv), '/a=42 3/45')
        assert.equal(textOf((await store.get('/old', { at: 45 })).kv), '/old=old 2/2')
        await assert.rejects(store.watch('/', 20, signal).next(), withReason('compacted'))
      },
      { milliseconds: 20_000 },
    )

    check('can be compacted twice, and whole', async (store) => {
      await store.commit('/a', 0, put('x'))
      await store.commit('/a', 2, 'delete')
      await store.commit('/b', 0, put('y'))
      await store.compact(4)
      await store.compact(3)
      await store.compact(4)
      assert.deepEqual(keysOf((await store.list('/', { at: 4 })).items), ['/b'])
      assert.equal(textOfResult(await store.commit('/a', 0, put('again'))), 'ok 5 /a=again 5/5')
    })

    for (let seed = 1; seed <= seeds; seed++) {
      check(`agrees with a model (seed ${seed})`, async (store, { signal }) => {
        await compareWithModel(store, seededRandom(seed), signal)
      })
    }
  })

  describe(`${engine}: closing`, { concurrency: 4 }, () => {
    check('finishes what was begun and refuses the rest', async (store, { signal }) => {
      const watch = store.watch('/', 1, signal)
      const waiting = watch.next()
      const begun = store.commit('/a', 0, put('x'))
      await store[Symbol.asyncDispose]()
      assert.equal(textOfResult(await begun), 'ok 2 /a=x 2/2')
      assert.deepEqual((await waiting).value!.events.map(textOfEvent), ['2 /a=x 2/2'])
      await assert.rejects(watch.next(), withReason('closed'))
      await assert.rejects(store.commit('/b', 0, put('x')), withReason('closed'))
      await assert.rejects(store.get('/a'), withReason('closed'))
      await assert.rejects(store.list('/'), withReason('closed'))
      await assert.rejects(store.grantLease(5), withReason('closed'))
      await assert.rejects(store.compact(1), withReason('closed'))
    })
  })
}

const ended = { done: true, value: undefined } as const
const key2 = (index: number): string => `/${String(index).padStart(2, '0')}`
const keysOf = (items: readonly KeyValue[]): string[] => items.map((item) => item.key)
function withReason(reason: StoreErrorReason): (error: unknown) => boolean {
  return (error) => error instanceof StoreError && error.reason === reason
}

async function readRevisions(watch: StoreWatch, revision: Revision, askForProgress = false): Promise<Revision[]> {
  const revisions: Revision[] = []
  for (;;) {
    if (askForProgress) watch.requestProgress()
    const { value: batch } = await watch.next()
    assert.ok(batch !== undefined)
    revisions.push(...batch.events.map((event) => event.revision))
    if (batch.revision >= revision) return revisions
  }
}
