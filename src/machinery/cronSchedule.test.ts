import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nextCronTime, parseCronSchedule, type CronField, type CronSchedule } from './cronSchedule.ts'
import { isTimeZone } from './timeZone.ts'

function read(text: string): CronSchedule {
  const schedule = parseCronSchedule(text)
  if ('problem' in schedule) throw new Error(schedule.problem)
  return schedule
}

describe('a field', () => {
  const all = (from: number, to: number, step = 1): number[] =>
    Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step)
  const rows: readonly [string, readonly number[], boolean][] = [
    ['5', [5], false],
    ['*', all(0, 59), true],
    ['?', all(0, 59), true],
    ['*-5', all(0, 59), true],
    ['1,3,5', [1, 3, 5], false],
    ['1,,3', [1, 3], false],
    [',', [], false],
    ['5-10', all(5, 10), false],
    ['+5', [5], false],
    ['*/15', [0, 15, 30, 45], false],
    ['*/1', all(0, 59), true],
    ['50/3', [50, 53, 56, 59], false],
    ['5-10/2', [5, 7, 9], false],
    ['5-10/100', [5], false],
    ['7,*/30', [7, 0, 30], false],
  ]
  for (const [text, values, isAny] of rows) {
    test(text, () => {
      const schedule = read(`${text} * * * *`) as { minutes: CronField }
      assert.deepEqual(schedule.minutes, { values: new Set(values), isAny })
    })
  }
})

