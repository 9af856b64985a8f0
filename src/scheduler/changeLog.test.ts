import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChangeLog } from './changeLog.ts'

test('ChangeLog tells what is new, as long as it is kept', () => {
  const log = new ChangeLog<string>(2)
  assert.deepEqual(log.since(0), [])
  for (const change of ['a', 'b', 'c']) log.add(change)
  assert.deepEqual([log.since(0), log.since(1), log.since(3)], [['a', 'b', 'c'], ['b', 'c'], []])
  log.add('d')
  assert.deepEqual([log.length, log.since(1), log.since(2), log.since(5)], [4, undefined, ['c', 'd'], undefined])
  log.clear()
  log.add('e')
  assert.deepEqual([log.length, log.since(3), log.since(4)], [5, undefined, ['e']])
})
