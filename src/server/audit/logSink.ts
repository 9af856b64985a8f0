import { messageOf } from '#lib/errorText.ts'
import type { AuditSink } from './audit.ts'

/** Takes whole lines, and throws when it cannot. */
export interface LineWriter {
  write(text: string): void
}

/** A sink that must be closed, so that what it holds is written. */
export interface LogSink extends AuditSink, Disposable {}

/**
 * Writes events as lines of JSON. Those of one turn of the event loop are written together. While writing fails each event
 * is tried by itself, so that whoever must not go unnoticed is refused until it works again.
 */
export function logSink(file: LineWriter, report: (problem: string) => void): LogSink {
  let waiting: string[] = []
  let isBroken = false
  const flush = (): void => {
    if (waiting.length === 0) return
    const lines = waiting
    waiting = []
    try {
      file.write(`${lines.join('\n')}\n`)
      isBroken = false
    } catch (error) {
      if (!isBroken) report(`cannot write ${lines.length} audit events: ${messageOf(error)}`)
      isBroken = true
    }
  }
  return {
    name: 'log',
    write(line) {
      waiting.push(line)
      if (isBroken) flush()
      else if (waiting.length === 1) setImmediate(flush)
      return !isBroken
    },
    [Symbol.dispose]: flush,
  }
}
