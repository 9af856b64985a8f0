/** One line of a container's log as the runtime writes it: `2026-01-01T00:00:00.000000001Z stdout F text`. */
export interface LogLine {
  /** RFC 3339 with nanoseconds, as it is written. */
  readonly time: string
  readonly stream: 'stdout' | 'stderr'
  /** The runtime cut the line here; the next record goes on with it. */
  readonly isPartial: boolean
  readonly text: Buffer
}

const space = 0x20
const letterP = 0x50

/** Reads one record without its newline; undefined when it is not of that form. */
export function parseLogLine(record: Buffer): LogLine | undefined {
  const first = record.indexOf(space)
  const second = record.indexOf(space, first + 1)
  const third = record.indexOf(space, second + 1)
  if (first <= 0 || second < 0 || third < 0) return undefined
  const stream = record.toString('latin1', first + 1, second)
  if (stream !== 'stdout' && stream !== 'stderr') return undefined
  return {
    time: record.toString('latin1', 0, first),
    stream,
    isPartial: record[second + 1] === letterP,
    text: record.subarray(third + 1),
  }
}

/** The text of the last lines among complete records, at most `maxLines` and `maxBytes`. */
export function tailText(log: Buffer, maxLines: number, maxBytes: number): string {
  const texts: Buffer[] = []
  let lines = 0
  let end = log.length
  while (end > 0 && lines <= maxLines) {
    if (log[end - 1] === 0x0a) end--
    const start = log.lastIndexOf(0x0a, end - 1) + 1
    const line = parseLogLine(log.subarray(start, end))
    if (line !== undefined) {
      if (!line.isPartial) lines++
      if (lines > maxLines) break
      texts.unshift(line.isPartial ? line.text : Buffer.concat([line.text, Buffer.from('\n')]))
    }
    end = start
  }
  const all = Buffer.concat(texts)
  return all.subarray(Math.max(0, all.length - maxBytes)).toString('utf8')
}

/** Milliseconds since the epoch of a record's time; NaN when it cannot be read. */
export function logTime(line: LogLine): number {
  // Nanoseconds are more than Date reads.
  return Date.parse(line.time.replace(/(\.\d{3})\d+/, '$1'))
}
