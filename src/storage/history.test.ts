import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChangeLog, type HistoryBudget } from './history.ts'
import { KeyHistory } from './keyHistory.ts'

/** Revisions 11 … 30, one each second, each replacing 100 bytes. */
function twenty(): ChangeLog {
  const log = new ChangeLog(10)
  for (let index = 0; index < 20; index++) {
    log.append({ history: new KeyHistory(`/${index}`), replacedBytes: 100, time: index * 1000 })
  }
  return log
}

const plenty: HistoryBudget = { bytes: 1e9, milliseconds: 1e9, revisions: 1e9 }

test('finds changes by revision and forgets them', () => {
  const log = twenty()
  assert.deepEqual([log.compacted, log.newest, log.historyBytes], [10, 30, 2000])
  assert.equal(log.changed(11).key, '/0')
  const touched = log.compact(15)
  assert.deepEqual(
    [...touched].map((history) => history.key),
    ['/0', '/1', '/2', '/3', '/4'],
  )
  assert.deepEqual([log.compacted, log.newest, log.historyBytes], [15, 30, 1500])
  assert.equal(log.changed(16).key, '/5')
  assert.throws(() => log.changed(15), /No change is kept for revision 15/)
  assert.throws(() => log.changed(31), /No change is kept for revision 31/)
  log.compact(30)
  assert.deepEqual([log.compacted, log.newest, log.historyBytes], [30, 30, 0])
})

test('stays in step with revisions while it grows and is compacted', () => {
  const log = new ChangeLog(1)
  for (let revision = 2; revision < 20_000; revision++) {
    log.append({ history: new KeyHistory(`/${revision}`), replacedBytes: 0, time: 0 })
    if (revision % 700 === 0) log.compact(revision - 300)
    assert.equal(log.changed(revision).key, `/${revision}`)
    assert.equal(log.changed(log.compacted + 1).key, `/${log.compacted + 1}`)
  }
})

test('plans a compaction when one of the limits is passed, down to nine tenths of it', () => {
  const rows: [Partial<HistoryBudget>, number, number | undefined][] = [
    [{}, 20_000, undefined],
    [{ bytes: 2000 }, 20_000, undefined],
    [{ bytes: 1999 }, 20_000, 13],
    [{ bytes: 1000 }, 20_000, 21],
    [{ bytes: 0 }, 20_000, 30],
    [{ revisions: 20 }, 20_000, undefined],
    [{ revisions: 10 }, 20_000, 21],
    [{ milliseconds: 20_000 }, 20_000, undefined],
    [{ milliseconds: 10_000 }, 20_000, 21],
    [{ milliseconds: 10_000 }, 1e6, 30],
    [{ milliseconds: 10_000, revisions: 5 }, 20_000, 26],
  ]
  for (const [budget, now, revision] of rows) {
    const all = { ...plenty, ...budget }
    assert.deepEqual([budget, now, twenty().planCompaction(all, now)], [budget, now, revision])
  }
  assert.equal(new ChangeLog(10).planCompaction({ bytes: 0, milliseconds: 0, revisions: 0 }, 1e9), undefined)
})
