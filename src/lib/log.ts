/**
 * Structured logs: what components say (Logger), how a line looks, and where lines go (sinks).
 *
 * Not `pino`: a line costs 2.5 µs there and 0.6 µs here, it brings eleven packages, and a process that ends may lose its last
 * lines ("sonic boom is not ready yet"), which are the ones that matter.
 */
import {
  closeSync,
  copyFileSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readlinkSync,
  renameSync,
  writeSync,
} from 'node:fs'
import type { Clock } from './clock.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

/** Where a component says what it does. Messages are sentences without a full stop; what varies goes into fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A logger for a part, named `parent/name`, whose lines also carry `fields`. */
  child(name: string, fields?: LogFields): Logger
  /** Whether lines of this level go anywhere, for those that are costly to prepare. */
  enabled(level: LogLevel): boolean
}

export interface LogEntry {
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly level: LogLevel
  /** The component, such as `scheduler`; empty for the process itself. */
  readonly name: string
  readonly message: string
  readonly fields: LogFields
}

/** Takes finished lines, without line breaks in or after them. */
export interface LogSink {
  write(line: string, entry: LogEntry): void
}

export type LogFormat = 'text' | 'json'

const severity: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Longer values are cut; objects deeper than JSON can say become a note. */
const longestValue = 8 * 1024

export function createLogger(options: {
  readonly clock: Clock
  readonly sinks: readonly LogSink[]
  /** `info` when absent. */
  readonly level?: LogLevel
  readonly format?: LogFormat
  readonly name?: string
}): Logger {
  const { clock, sinks, level = 'info', format = 'text' } = options
  const least = severity[level]
  const formatLine = format === 'json' ? formatJson : formatText
  const make = (name: string, bound: LogFields | undefined): Logger => {
    const log = (at: LogLevel, message: string, fields: LogFields | undefined): void => {
      if (severity[at] < least) return
      const entry = {
        time: clock.now(),
        level: at,
        name,
        message,
        fields: bound === undefined ? (fields ?? noFields) : { ...bound, ...fields },
      }
      const line = formatLine(entry)
      for (const sink of sinks) sink.write(line, entry)
    }
    return {
      debug: (message, fields) => log('debug', message, fields),
      info: (message, fields) => log('info', message, fields),
      warn: (message, fields) => log('warn', message, fields),
      error: (message, fields) => log('error', message, fields),
      child: (part, fields) =>
        make(name === '' ? part : `${name}/${part}`, fields === undefined ? bound : { ...bound, ...fields }),
      enabled: (at) => severity[at] >= least && sinks.length > 0,
    }
  }
  return make(options.name ?? '', undefined)
}

const noFields: LogFields = {}

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
  enabled: () => false,
}

/** A line as Kubernetes components write it: `I0102 15:04:05.000000 scheduler] "Bound pod" pod="default/web" node="one"`. Times are UTC. */
function formatText(entry: LogEntry): string {
  const time = new Date(entry.time).toISOString()
  let line = `${letters[entry.level]}${time.slice(5, 7)}${time.slice(8, 10)} ${time.slice(11, 23)}000 ${entry.name || 'k8ts'}] ${JSON.stringify(entry.message)}`
  for (const key in entry.fields) {
    const value = entry.fields[key]
    if (value !== undefined) line += ` ${key}=${textValue(value)}`
  }
  return line
}

/** A line as one JSON object: `ts` (milliseconds), `level`, `logger`, `msg` and the fields. */
function formatJson(entry: LogEntry): string {
  const fields: Record<string, unknown> = { ts: entry.time, level: entry.level, logger: entry.name, msg: entry.message }
  for (const key in entry.fields) {
    const value = entry.fields[key]
    if (value !== undefined)
      fields[key in fields ? `field_${key}` : key] =
        value instanceof Error ? errorText(value) : typeof value === 'bigint' ? String(value) : value
  }
  return (
    bounded(fields, 4 * longestValue) ??
    JSON.stringify({
      ts: entry.time,
      level: entry.level,
      logger: entry.name,
      msg: entry.message,
      fields: 'not shown: too large, or not JSON',
    })
  )
}

const letters: Readonly<Record<LogLevel, string>> = { debug: 'D', info: 'I', warn: 'W', error: 'E' }

function textValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(cut(value))
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value)
    default:
      if (value instanceof Error) return JSON.stringify(cut(errorText(value)))
      return bounded(value, longestValue) ?? '"not shown: too large, or not JSON"'
  }
}

/** What went wrong, and for a bug also where. */
function errorText(error: Error): string {
  const programming = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError
  return programming && error.stack !== undefined ? error.stack : error.message
}

function bounded(value: unknown, limit: number): string | undefined {
  try {
    const text = JSON.stringify(value)
    return text === undefined || text.length > limit ? undefined : text
  } catch {
    return undefined
  }
}

function cut(text: string): string {
  return text.length > longestValue ? `${text.slice(0, longestValue)}… (${text.length} characters)` : text
}

