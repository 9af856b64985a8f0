/**
 * lib/host: the only code that touches the operating system: processes, files, mounts, cgroups, nftables, network links.
 * Each file has an interface, the real implementation and an in-memory fake, so that what decides can be tested
 * without root. Nothing here knows about Kubernetes, nodes or clusters.
 *
 * This file: commands that end, children that outlive us, and who is alive.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import type { Writable } from 'node:stream'

/** What a finished command left: `code` is 128 + signal number when a signal ended it. */
export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /**
   * Written to standard input, which is then closed. Texts that are made one after the other are written as they are read;
   * if making one throws the command is killed, so that it never takes a part for the whole.
   */
  readonly input?: string | Uint8Array | Iterable<string>
  /** The whole process group is killed after this time; 60,000 unless told. */
  readonly timeoutMs?: number
  /** More output than this on either stream kills the command; 16 MiB unless told. */
  readonly maxOutputBytes?: number
  readonly cwd?: string
  /** Replaces the environment; our own is inherited when absent. */
  readonly env?: Readonly<Record<string, string>>
  /** Called with each piece of standard output and error as it comes. */
  readonly onOutput?: (text: string) => void
}

export interface StartOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Standard output and error are appended here; dropped when absent. */
  readonly logFile?: string
}

/** A process for its whole life: a pid alone may come back as another process. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks after boot at which the process started, as in /proc/PID/stat. */
  readonly startTicks: number
}

/** A child started by us; it lives on when we end. */
export interface StartedProcess extends ProcessIdentity {
  /** Settles with the exit code (128 + signal number) once the child has ended. */
  readonly exited: Promise<number>
}

export interface RunningProcess extends ProcessIdentity {
  readonly parent: number
  readonly command: readonly string[]
  /** Inode of the mount namespace, undefined when it cannot be read. */
  readonly mountNamespace: number | undefined
  readonly networkNamespace: number | undefined
}

export interface Processes {
  /** Runs a command to its end and returns whatever code it had; rejects with CommandError when it could not start, ran too long or said too much, and with the signal's reason on abort. */
  run(argv: readonly string[], options?: RunOptions, signal?: AbortSignal): Promise<CommandResult>
  /** Starts a child in a session of its own; rejects with CommandError when the program cannot be executed. */
  start(argv: readonly string[], options?: StartOptions): Promise<StartedProcess>
  /** The identity of a living process; undefined when there is none or it is a zombie. */
  identify(pid: number): ProcessIdentity | undefined
  /** Whether this very process (not a later one of the same pid) runs; zombies count as dead. */
  isAlive(process: ProcessIdentity): boolean
  /** Sends a signal; false when the process is gone. */
  kill(pid: number, signal: NodeJS.Signals): boolean
  /** Every living process that we may see. */
  list(): readonly RunningProcess[]
  /** Paths of the unix sockets on which these processes listen. */
  socketsOf(pids: readonly number[]): readonly string[]
}

/** A command that did not do what was asked; the message carries the command and the end of its standard error. */
export class CommandError extends Error {
  override name = 'CommandError'
  readonly argv: readonly string[]
  readonly result: CommandResult | undefined
  constructor(argv: readonly string[], why: string, result?: CommandResult) {
    super(`Cannot run "${describeCommand(argv)}": ${why}`)
    this.argv = argv
    this.result = result
  }
}

/** The machine has no such program. */
export class ProgramNotFoundError extends CommandError {
  override name = 'ProgramNotFoundError'
  constructor(argv: readonly string[]) {
    super(argv, 'program not found')
  }
}

/** How a command ends that asks for what only its program can have made: without the program there is nothing. */
export function silentIfNotFound(running: Promise<CommandResult>): Promise<CommandResult> {
  return running.catch((error: unknown) => {
    if (error instanceof ProgramNotFoundError) return { code: 0, stdout: '', stderr: '' }
    throw error
  })
}

const cannotStart = (argv: readonly string[], { code, message }: NodeJS.ErrnoException): CommandError =>
  code === 'ENOENT' ? new ProgramNotFoundError(argv) : new CommandError(argv, message)

const describeCommand = (argv: readonly string[]): string => {
  const text = argv.join(' ').replaceAll(/\s+/g, ' ')
  return text.length > 160 ? `${text.slice(0, 157)}...` : text
}

/** Runs a command that must succeed and returns its standard output; rejects with CommandError for any other code than 0. */
export async function runChecked(
  processes: Processes,
  argv: readonly string[],
  options?: RunOptions,
  signal?: AbortSignal,
): Promise<string> {
  const result = await processes.run(argv, options, signal)
  if (result.code === 0) return result.stdout
  const reason = lastLines(result.stderr) || lastLines(result.stdout) || `exit code ${result.code}`
  throw new CommandError(argv, reason, result)
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-5).join('; ').slice(-2000)

