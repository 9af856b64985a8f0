import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { SimulatedClock } from '#lib/clock.ts'
import { openSqliteStore } from './sqlite.ts'
import { RevisionCompacted, StoreError, type Store } from './store.ts'
import { describeStore } from './storeContract.ts'
import { put } from './storeModel.ts'

const directories: string[] = []
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true })
})

function emptyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'k8ts-store-'))
  directories.push(directory)
  return directory
}

async function keysOf(store: Store): Promise<string[]> {
  return (await store.list('')).items.map((item) => `${item.key}=${item.value.toString()}`)
}

describeStore('sqlite', (options) => openSqliteStore({ directory: emptyDirectory(), ...options }), { seeds: 2 })

describe('a store in a directory', () => {
  test('is found again as it was left, history and leases included', async () => {
    const directory = emptyDirectory()
    const clock = new SimulatedClock()
    {
      await using store = await openSqliteStore({ directory, clock })
      await store.commit('/a', 0, put('one'))
      await store.commit('/a', 2, put('two'))
      const lease = await store.grantLease(60)
      await store.commit('/b', 0, { value: Buffer.from('leased'), lease })
      await store.commit('/a', 3, 'delete')
      await store.commit('/c', 0, put('three'))
    }
    {
      await using store = await openSqliteStore({ directory, clock })
      assert.equal(await store.revision(), 6)
      assert.deepEqual(await keysOf(store), ['/b=leased', '/c=three'])
      const { kv } = await store.get('/a', { at: 4 })
      assert.deepEqual([kv!.value.toString(), kv!.created, kv!.modified], ['two', 2, 3])
      const watch = store.watch('/', 1, new AbortController().signal)
      const { value: batch } = await watch.next()
      assert.deepEqual(
        batch!.events.map((event) => `${event.revision} ${event.type} ${event.key}`),
        ['2 put /a', '3 put /a', '4 put /b', '5 delete /a', '6 put /c'],
      )
      await clock.advance('61s')
      const { value: ended } = await watch.next()
      assert.deepEqual(ended!.events, [{ type: 'delete', key: '/b', revision: 7 }])
    }
  })

  test('stays compacted, and counts on from where it was', async () => {
    const directory = emptyDirectory()
    {
      await using store = await openSqliteStore({ directory })
      await store.commit('/a', 0, put('one'))
      await store.commit('/b', 0, put('two'))
      await store.commit('/b', 3, put('three'))
      await store.commit('/a', 2, 'delete')
      await store.compact(5)
      await store.commit('/c', 0, put('four'))
      await store.commit('/c', 6, 'delete')
      await store.compact(7)
      await store.commit('/d', 0, put('five'))
    }
    {
      await using store = await openSqliteStore({ directory })
      assert.equal(await store.revision(), 8)
      assert.deepEqual(await keysOf(store), ['/b=three', '/d=five'])
      await assert.rejects(store.get('/a', { at: 2 }), RevisionCompacted)
      assert.equal((await store.commit('/b', 4, put('six'))).revision, 9)
    }
  })

  test('clears away what an interrupted compaction left', async () => {
    const directory = emptyDirectory()
    {
      await using store = await openSqliteStore({ directory })
      for (let revision = 1; revision <= 5; revision++) {
        await store.commit('/a', revision === 1 ? 0 : revision, put(`${revision}`))
      }
      await store.commit('/a', 6, 'delete')
      await store.commit('/b', 0, put('b'))
    }
    const database = new DatabaseSync(join(directory, 'store.db'))
    database.exec(
      'update state set compacted = 7; delete from change where revision < 7; delete from value where revision < 5',
    )
    database.close()
    {
      await using store = await openSqliteStore({ directory })
      assert.deepEqual([await store.revision(), await keysOf(store)], [8, ['/b=b']])
      await store.commit('/c', 0, put('c'))
      await store.commit('/d', 0, put('d'))
    }
    const left = new DatabaseSync(join(directory, 'store.db'), { readOnly: true })
    const revisions = left
      .prepare('select revision from change order by revision')
      .all()
      .map((row) => row['revision'])
    left.close()
    assert.deepEqual(revisions, [8, 9, 10])
  })

  test('shows nothing before it is on the disk', async () => {
    await using store = await openSqliteStore({ directory: emptyDirectory() })
    const watch = store.watch('/', 1, new AbortController().signal)
    const commit = store.commit('/a', 0, put('x'))
    assert.deepEqual([await store.get('/a'), (await store.list('/')).items], [{ revision: 1 }, []])
    await commit
    assert.equal((await store.get('/a')).kv!.value.toString(), 'x')
    assert.equal((await watch.next()).value!.revision, 2)
  })

  test('gives the space of compacted history to later writes', async () => {
    const directory = emptyDirectory()
    await using store = await openSqliteStore({ directory, history: { bytes: 1_000_000 } })
    const value = Buffer.alloc(10_000, 'x')
    const expected = Array.from({ length: 20 }, () => 0)
    for (let round = 0; round < 40; round++) {
      await Promise.all(
        expected.map(async (revision, key) => {
          expected[key] = (await store.commit(`/${key}`, revision, { value })).revision
        }),
      )
    }
    await store[Symbol.asyncDispose]()
    assert.ok(statSync(join(directory, 'store.db')).size < 4_000_000)
  })
})

