/** What `/proc` says of a living process. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

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
  const fields = statOf(pid)
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

/** The fields of `/proc/PID/stat` from the state on. The name before it, in brackets, may hold anything. */
function statOf(pid: number): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** The milliseconds of processor time of all children that a process has waited for, and of theirs. */
export function readChildrenCpu(pid: number): number {
  const [user, system] = statOf(pid).slice(13, 15).map(Number) as [number, number]
  return ((user + system) / ticksPerSecond) * 1000
}

/** Those among all living processes that descend from one. */
export function descendantsOf(pid: number): readonly number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      parents.set(Number(name), Number(statOf(Number(name))[1]))
    } catch {
      // It has ended meanwhile.
    }
  }
  const found = [pid]
  for (const each of found) for (const [child, parent] of parents) if (parent === each) found.push(child)
  return found.slice(1)
}

/** The bytes of memory that processes take together: files of a program count once, however many run it. */
export function residentTogether(pids: readonly number[]): number {
  const files = new Map<string, number>()
  let own = 0
  for (const pid of pids) {
    const folder = `/proc/${pid}`
    own += readStatus(folder, 'RssAnon') + readStatus(folder, 'RssShmem')
    const program = readlinkSync(`${folder}/exe`)
    files.set(program, Math.max(files.get(program) ?? 0, readStatus(folder, 'RssFile')))
  }
  return [...files.values()].reduce((sum, each) => sum + each, own) * 1024
}

function readStatus(folder: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`${folder}/status`, 'utf8'))?.[1])
}
