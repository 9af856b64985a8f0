import assert from 'node:assert/strict'
import { randomInteger, type Random } from '#lib/random.ts'
import { firstRevision, type CommitResult, type KeyValue, type Revision } from './store.ts'
import type { Store, StoreEvent, StoreWatch } from './store.ts'

/*
 * For tests of stores: their answers as short text (`/key=value created/modified`), and the simplest store there is, to
 * compare with.
 */

/** Random commits and compactions, each compared with a plain list of all states. */
export async function compareWithModel(store: Store, random: Random, signal: AbortSignal): Promise<void> {
  const states: Map<string, string>[] = []
  const versions = new Map<string, { created: Revision; modified: Revision }>()
  const events: string[] = []
  let compacted = firstRevision
  states[firstRevision] = new Map()
  for (let step = 0; step < 250; step++) {
    const newest = states.length - 1
    const key = `/${'xyz'[randomInteger(random, 3)]}/${randomInteger(random, 6)}`
    const version = versions.get(key)
    const choice = randomInteger(random, 20)
    if (choice === 0) {
      compacted += randomInteger(random, Math.min(30, newest - compacted + 1))
      await store.compact(compacted)
    } else if (choice === 1) {
      const stale = (version?.modified ?? 0) + 1
      assert.equal((await store.commit(key, stale, put('never'))).ok, false)
    } else {
      const remove = version !== undefined && choice < 6
      const result = await store.commit(key, version?.modified ?? 0, remove ? 'delete' : put(`${step}`))
      const revision = newest + 1
      assert.deepEqual([result.ok, result.revision], [true, revision])
      const state = new Map(states[newest])
      if (remove) {
        state.delete(key)
        versions.delete(key)
        events.push(`${revision} ${key} deleted`)
      } else {
        const created = version?.created ?? revision
        state.set(key, `${key}=${step} ${created}/${revision}`)
        versions.set(key, { created, modified: revision })
        events.push(`${revision} ${state.get(key)}`)
      }
      states.push(state)
    }
    const at = compacted + randomInteger(random, states.length - compacted)
    const state = states[at]!
    assert.equal(textOf((await store.get(key, { at })).kv), state.get(key) ?? '-')
    const prefix = ['/', '/x/', '/y/', '/z/3'][randomInteger(random, 4)]!
    const expected = [...state.entries()].filter(([each]) => each.startsWith(prefix)).toSorted(byKey)
    const limit = 1 + randomInteger(random, 8)
    const list = await store.list(prefix, { at, limit })
    assert.deepEqual(
      [list.items.map(textOf), list.remaining],
      [expected.slice(0, limit).map(([, text]) => text), Math.max(0, expected.length - limit)],
    )
  }
  const newest = states.length - 1
  const from = compacted + randomInteger(random, newest - compacted)
  assert.deepEqual(
    await readUntil(store.watch('/', from, signal), newest),
    events.filter((event) => Number.parseInt(event, 10) > from),
  )
}

const byKey = ([a]: [string, string], [b]: [string, string]): number => (a < b ? -1 : 1)
export const put = (text: string): { value: Buffer } => ({ value: Buffer.from(text) })
export const textOf = (kv: KeyValue | undefined): string =>
  kv === undefined ? '-' : `${kv.key}=${kv.value.toString()} ${kv.created}/${kv.modified}`

export function textOfResult(result: CommitResult): string {
  if (!result.ok) return `conflict at ${result.revision} with ${textOf(result.current)}`
  return result.kv === undefined ? `ok ${result.revision}` : `ok ${result.revision} ${textOf(result.kv)}`
}

export function textOfEvent(event: StoreEvent): string {
  return event.type === 'put' ? `${event.revision} ${textOf(event.kv)}` : `${event.revision} ${event.key} deleted`
}

/** The events of a watch up to a revision. */
export async function readUntil(watch: StoreWatch, revision: Revision): Promise<string[]> {
  const events: string[] = []
  for (;;) {
    const { value: batch } = await watch.next()
    assert.ok(batch !== undefined)
    for (const event of batch.events) assert.ok(event.revision <= batch.revision)
    events.push(...batch.events.map(textOfEvent))
    if (batch.revision >= revision) return events
  }
}
