import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { randomInteger, seededRandom } from '#lib/random.ts'
import { openSqliteStore } from '#storage/sqlite.ts'
import type { Revision, Store, StoreEvent } from '#storage/store.ts'

/** `STORE_CRASH_ROUNDS=200 STORE_CRASH_WRITERS=64 STORE_CRASH_SEED=7 node --test …` for a longer hunt. */
const rounds = Number(process.env['STORE_CRASH_ROUNDS'] ?? 12)
const writers = process.env['STORE_CRASH_WRITERS'] ?? '8'
const firstSeed = Number(process.env['STORE_CRASH_SEED'] ?? 1)

/** What one key was last acknowledged to hold; `-` after a deletion. */
interface Acknowledged {
  readonly revision: Revision
  readonly text: string
}

/** Runs the writer and kills it once it has acknowledged `count` commits. What it printed until its end counts too. */
function runWriterUntilKilled(directory: string, seed: number, count: number): Promise<string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<string[]>()
  const program = join(import.meta.dirname, 'storeCrashWriter.ts')
  const child = spawn(process.execPath, [program, directory, String(seed), writers], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  let lines = 0
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  child.stdout.on('data', (chunk: Buffer) => {
    const text = chunk.toString()
    output += text
    lines += text.split('\n').length - 1
    if (lines >= count) child.kill('SIGKILL')
  })
  child.on('error', reject)
  child.on('close', (_code, signal) => {
    if (signal !== 'SIGKILL') reject(new Error(`the writer ended by itself: ${errors}`))
    else resolve(output.split('\n').slice(0, -1))
  })
  return promise
}

/** Opens what the killed process left and compares it with what had been acknowledged. */
async function checkStore(directory: string, acknowledged: Map<string, Acknowledged>): Promise<Revision> {
  await using store = await openSqliteStore({ directory, history: { revisions: 600 } })
  const { items, revision } = await store.list('')
  await checkHistory(store, revision)
  const found = new Map(items.map((item) => [item.key, item]))
  for (const { key, value, modified } of items) {
    const [text, filling] = value.toString().split(' ')
    assert.equal(filling!.length, Number(text!.split('.').at(-1)), `the value of "${key}" at ${modified} is torn`)
  }
  // A commit that was durable but not yet acknowledged at the kill may stand over the acknowledged one: it is among the
  // last, one for each writer.
  const last = await eventsAfter(store, revision - Number(writers))
  for (const [key, { revision: acked, text }] of acknowledged) {
    assert.ok(revision >= acked, `revision ${acked} was acknowledged, the store is at ${revision}`)
    const kv = found.get(key)
    const deleted = last.some((event) => event.key === key && event.type === 'delete' && event.revision > acked)
    const now = kv === undefined ? '-' : kv.value.toString().split(' ')[0]
    const overwritten = kv === undefined ? deleted : kv.modified > acked
    assert.ok(now === text || overwritten, `"${key}" of revision ${acked} is lost: found ${now}, not ${text}`)
  }
  // What was read once counts like what was acknowledged.
  for (const key of acknowledged.keys()) if (!found.has(key)) acknowledged.set(key, { revision, text: '-' })
  for (const { key, value, modified } of items) {
    acknowledged.set(key, { revision: modified, text: value.toString().split(' ')[0]! })
  }
  return revision
}

/** Every kept revision must be there once and in order, and agree with a reader of that moment. */
async function checkHistory(store: Store, newest: Revision): Promise<void> {
  const from = Math.max(1, newest - 400)
  const events = await eventsAfter(store, from)
  assert.deepEqual(
    events.map((event) => event.revision),
    Array.from({ length: newest - from }, (_, index) => from + 1 + index),
  )
  for (const event of events) {
    const { kv } = await store.get(event.key, { at: event.revision })
    assert.deepEqual(kv, event.type === 'put' ? event.kv : undefined)
  }
}

async function eventsAfter(store: Store, revision: Revision): Promise<StoreEvent[]> {
  const from = Math.max(1, revision)
  const newest = await store.revision()
  const events: StoreEvent[] = []
  if (from === newest) return events
  for await (const batch of store.watch('', from, AbortSignal.timeout(60_000))) {
    events.push(...batch.events)
    if (batch.revision >= newest) break
  }
  return events
}

/** Kills and reopens one store again and again. */
async function runRounds(seed: number, count: number): Promise<void> {
  const random = seededRandom(seed)
  const directory = mkdtempSync(join(tmpdir(), `k8ts-crash-${seed}-`))
  try {
    const acknowledged = new Map<string, Acknowledged>()
    let newest = 1
    for (let round = 0; round < count; round++) {
      const lines = await runWriterUntilKilled(directory, seed * 1_000 + round, 1 + randomInteger(random, 1_000))
      for (const line of lines) {
        const [revision, key, text] = line.split(' ') as [string, string, string]
        assert.ok(Number(revision) > newest, `revision ${revision} was given twice (seed ${seed}, round ${round})`)
        const before = acknowledged.get(key)
        if (before === undefined || before.revision < Number(revision)) {
          acknowledged.set(key, { revision: Number(revision), text })
        }
      }
      newest = await checkStore(directory, acknowledged)
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test('nothing acknowledged is lost when the process is killed', async () => {
  await Promise.all([
    runRounds(2 * firstSeed, Math.ceil(rounds / 2)),
    runRounds(2 * firstSeed + 1, Math.floor(rounds / 2)),
  ])
})
