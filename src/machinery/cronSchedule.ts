// Schedules of cron jobs: lines of a crontab with five fields, or words such as `@daily` and `@every 90s`. Syntax, texts
// of mistakes and meaning are those of Kubernetes' parser (robfig/cron v3, ParseStandard), which people search for.
import { RecentMap } from '#lib/collections/recentMap.ts'
import { durationNanos } from './codec/scalars.ts'
import { isTimeZone } from './timeZone.ts'
import { quoteString } from './validate/report.ts'

/** When something recurs. */
export type CronSchedule = CronFields | CronInterval

/** A line of a crontab: the moments whose parts are all among these. */
export interface CronFields {
  readonly minutes: CronField
  readonly hours: CronField
  readonly days: CronField
  readonly months: CronField
  /** 0 is Sunday. */
  readonly weekdays: CronField
  /** From a `TZ=` before the fields; otherwise the one who asks decides. */
  readonly zone?: string
}

export interface CronField {
  readonly values: ReadonlySet<number>
  /** Written as `*`: a day of any date or weekday then suits when the other suits. */
  readonly isAny: boolean
}

/** A span between one time and the next, in whole seconds. */
export interface CronInterval {
  readonly every: number
}

interface Bounds {
  readonly least: number
  readonly most: number
  readonly names?: readonly string[]
}