const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
}
const exitCode = (code: number | null, signal: NodeJS.Signals | null): number =>
  code ?? 128 + (signal === null ? 0 : (signalNumbers[signal] ?? 0))

/** What /proc/PID/stat says; undefined when the text is not of that form. The name is in parentheses and may contain anything, so fields are counted from the last one. */
export function parseProcessStat(text: string): { state: string; parent: number; startTicks: number } | undefined {
  const end = text.lastIndexOf(')')
  if (end < 0) return undefined
  const fields = text.slice(end + 2).split(' ')
  const [state, parent, startTicks] = [fields[0], Number(fields[1]), Number(fields[19])]
  if (state === undefined || !Number.isInteger(parent) || !Number.isInteger(startTicks)) return undefined
  return { state, parent, startTicks }
}

const isDead = (state: string): boolean => state === 'Z' || state === 'X'

function readProcess(pid: number): { state: string; parent: number; startTicks: number } | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return undefined
  }
}

function readNamespace(pid: number, kind: 'mnt' | 'net'): number | undefined {
  try {
    const digits = /\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/${kind}`))?.[1]
    return digits === undefined ? undefined : Number(digits)
  } catch {
    return undefined
  }
}

/** The inode of the namespace bound to a file; undefined when the file is not a namespace. */
export function namespaceOfFile(path: string): number | undefined {
  try {
    const { ino, dev } = statSync(path)
    return dev === statSync('/proc/self/ns/mnt').dev ? ino : undefined
  } catch {
    return undefined
  }
}

/** The processes of this machine. */
export function systemProcesses(): Processes {
  return { run: runCommand, start: startChild, identify, isAlive, kill, list: listProcesses, socketsOf }
}

function runCommand(argv: readonly string[], options: RunOptions = {}, signal?: AbortSignal): Promise<CommandResult> {
  const { timeoutMs = 60_000, maxOutputBytes = 16 * 1024 * 1024 } = options
  const [program, ...rest] = argv
  if (program === undefined) return Promise.reject(new CommandError(argv, 'no program named'))
  if (signal?.aborted) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    // A group of its own, so that a time limit also ends what the command has started.
    const child = spawn(program, rest, {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    })
    let failure: unknown
    const stop = (why: unknown): void => {
      failure ??= why
      if (child.pid !== undefined) killGroup(child.pid)
    }
    const onAbort = (): void => stop(signal?.reason)
    const timer = setTimeout(() => stop(new CommandError(argv, `no end after ${timeoutMs} ms`)), timeoutMs)
    signal?.addEventListener('abort', onAbort, { once: true })
    const collect = (stream: NodeJS.ReadableStream): Buffer[] => {
      const pieces: Buffer[] = []
      let size = 0
      stream.on('data', (piece: Buffer) => {
        size += piece.length
        if (size > maxOutputBytes) return stop(new CommandError(argv, `more than ${maxOutputBytes} bytes of output`))
        pieces.push(piece)
        options.onOutput?.(piece.toString('utf8'))
      })
      return pieces
    }
    const stdout = collect(child.stdout)
    const stderr = collect(child.stderr)
    const settle = (act: () => void): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      act()
    }
    child.on('error', (error: NodeJS.ErrnoException) => settle(() => reject(cannotStart(argv, error))))
    child.on('close', (code, endSignal) =>
      settle(() => {
        if (failure !== undefined) return reject(failure)
        const text = (pieces: Buffer[]): string => Buffer.concat(pieces).toString('utf8')
        resolve({ code: exitCode(code, endSignal), stdout: text(stdout), stderr: text(stderr) })
      }),
    )
    // A command may end without reading what we send; its exit code tells the story then.
    child.stdin.on('error', () => undefined)
    const { input = '' } = options
    if (typeof input === 'string' || input instanceof Uint8Array) child.stdin.end(input)
    else void writePieces(child.stdin, input).catch(stop)
  })
}

/** Makes each text when there is room for it; ends when the reader has gone. */
async function writePieces(stream: Writable, pieces: Iterable<string>): Promise<void> {
  const hasClosed = new Promise<void>((resolve) => stream.once('close', resolve))
  for (const piece of pieces) {
    if (stream.destroyed) return
    if (!stream.write(piece))
      await Promise.race([new Promise<void>((resolve) => stream.once('drain', resolve)), hasClosed])
  }
  stream.end()
}

function startChild(argv: readonly string[], options: StartOptions = {}): Promise<StartedProcess> {
  const [program, ...rest] = argv
  if (program === undefined) return Promise.reject(new CommandError(argv, 'no program named'))
  const log = options.logFile === undefined ? undefined : openSync(options.logFile, 'a', 0o600)
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      detached: true,
      stdio: ['ignore', log ?? 'ignore', log ?? 'ignore'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    })
    if (log !== undefined) closeSync(log)
    const exited = new Promise<number>((settle) => child.on('exit', (code, signal) => settle(exitCode(code, signal))))
    child.on('error', (error) => reject(cannotStart(argv, error)))
    child.on('spawn', () => {
      child.unref()
      const pid = child.pid!
      // A child that has ended already is still a zombie of ours, so its start time can be read.
      resolve({ pid, startTicks: readProcess(pid)?.startTicks ?? 0, exited })
    })
  })
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

function identify(pid: number): ProcessIdentity | undefined {
  const found = readProcess(pid)
  return found === undefined || isDead(found.state) ? undefined : { pid, startTicks: found.startTicks }
}

function isAlive(wanted: ProcessIdentity): boolean {
  return identify(wanted.pid)?.startTicks === wanted.startTicks
}

function kill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

function listProcesses(): readonly RunningProcess[] {
  const found: RunningProcess[] = []
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    const stat = readProcess(pid)
    if (stat === undefined || isDead(stat.state)) continue
    let command: string[]
    try {
      command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
    } catch {
      continue
    }
    found.push({
      pid,
      startTicks: stat.startTicks,
      parent: stat.parent,
      command,
      mountNamespace: readNamespace(pid, 'mnt'),
      networkNamespace: readNamespace(pid, 'net'),
    })
  }
  return found
}

function socketsOf(pids: readonly number[]): readonly string[] {
  const inodes = new Set<string>()
  for (const pid of pids) {
    try {
      for (const name of readdirSync(`/proc/${pid}/fd`)) {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1]
        if (inode !== undefined) inodes.add(inode)
      }
    } catch {
      // The process or the file is gone.
    }
  }
  const listening = new Set<string>()
  for (const line of readFileSync('/proc/net/unix', 'utf8').split('\n')) {
    // Num: RefCount Protocol Flags Type St Inode Path; flag 0x10000 says that it listens.
    const [, , , flags, , , inode, path] = line.trim().split(/\s+/)
    if (flags === '00010000' && path?.startsWith('/') && inodes.has(inode!)) listening.add(path)
  }
  return [...listening]
}

/** An in-memory machine: `answer` plays the commands, started children live until killed. */
export interface FakeProcesses extends Processes {
  /** Every command run or started, in order, with the text it was given. */
  readonly commands: { readonly argv: readonly string[]; readonly input: string }[]
  /** Adds a living process as if somebody else had started it. */
  add(process: Partial<RunningProcess> & { pid: number }): void
}

/** A fake whose commands end as `answer` says: a result, an error to throw, or nothing for success without output. */
export function fakeProcesses(
  answer: (argv: readonly string[], input: string) => Partial<CommandResult> | Error | undefined = () => undefined,
): FakeProcesses {
  const commands: FakeProcesses['commands'] = []
  const living = new Map<number, { process: RunningProcess; end: (code: number) => void }>()
  let nextPid = 1000
  const play = (argv: readonly string[], input: string): CommandResult => {
    commands.push({ argv, input })
    const outcome = answer(argv, input)
    if (outcome instanceof Error) throw outcome
    return { code: 0, stdout: '', stderr: '', ...outcome }
  }
  const add: FakeProcesses['add'] = (given) => {
    const whole = {
      startTicks: given.pid,
      parent: 1,
      command: [],
      mountNamespace: undefined,
      networkNamespace: undefined,
      ...given,
    }
    living.set(given.pid, { process: whole, end: () => undefined })
  }
  return {
    commands,
    add,
    run: async (argv, options, signal) => {
      signal?.throwIfAborted()
      const { input = '' } = options ?? {}
      if (typeof input === 'string') return play(argv, input)
      return play(argv, input instanceof Uint8Array ? Buffer.from(input).toString('utf8') : [...input].join(''))
    },
    start: async (argv) => {
      play(argv, '')
      const pid = nextPid++
      add({ pid, command: argv })
      const entry = living.get(pid)!
      const exited = new Promise<number>((settle) => (entry.end = settle))
      return { pid, startTicks: pid, exited }
    },
    identify: (pid) => {
      const found = living.get(pid)?.process
      return found === undefined ? undefined : { pid, startTicks: found.startTicks }
    },
    isAlive: (wanted) => living.get(wanted.pid)?.process.startTicks === wanted.startTicks,
    kill: (pid, signal) => {
      const found = living.get(pid)
      if (found === undefined) return false
      if (signal === 'SIGKILL' || signal === 'SIGTERM') {
        living.delete(pid)
        found.end(128 + (signalNumbers[signal] ?? 0))
      }
      return true
    },
    list: () => [...living.values()].map((entry) => entry.process),
    socketsOf: () => [],
  }
}