describe('what is no schedule', () => {
  const rows: readonly [string, string][] = [
    ['', 'empty spec string'],
    ['x', 'expected exactly 5 fields, found 1: [x]'],
    ['  * *\t* *  ', 'expected exactly 5 fields, found 4: [* * * *]'],
    ['* * * * * *', 'expected exactly 5 fields, found 6: [* * * * * *]'],
    ['60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['0 0 * * 7', 'end of range (7) above maximum (6): 7'],
    ['0 0 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['10-5 * * * *', 'beginning of range (10) beyond end of range (5): 10-5'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
    ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['1- * * * *', 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'],
    ['*/-2 * * * *', 'negative number (-2) not allowed: -2'],
    [
      '9223372036854775808 * * * *',
      'failed to parse int from 9223372036854775808: strconv.Atoi: parsing "9223372036854775808": value out of range',
    ],
    ['0 0 * jon *', 'failed to parse int from jon: strconv.Atoi: parsing "jon": invalid syntax'],
    ['@often', 'unrecognized descriptor: @often'],
    ['@every x', 'failed to parse duration @every x: time: invalid duration "x"'],
    ['@every 5', 'failed to parse duration @every 5: time: missing unit in duration "5"'],
    ['TZ=Nowhere/At_All * * * * *', 'provided bad location Nowhere/At_All: unknown time zone Nowhere/At_All'],
    ['TZ=UTC', 'invalid schedule format: runtime error: slice bounds out of range [3:-1]'],
  ]
  for (const [text, problem] of rows) {
    test(text === '' ? 'nothing' : text, () => assert.deepEqual(parseCronSchedule(text), { problem }))
  }
})

describe('the next time', () => {
  const rows: readonly [string, string, string, string][] = [
    ['each minute', '* * * * *', '2025-01-01T10:00:30Z', '2025-01-01T10:01:00Z'],
    ['not the moment itself', '* * * * *', '2025-01-01T10:00:00Z', '2025-01-01T10:01:00Z'],
    ['a little before', '* * * * *', '2025-01-01T09:59:59.999Z', '2025-01-01T10:00:00Z'],
    ['later in the hour', '*/15 * * * *', '2025-01-01T10:46:00Z', '2025-01-01T11:00:00Z'],
    ['over the year', '0 0 1 1 *', '2025-01-01T00:00:00Z', '2026-01-01T00:00:00Z'],
    ['by name', '0 12 * feb MON', '2025-01-01T00:00:00Z', '2025-02-03T12:00:00Z'],
    ['29 February', '0 0 29 2 *', '2025-03-01T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['31 February', '0 0 31 2 *', '2025-01-01T00:00:00Z', ''],
    ['no minute at all', ', * * * *', '2025-01-01T00:00:00Z', ''],
    ['date or weekday', '0 0 13 * fri', '2025-06-07T00:00:00Z', '2025-06-13T00:00:00Z'],
    ['weekday or date', '0 0 13 * fri', '2025-06-13T00:00:00Z', '2025-06-20T00:00:00Z'],
    ['a step keeps the other', '0 0 */2 * sun', '2025-06-01T00:00:00Z', '2025-06-03T00:00:00Z'],
    ['weekday alone', '0 0 * * sun', '2025-06-01T00:00:00Z', '2025-06-08T00:00:00Z'],
    ['@hourly', '@hourly', '2025-01-01T10:59:59Z', '2025-01-01T11:00:00Z'],
    ['@daily', '@daily', '2025-01-01T00:00:00Z', '2025-01-02T00:00:00Z'],
    ['@weekly', '@weekly', '2025-01-01T00:00:00Z', '2025-01-05T00:00:00Z'],
    ['@monthly', '@monthly', '2025-01-31T00:00:00Z', '2025-02-01T00:00:00Z'],
    ['@yearly', '@yearly', '2025-01-31T00:00:00Z', '2026-01-01T00:00:00Z'],
    ['an interval', '@every 1h30m', '2025-01-01T10:00:00.7Z', '2025-01-01T11:30:00Z'],
    ['an interval of whole seconds', '@every 1500ms', '2025-01-01T10:00:00Z', '2025-01-01T10:00:01Z'],
    ['an interval of at least one', '@every -1h', '2025-01-01T10:00:00Z', '2025-01-01T10:00:01Z'],
    ['in a zone of its own', 'TZ=Asia/Tokyo 0 9 * * *', '2025-01-01T00:00:00Z', '2025-01-02T00:00:00Z'],
  ]
  for (const [name, text, after, expected] of rows) {
    test(name, () => {
      const next = nextCronTime(read(text), Date.parse(after))
      assert.equal(next === undefined ? '' : new Date(next).toISOString().replace('.000', ''), expected)
    })
  }

  const zoned: readonly [string, string, string, string, readonly string[]][] = [
    [
      'an hour that is missing is left out',
      '30 2 * * *',
      'Europe/Berlin',
      '2025-03-29T12:00:00Z',
      ['2025-03-31T00:30:00Z', '2025-04-01T00:30:00Z'],
    ],
    [
      'an hour that comes twice',
      '30 2 * * *',
      'Europe/Berlin',
      '2025-10-25T12:00:00Z',
      ['2025-10-26T00:30:00Z', '2025-10-26T01:30:00Z', '2025-10-27T01:30:00Z'],
    ],
    [
      'a day without a midnight',
      '0 * 4 11 *',
      'America/Sao_Paulo',
      '2018-11-03T12:00:00Z',
      ['2018-11-04T03:00:00Z', '2018-11-04T04:00:00Z'],
    ],
    [
      'a zone beside the full hours',
      '0 9 * * mon-fri',
      'Asia/Kolkata',
      '2025-01-03T04:00:00Z',
      ['2025-01-06T03:30:00Z', '2025-01-07T03:30:00Z'],
    ],
  ]
  for (const [name, text, zone, after, expected] of zoned) {
    test(name, () => {
      const schedule = read(text)
      const times: string[] = []
      let time = Date.parse(after)
      for (let count = 0; count < expected.length; count++) {
        time = nextCronTime(schedule, time, zone)!
        times.push(new Date(time).toISOString().replace('.000', ''))
      }
      assert.deepEqual(times, expected)
    })
  }
})

describe('the next times, in UTC', () => {
  const thursday = '2025-12-25T08:52:17Z'
  const rows: readonly [string, string, readonly string[]][] = [
    ['* * * * *', thursday, ['2025-12-25T08:53', '2025-12-25T08:54', '2025-12-25T08:55']],
    ['5 20 * * *', thursday, ['2025-12-25T20:05', '2025-12-26T20:05']],
    ['0 23 * * 0,6', thursday, ['2025-12-27T23:00', '2025-12-28T23:00', '2026-01-03T23:00']],
    ['*/5 * * * *', thursday, ['2025-12-25T08:55', '2025-12-25T09:00', '2025-12-25T09:05']],
    [
      '0 9-17/2 * * *',
      thursday,
      [
        '2025-12-25T09:00',
        '2025-12-25T11:00',
        '2025-12-25T13:00',
        '2025-12-25T15:00',
        '2025-12-25T17:00',
        '2025-12-26T09:00',
      ],
    ],
    [
      '0 0 1-15 * 1-5',
      thursday,
      ['2025-12-26T00:00', '2025-12-29T00:00', '2025-12-30T00:00', '2025-12-31T00:00', '2026-01-01T00:00'],
    ],
    [
      '0 0 1-15 * 1-5',
      '2026-01-10T00:00:30Z',
      [
        '2026-01-11T00:00',
        '2026-01-12T00:00',
        '2026-01-13T00:00',
        '2026-01-14T00:00',
        '2026-01-15T00:00',
        '2026-01-16T00:00',
        '2026-01-19T00:00',
      ],
    ],
  ]
  for (const [text, from, expected] of rows) {
    test(`${text} from ${from}`, () => {
      const schedule = read(text)
      let time = Date.parse(from)
      const times = expected.map(() => {
        time = nextCronTime(schedule, time)!
        return new Date(time).toISOString().slice(0, 16)
      })
      assert.deepEqual(times, expected)
    })
  }
})

test('a schedule is read once, and one that is too long to keep all the same', () => {
  assert.equal(parseCronSchedule('3-59/7 1,2 * * *'), parseCronSchedule('3-59/7 1,2 * * *'))
  const long = `${Array.from({ length: 60 }, (_, minute) => minute).join(',')} * * * *`
  assert.deepEqual(parseCronSchedule(long), parseCronSchedule(long))
  assert.equal(nextCronTime(read(long), Date.parse('2025-01-01T10:00:30Z')), Date.parse('2025-01-01T10:01:00Z'))
})

describe('the next times by numbers and by the calendar', () => {
  const schedules = ['*/10 * * * *', '7,59 3 * * *', '0 0 29 2 *', '30 23 31 * 0', '5 4 */9 3-10/2 *', '0 0 31 2 *']
  const moments = ['2023-12-31T23:59:59.999Z', '2024-02-28T23:30:00Z', '2025-03-30T00:59:00Z', '1969-12-31T10:07:30Z']
  for (const text of schedules) {
    test(text, () => {
      const schedule = read(text)
      for (const moment of moments) {
        let time: number | undefined = Date.parse(moment)
        for (let count = 0; count < 20 && time !== undefined; count++) {
          const next = nextCronTime(schedule, time, 'UTC')
          // A name for the same zone, which is looked up in the calendar.
          assert.equal(next, nextCronTime(schedule, time, 'Etc/UTC'))
          time = next
        }
      }
    })
  }

  test('no minute is passed over where clocks are changed within an hour', () => {
    // On Lord Howe Island clocks are put back by half an hour at two: 01:30 to 01:59 come twice.
    const schedule = read('15,45 1 * * *')
    const times: string[] = []
    let time = Date.parse('2025-04-05T14:00:00Z')
    for (let count = 0; count < 4; count++) {
      time = nextCronTime(schedule, time, 'Australia/Lord_Howe')!
      times.push(new Date(time).toISOString().slice(0, 16))
    }
    assert.deepEqual(times, ['2025-04-05T14:15', '2025-04-05T14:45', '2025-04-05T15:15', '2025-04-06T14:45'])
  })
})

describe('names of time zones', () => {
  const rows: readonly [string, boolean][] = [
    ['UTC', true],
    ['Etc/UTC', true],
    ['US/Eastern', true],
    ['America/Argentina/Buenos_Aires', true],
    ['utc', false],
    ['europe/berlin', false],
    ['+01', false],
    ['+01:00', false],
    ['Local', false],
    ['Nowhere', false],
    ['', false],
  ]
  for (const [name, expected] of rows) test(name || 'nothing', () => assert.equal(isTimeZone(name), expected))
})
