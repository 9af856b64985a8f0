import assert from 'node:assert/strict'
import { test } from 'node:test'
import { microTimeText, millisecondsOf, timeText } from './time.ts'

const rows: readonly (readonly [milliseconds: number, text: string])[] = [
  [0, '1970-01-01T00:00:00Z'],
  [999, '1970-01-01T00:00:00Z'],
  [1_000, '1970-01-01T00:00:01Z'],
  [1_001, '1970-01-01T00:00:01Z'],
  [Date.UTC(2026, 0, 31, 9, 30), '2026-01-31T09:30:00Z'],
  [0, '1970-01-01T00:00:00Z'],
  [-1, '1969-12-31T23:59:59Z'],
]

test('a moment is written to the second', () => {
  assert.deepEqual(
    rows.map(([milliseconds]) => timeText(milliseconds)),
    rows.map(([, text]) => text),
  )
  assert.throws(() => timeText(Number.NaN), RangeError)
})

test('a moment is read back', () => {
  const moment = Date.UTC(2026, 0, 31, 9, 30, 1, 250)
  assert.equal(microTimeText(moment), '2026-01-31T09:30:01.250000Z')
  assert.deepEqual(
    [microTimeText(moment), timeText(moment), '', undefined, null, 'soon'].map((text) => millisecondsOf(text)),
    [moment, moment - 250, undefined, undefined, undefined, undefined],
  )
})