const bounds = {
  minutes: { least: 0, most: 59 },
  hours: { least: 0, most: 23 },
  days: { least: 1, most: 31 },
  months: {
    least: 1,
    most: 12,
    names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  weekdays: { least: 0, most: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
} as const satisfies Record<string, Bounds>

const fieldCount = 5

const words: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}
const everyWord = '@every '
const shortestInterval = 1

class ScheduleError extends Error {}

type ReadSchedule = CronSchedule | { readonly problem: string }

/** Cron jobs are looked at again and again, and many have the same few schedules: those read last are kept. */
const knownSchedules = new RecentMap<string, ReadSchedule>(1_000)
const longestKnown = 64

/** Reads a schedule; `problem` says why it is none. */
export function parseCronSchedule(text: string): ReadSchedule {
  return text.length > longestKnown ? readSchedule(text) : knownSchedules.getOrMake(text, () => readSchedule(text))
}

function readSchedule(text: string): ReadSchedule {
  try {
    return parse(text)
  } catch (error) {
    if (error instanceof ScheduleError) return { problem: error.message }
    throw error
  }
}

function parse(text: string): CronSchedule {
  if (text === '') throw new ScheduleError('empty spec string')
  const zone = /^(?:CRON_)?TZ=([^ ]*)( ?)/.exec(text)
  if (zone === null) return parseTimes(text)
  const [prefix, name = '', space] = zone
  if (space === '') {
    const start = prefix.length - name.length
    throw new ScheduleError(`invalid schedule format: runtime error: slice bounds out of range [${start}:-1]`)
  }
  if (name !== '' && name !== 'Local' && !isTimeZone(name)) {
    throw new ScheduleError(`provided bad location ${name}: unknown time zone ${name}`)
  }
  const times = parseTimes(text.slice(prefix.length).trim())
  if ('every' in times || name === 'Local') return times
  return { ...times, zone: name === '' ? 'UTC' : name }
}

function parseTimes(text: string): CronSchedule {
  if (!text.startsWith('@')) return parseFields(text)
  if (Object.hasOwn(words, text)) return parseFields(words[text]!)
  if (!text.startsWith(everyWord)) throw new ScheduleError(`unrecognized descriptor: ${text}`)
  const nanos = durationNanos(text.slice(everyWord.length))
  if (typeof nanos !== 'bigint') throw new ScheduleError(`failed to parse duration ${text}: ${nanos.problem}`)
  return { every: Math.max(Number(nanos / 1_000_000_000n), shortestInterval) }
}

function parseFields(text: string): CronFields {
  const fields = text.split(/\s+/).filter((field) => field !== '')
  if (fields.length !== fieldCount) {
    throw new ScheduleError(`expected exactly ${fieldCount} fields, found ${fields.length}: [${fields.join(' ')}]`)
  }
  const [minutes, hours, days, months, weekdays] = fields as [string, string, string, string, string]
  return {
    minutes: parseField(minutes, bounds.minutes),
    hours: parseField(hours, bounds.hours),
    days: parseField(days, bounds.days),
    months: parseField(months, bounds.months),
    weekdays: parseField(weekdays, bounds.weekdays),
  }
}

/** Ranges between commas. */
function parseField(text: string, bound: Bounds): CronField {
  const values = new Set<number>()
  let isAny = false
  for (const expression of text.split(',')) {
    if (expression === '') continue
    const { first, last, step, isStar } = parseRange(expression, bound)
    for (let value = first; value <= last; value += step) values.add(value)
    isAny ||= isStar
  }
  return { values, isAny }
}

interface Range {
  readonly first: number
  readonly last: number
  readonly step: number
  readonly isStar: boolean
}

/** `*`, `5`, `5-10`, each perhaps with `/2` behind; `5/10` goes on to the end. */
function parseRange(expression: string, { least, most, names }: Bounds): Range {
  const [range = '', stepText, ...moreSteps] = expression.split('/')
  const [low = '', high, ...moreHighs] = range.split('-')
  const isStar = low === '*' || low === '?'
  const first = isStar ? least : numberOf(low, names)
  let last = isStar ? most : first
  if (!isStar) {
    if (moreHighs.length > 0) throw new ScheduleError(`too many hyphens: ${expression}`)
    if (high !== undefined) last = numberOf(high, names)
  }
  if (moreSteps.length > 0) throw new ScheduleError(`too many slashes: ${expression}`)
  const step = stepText === undefined ? 1 : numberOf(stepText)
  if (stepText !== undefined && high === undefined) last = most
  if (first < least) {
    throw new ScheduleError(`beginning of range (${first}) below minimum (${least}): ${expression}`)
  }
  if (last > most) throw new ScheduleError(`end of range (${last}) above maximum (${most}): ${expression}`)
  if (first > last) {
    throw new ScheduleError(`beginning of range (${first}) beyond end of range (${last}): ${expression}`)
  }
  if (step === 0) throw new ScheduleError(`step of range should be a positive number: ${expression}`)
  return { first, last, step, isStar: isStar && step === 1 }
}

const mostInt64 = (1n << 63n) - 1n

function numberOf(text: string, names: readonly string[] | undefined = undefined): number {
  const named = names?.indexOf(text.toLowerCase()) ?? -1
  // The first weekday is 0, the first month 1.
  if (named >= 0) return named + (names!.length === bounds.months.names.length ? 1 : 0)
  const failed = `failed to parse int from ${text}: strconv.Atoi: parsing ${quoteString(text)}`
  if (!/^[-+]?[0-9]+$/.test(text)) throw new ScheduleError(`${failed}: invalid syntax`)
  const isNegative = text.startsWith('-')
  const amount = BigInt(text.replace(/^[-+]/, ''))
  if (amount > mostInt64 + (isNegative ? 1n : 0n)) throw new ScheduleError(`${failed}: value out of range`)
  if (isNegative && amount > 0n) throw new ScheduleError(`negative number (-${amount}) not allowed: ${text}`)
  return Number(amount)
}

/** How many years ahead a time is looked for; the 31st of February never comes. */
const yearsAhead = 5

/**
 * The first time after a moment, both in milliseconds since the epoch; undefined when there is none within five years.
 * `zone` names the time zone of the fields. Where clocks are put back, times in the repeated hour come twice; where they
 * are put forward, those in the missing hour do not come.
 */
export function nextCronTime(schedule: CronSchedule, after: number, zone = 'UTC'): number | undefined {
  if ('every' in schedule) return (Math.floor(after / 1000) + schedule.every) * 1000
  const { minutes, hours, months } = schedule
  if ([minutes, hours, months].some(({ values }) => values.size === 0)) return undefined
  const name = schedule.zone ?? zone
  return name === 'UTC' ? nextInUtc(schedule, after) : nextInZone(schedule, after, name)
}

/** Where clocks are never changed a time follows from numbers, at a hundredth of what a calendar with zones takes. */
function nextInUtc(schedule: CronFields, after: number): number | undefined {
  const { minutes, hours, months } = schedule
  const time = new Date((Math.floor(after / 60_000) + 1) * 60_000)
  const lastYear = time.getUTCFullYear() + yearsAhead
  while (time.getUTCFullYear() <= lastYear) {
    if (!months.values.has(time.getUTCMonth() + 1)) {
      time.setUTCMonth(time.getUTCMonth() + 1, 1)
      time.setUTCHours(0, 0)
    } else if (!suitsDay(schedule, time.getUTCDate(), time.getUTCDay())) time.setUTCHours(24, 0)
    else if (!hours.values.has(time.getUTCHours())) time.setUTCHours(time.getUTCHours() + 1, 0)
    else if (!minutes.values.has(time.getUTCMinutes())) {
      time.setUTCMinutes(nextMinute(minutes, time.getUTCMinutes()))
    } else return time.getTime()
  }
  return undefined
}

function nextInZone(schedule: CronFields, after: number, zone: string): number | undefined {
  const { minutes, hours, months } = schedule
  let time = Temporal.Instant.fromEpochMilliseconds(after)
    .toZonedDateTimeISO(zone)
    .round({ smallestUnit: 'minute', roundingMode: 'floor' })
    .add({ minutes: 1 })
  const lastYear = time.year + yearsAhead
  while (time.year <= lastYear) {
    if (!months.values.has(time.month)) time = time.with({ day: 1 }).add({ months: 1 }).startOfDay()
    else if (!suitsDay(schedule, time.day, time.dayOfWeek % 7)) time = time.add({ days: 1 }).startOfDay()
    else if (!hours.values.has(time.hour)) {
      time = time.round({ smallestUnit: 'hour', roundingMode: 'floor' }).add({ hours: 1 })
    } else if (!minutes.values.has(time.minute)) {
      const there = time.add({ minutes: nextMinute(minutes, time.minute) - time.minute })
      // Where clocks are changed in between no minute is passed over.
      time = there.offsetNanoseconds === time.offsetNanoseconds ? there : time.add({ minutes: 1 })
    } else return time.epochMilliseconds
  }
  return undefined
}

/** The next of these minutes behind one of an hour; 60, the first of the next hour, when there is none. */
function nextMinute({ values }: CronField, minute: number): number {
  let next = minute + 1
  while (next < 60 && !values.has(next)) next++
  return next
}

/** Date and weekday (0 is Sunday) must both suit when one of them is `*`, otherwise either. */
function suitsDay({ days, weekdays }: CronFields, day: number, weekday: number): boolean {
  const suitsDate = days.values.has(day)
  const suitsWeekday = weekdays.values.has(weekday)
  return days.isAny || weekdays.isAny ? suitsDate && suitsWeekday : suitsDate || suitsWeekday
}
