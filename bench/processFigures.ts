/** What `/proc` says of a living process. */
import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessFigures {
  /** Milliseconds of processor time since it started, its own and the system's for it. */
  readonly cpu: number
  /** Milliseconds since it was started, true to 10. */
  readonly age: number
  /** Bytes of memory, its own and what is mapped from files. */
  readonly resident: number
  /** How often its threads were woken from waiting. */
  readonly wakeups: number
}

/** Ticks in a second, as `/proc` counts processor time on every Linux that Node runs on. */
const ticksPerSecond = 100

export function readProcess(pid: number): ProcessFigures {
  const uptime = Number.parseFloat(readFileSync('/proc/uptime', 'utf8'))
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in brackets may hold anything; the fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user, system, started] = [fields[11], fields[12], fields[19]].map(Number) as [number, number, number]
  const wakeups = readdirSync(`/proc/${pid}/task`).map((thread) =>
    readStatus(`/proc/${pid}/task/${thread}`, 'voluntary_ctxt_switches'),
  )
  return {
    cpu: ((user + system) / ticksPerSecond) * 1000,
    age: (uptime - started / ticksPerSecond) * 1000,
    resident: readStatus(`/proc/${pid}`, 'VmRSS') * 1024,
    wakeups: wakeups.reduce((sum, each) => sum + each, 0),
  }
}

function readStatus(folder: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`${folder}/status`, 'utf8'))?.[1])
}
