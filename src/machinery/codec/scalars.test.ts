import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canonicalBase64, canonicalDuration, canonicalMicroTime, canonicalTime } from './scalars.ts'

const at = (byte: number) => ({ problem: `illegal base64 data at input byte ${byte}` })

describe('base64', () => {
  const rows: readonly (readonly [string, ReturnType<typeof canonicalBase64>])[] = [
    ['', ''],
    ['YQ==', 'YQ=='],
    ['YWI=', 'YWI='],
    ['YWJj', 'YWJj'],
    ['YW\r\nJj', 'YWJj'],
    ['YR==', 'YQ=='],
    ['YWJ=', 'YWI='],
    ['YWJ', at(0)],
    ['YWJjY', at(4)],
    ['YQ=', at(3)],
    ['=', at(0)],
    ['YWJj=', at(4)],
    ['YWI==', at(4)],
    ['YQ==Y', at(4)],
    ['YWI=Y', at(4)],
    ['Y-Jj', at(1)],
    ['YW\nJ!', at(4)],
  ]
  for (const [text, expected] of rows) {
    it(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(canonicalBase64(text), expected))
  }
})

describe('moments', () => {
  const layout = '"2006-01-02T15:04:05Z07:00"'
  const rows: readonly (readonly [string, ReturnType<typeof canonicalTime>])[] = [
    ['2024-02-29T12:00:00Z', '2024-02-29T12:00:00Z'],
    ['2024-01-01T00:30:00.999+01:00', '2023-12-31T23:30:00Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
    ['2023-02-29T12:00:00Z', { problem: 'parsing time "2023-02-29T12:00:00Z": day out of range' }],
    ['2023-13-01T12:00:00Z', { problem: 'parsing time "2023-13-01T12:00:00Z": month out of range' }],
    ['2023-01-01', { problem: `parsing time "2023-01-01" as ${layout}: cannot parse "" as "T"` }],
    [
      '2023-01-01T10:00:00',
      { problem: `parsing time "2023-01-01T10:00:00" as ${layout}: cannot parse "" as "Z07:00"` },
    ],
    ['2023-01-01T10:00:00Zx', { problem: 'parsing time "2023-01-01T10:00:00Zx": extra text: "x"' }],
  ]
  for (const [text, expected] of rows) it(`reads ${text}`, () => assert.deepEqual(canonicalTime(text), expected))

  it('wants six digits of a micro time', () => {
    assert.deepEqual(
      [canonicalMicroTime('2024-01-01T00:00:00.123456Z'), canonicalMicroTime('2024-01-01T02:00:00.123456+02:00')],
      ['2024-01-01T00:00:00.123456Z', '2024-01-01T00:00:00.123456Z'],
    )
    assert.deepEqual(canonicalMicroTime('2024-01-01T00:00:00Z'), {
      problem:
        'parsing time "2024-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
    })
  })
})

describe('durations', () => {
  const rows: readonly (readonly [string, ReturnType<typeof canonicalDuration>])[] = [
    ['0', '0s'],
    ['90s', '1m30s'],
    ['1.5h', '1h30m0s'],
    ['1h15m30.5s', '1h15m30.5s'],
    ['-2m', '-2m0s'],
    ['1500us', '1.5ms'],
    ['10ns', '10ns'],
    ['', { problem: 'time: invalid duration ""' }],
    ['5', { problem: 'time: missing unit in duration "5"' }],
    ['5d', { problem: 'time: unknown unit "d" in duration "5d"' }],
  ]
  for (const [text, expected] of rows) it(`reads "${text}"`, () => assert.deepEqual(canonicalDuration(text), expected))
})