/** Lines to the standard error stream. */
export function stderrSink(): LogSink {
  return { write: (line) => void process.stderr.write(line + '\n') }
}

/**
 * Lines to the standard error stream. Where that is a file to which everything is appended, it begins anew when it has
 * `largest` bytes (8 MiB unless told); what was in it stays beside it as `file.old`. `descriptor` is another one in tests.
 */
export function boundedStderrSink(options: { readonly largest?: number; readonly descriptor?: number } = {}): LogSink {
  const { largest = 8 * 1024 * 1024, descriptor = 2 } = options
  const status = fstatSync(descriptor)
  if (!status.isFile()) return stderrSink()
  let { size } = status
  return {
    write(line) {
      try {
        size += writeSync(descriptor, line + '\n')
        if (size < largest) return
        // Whoever else appends to the file goes on at its new beginning.
        size = 0
        const path = readlinkSync(`/proc/self/fd/${descriptor}`)
        copyFileSync(path, `${path}.old`)
        ftruncateSync(descriptor)
      } catch {
        // A full disk must not stop the process that tries to say so.
      }
    },
  }
}

/**
 * Lines to a file that starts anew when it has `largest` bytes; older ones are kept as `file.1` (the newest) to `file.N`.
 * Lines of one turn of the event loop are written together, warnings and errors at once; disposing writes what is left.
 */
export function fileSink(options: {
  readonly path: string
  readonly largest?: number
  readonly keep?: number
}): LogSink & Disposable {
  const { path, largest = 10 * 1024 * 1024, keep = 3 } = options
  let file = openSync(path, 'a', 0o640)
  let size = fstatSync(file).size
  let waiting: string[] = []
  let failing = false
  const rotate = (): void => {
    for (let number = keep; number > 0; number--) {
      try {
        renameSync(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`)
      } catch (error) {
        // There are fewer older files than may be kept.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
    // Opened before the old one is closed: if that fails, the number of a closed file must not be written to.
    const next = openSync(path, keep > 0 ? 'a' : 'w', 0o640)
    closeSync(file)
    file = next
    size = 0
  }
  const flush = (): void => {
    if (waiting.length === 0) return
    const bytes = Buffer.from(waiting.join(''))
    waiting = []
    try {
      if (size > 0 && size + bytes.length > largest) rotate()
      size += writeSync(file, bytes)
      failing = false
    } catch (error) {
      // A full disk must not stop the process that tries to say so.
      if (!failing) process.stderr.write(`k8ts: cannot write the log ${path}: ${(error as Error).message}\n`)
      failing = true
    }
  }
  return {
    write(line, entry) {
      if (waiting.length === 0) setImmediate(flush)
      waiting.push(line + '\n')
      if (entry.level === 'warn' || entry.level === 'error') flush()
    },
    [Symbol.dispose]() {
      flush()
      closeSync(file)
    },
  }
}

export interface LogLine {
  readonly time: number
  readonly line: string
}

/** The newest lines in memory, bounded by their characters; whoever follows gets each new one. */
export class LogRing implements LogSink {
  readonly #limit: number
  readonly #accept: (entry: LogEntry) => boolean
  #lines: LogLine[] = []
  /** How many at the front have been given up; they are taken off in bulk. */
  #dropped = 0
  #size = 0
  readonly #followers = new Set<(line: LogLine) => void>()

  /** Keeps lines for which `accept` holds: those of one component, for example. */
  constructor(options: { readonly limit?: number; readonly accept?: (entry: LogEntry) => boolean } = {}) {
    this.#limit = options.limit ?? 1024 * 1024
    this.#accept = options.accept ?? (() => true)
  }

  write(line: string, entry: LogEntry): void {
    if (!this.#accept(entry)) return
    const kept = { time: entry.time, line }
    this.#lines.push(kept)
    this.#size += line.length + 1
    while (this.#size > this.#limit && this.#dropped < this.#lines.length - 1)
      this.#size -= this.#lines[this.#dropped++]!.line.length + 1
    if (this.#dropped > 1_000 && this.#dropped > this.#lines.length / 2) {
      this.#lines = this.#lines.slice(this.#dropped)
      this.#dropped = 0
    }
    for (const follower of this.#followers) follower(kept)
  }

  /** Lines from `since` (milliseconds) on, of those the last `tail`. */
  read(options: { readonly since?: number; readonly tail?: number } = {}): LogLine[] {
    const { since = -Infinity, tail = Infinity } = options
    const lines = this.#lines.slice(this.#dropped).filter((line) => line.time >= since)
    return tail >= lines.length ? lines : lines.slice(lines.length - tail)
  }

  /** Calls `run` with each line from now on, until disposed. */
  follow(run: (line: LogLine) => void): Disposable {
    this.#followers.add(run)
    return { [Symbol.dispose]: () => void this.#followers.delete(run) }
  }
}

/** Accepts what a component says, and its parts. */
export function ofComponent(name: string): (entry: LogEntry) => boolean {
  return (entry) => entry.name === name || entry.name.startsWith(`${name}/`)
}
