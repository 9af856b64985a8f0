import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayOf, startOfDay } from './legacyTokens.ts'

test('days', () => {
  assert.equal(dayOf(Date.UTC(2026, 1, 28, 23, 59, 59)), '2026-02-28')
  assert.equal(startOfDay('2026-02-28'), Date.UTC(2026, 1, 28))
  for (const wrong of [undefined, '', '2026-02-30', '2026-2-1', '2026-13-01', '2026-02-28T00:00:00Z', 'since ever'])
    assert.equal(startOfDay(wrong), undefined, String(wrong))
})