describe('a store that cannot go on', () => {
  test('is refused while another has it open, and free afterwards', async () => {
    const directory = emptyDirectory()
    const first = await openSqliteStore({ directory })
    await assert.rejects(openSqliteStore({ directory }), {
      reason: 'locked',
      message: `Cannot open the store in "${directory}": another process has it open`,
    })
    await first.commit('/a', 0, put('x'))
    await first[Symbol.asyncDispose]()
    await using second = await openSqliteStore({ directory })
    assert.deepEqual(await keysOf(second), ['/a=x'])
  })

  test('says when it is full, keeps what it has, and goes on once there is space', async () => {
    await using store = await openSqliteStore({ directory: emptyDirectory(), maximumBytes: 1_000_000 })
    const value = Buffer.alloc(50_000, 'x')
    let written = 0
    await assert.rejects(
      async () => {
        for (; written < 100; written++) await store.commit(`/${written}`, 0, { value })
      },
      { reason: 'full', message: 'Cannot write to the store: no space left (database or disk is full)' },
    )
    assert.ok(written > 10 && written < 25)
    assert.deepEqual([await store.revision(), (await store.list('/')).items.length], [1 + written, written])
    assert.equal((await store.get(`/${written}`)).kv, undefined)
    const freed = await store.commit('/0', 2, 'delete')
    assert.ok(freed.ok)
    await store.compact(freed.revision)
    // Removing the old records goes on beside the commits, so the first attempts may still find no space.
    for (let attempt = 0; ; attempt++) {
      try {
        assert.ok((await store.commit('/again', 0, { value })).ok)
        break
      } catch (error) {
        assert.ok(error instanceof StoreError && error.reason === 'full' && attempt < 100)
      }
    }
  })

  test('is refused when the files are not a store', async () => {
    const foreign = emptyDirectory()
    const database = new DatabaseSync(join(foreign, 'store.db'))
    database.exec('create table other (x)')
    database.close()
    await assert.rejects(openSqliteStore({ directory: foreign }), /store\.db": it is another kind of database$/)

    const garbage = emptyDirectory()
    writeFileSync(join(garbage, 'store.db'), 'this is not a database at all, but it is long enough '.repeat(100))
    await assert.rejects(openSqliteStore({ directory: garbage }), {
      reason: 'failed',
      message: `Cannot open the store "${join(garbage, 'store.db')}": file is not a database`,
    })

    const later = emptyDirectory()
    await (await openSqliteStore({ directory: later }))[Symbol.asyncDispose]()
    const changed = new DatabaseSync(join(later, 'store.db'))
    changed.exec('pragma user_version = 2')
    changed.close()
    await assert.rejects(openSqliteStore({ directory: later }), /it has format 2, this program knows 1$/)

    const file = join(emptyDirectory(), 'file')
    writeFileSync(file, '')
    await assert.rejects(openSqliteStore({ directory: file }), { reason: 'failed' })
  })

  test('is refused when records are missing', async () => {
    const directory = emptyDirectory()
    {
      await using store = await openSqliteStore({ directory })
      for (const key of ['/a', '/b', '/c']) await store.commit(key, 0, put('x'))
    }
    const database = new DatabaseSync(join(directory, 'store.db'))
    database.exec('delete from change where revision = 3')
    database.close()
    await assert.rejects(openSqliteStore({ directory }), {
      reason: 'failed',
      message: 'Cannot open the store: revision 3 is missing',
    })
  })

  test('says that its worker is missing or has failed', async () => {
    const missing = pathToFileURL('/nowhere/sqliteWorker.js')
    await assert.rejects(openSqliteStore({ directory: emptyDirectory(), worker: missing }), {
      reason: 'failed',
      message: /^The thread that writes the store failed: Cannot find module/,
    })
    const program = `
      import { parentPort } from 'node:worker_threads'
      parentPort.on('message', () => { throw new Error('power cut') })
      parentPort.postMessage({ is: 'ready' })`
    const failing = new URL(`data:text/javascript,${encodeURIComponent(program)}`)
    const store = await openSqliteStore({ directory: emptyDirectory(), worker: failing })
    const failure = { reason: 'failed', message: 'The thread that writes the store failed: power cut' }
    await assert.rejects(store.commit('/a', 0, put('x')), failure)
    await assert.rejects(store.commit('/b', 0, put('x')), failure)
    assert.deepEqual(await store.get('/a'), { revision: 1 })
    await store[Symbol.asyncDispose]()
  })
})

test('works from a bundle with the worker beside it', async () => {
  const directory = emptyDirectory()
  const outdir = join(directory, 'bundle')
  const entryPoints = ['sqlite', 'sqliteWorker'].map((name) => join(import.meta.dirname, `${name}.ts`))
  await build({ entryPoints, outdir, bundle: true, platform: 'node', format: 'esm', logLevel: 'silent' })
  writeFileSync(join(outdir, 'package.json'), '{"type":"module"}')
  const bundle = (await import(pathToFileURL(join(outdir, 'sqlite.js')).href)) as {
    openSqliteStore: typeof openSqliteStore
  }
  await using store = await bundle.openSqliteStore({ directory: join(directory, 'data') })
  await store.commit('/a', 0, put('x'))
  assert.deepEqual(await keysOf(store), ['/a=x'])
})
