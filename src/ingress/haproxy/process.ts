/**
 * The HAProxy process of a data plane: started, replaced without a gap, found again after our own end, and ended. Its master lives
 * on its own; workers serve, and one that was replaced ends its requests. All that it reads and the sockets it listens on for us
 * are in one folder of which nobody else can read anything; its workers, who are not root, can connect to two sockets in it.
 */
import { connect } from 'node:net'
import type { Host } from '#lib/host/host.ts'
import { CommandError } from '#lib/host/process.ts'
import type { ProcessIdentity } from '#lib/host/process.ts'
import { makePrivateFolder, readPidFile, writePidFile } from '#lib/host/files.ts'
import { behindSocket, nextBehindSocket } from './planeBehind.ts'
import { exchange } from './runtime.ts'
import type { Worker } from './worker.ts'

export interface ProcessOptions {
  /** Private, and short: paths of sockets below it may have 107 characters. */
  readonly folder: string
  /** The path of the program. */
  readonly program: string
  readonly host: Pick<Host, 'processes' | 'files' | 'clock'>
  readonly worker: Worker
  /** The network namespace to listen in; our own when absent. */
  readonly namespaceFile?: string
  /** Whether it ends when we are killed. It serves on until it is found again when absent. */
  readonly endsWithUs?: boolean
}

const longestStartMs = 30_000
const longestEndMs = 5_000
const signalAgainMs = 3_000
const pollMs = 5
/** Of files that are not of one process. */
const lasting: ReadonlySet<string> = new Set([
  'haproxy.pid',
  'haproxy.log',
  'master.sock',
  'agent.sock',
  behindSocket,
  nextBehindSocket,
])

export class HaproxyProcess {
  readonly #options: ProcessOptions
  #master: ProcessIdentity | undefined
  #generation = 0
  #hasOldWorkers = false

  private constructor(options: ProcessOptions) {
    this.#options = options
  }

  /** Finds the process of an earlier life of ours, if there is one. */
  static async open(options: ProcessOptions): Promise<HaproxyProcess> {
    const { folder, host, worker } = options
    if (folder.length > 80)
      throw new Error(`Cannot use the folder "${folder}" for HAProxy: its path is too long for sockets`)
    await makePrivateFolder(host.files, folder, process.getuid?.() ?? 0)
    await worker.open(folder)
    const found = new HaproxyProcess(options)
    for (const name of await host.files.list(folder))
      found.#generation = Math.max(found.#generation, Number(/^worker-(\d+)\.sock$/.exec(name)?.[1] ?? 0))
    const noted = await readPidFile(host.files, host.processes, `${folder}/haproxy.pid`)
    const running = noted && host.processes.list().find(({ pid }) => pid === noted.pid)
    if (running?.command.includes(`${folder}/haproxy.cfg`) === true) found.#master = noted
    return found
  }

  get isRunning(): boolean {
    return this.#master !== undefined && this.#options.host.processes.isAlive(this.#master)
  }

  get nextGeneration(): number {
    return this.#generation + 1
  }

  /** Takes commands for the worker that serves new connections. */
  get workerSocket(): string {
    return `${this.#options.folder}/worker-${this.#generation}.sock`
  }

  get masterSocket(): string {
    return `${this.#options.folder}/master.sock`
  }

  /** Starts the process with these files, or lets a new worker take over; rejects when it does not like them, and nothing has changed. */
  async serve(files: ReadonlyMap<string, string>): Promise<void> {
    const { folder, host, program } = this.#options
    for (const [name, text] of files)
      if (name !== 'haproxy.cfg') await host.files.write(`${folder}/${name}`, text, { mode: 0o600 })
    await host.files.write(`${folder}/candidate.cfg`, files.get('haproxy.cfg')!, { mode: 0o600 })
    const check = await host.processes.run([program, '-c', '-q', '-f', `${folder}/candidate.cfg`])
    if (check.code !== 0)
      throw new CommandError([program, '-c'], check.stderr.trim().split('\n').slice(0, 3).join('; '), check)
    await host.files.rename(`${folder}/candidate.cfg`, `${folder}/haproxy.cfg`)
    const wasRunning = this.isRunning
    this.#generation++
    this.#hasOldWorkers = wasRunning
    if (wasRunning) host.processes.kill(this.#master!.pid, 'SIGUSR2')
    else await this.#start()
    await this.#untilServing(wasRunning)
    await this.#tidy(files)
  }

  async #start(): Promise<void> {
    const { folder, host, program, namespaceFile, endsWithUs = false } = this.#options
    // Workers end with their master, and a master that makes itself anew may miss any other signal.
    const leash = endsWithUs ? ['setpriv', '--pdeathsig', 'KILL'] : []
    const command = [
      ...leash,
      program,
      '-W',
      '-q',
      '-S',
      `${folder}/master.sock,mode,600`,
      '-f',
      `${folder}/haproxy.cfg`,
    ]
    const started = await host.processes.start(
      namespaceFile === undefined ? command : ['nsenter', `--net=${namespaceFile}`, ...command],
      { logFile: `${folder}/haproxy.log` },
    )
    this.#master = started
    await writePidFile(host.files, `${folder}/haproxy.pid`, started)
  }

  /**
   * A worker answers once it serves, and its master once it heeds signals again: one that came while it made itself anew is
   * lost, so it is sent once more.
   */
  async #untilServing(isReplaced: boolean): Promise<void> {
    const { clock, processes } = this.#options.host
    const end = clock.now() + longestStartMs
    let signalled = clock.now()
    const answers = async (socket: string, question: string): Promise<boolean> =>
      (await exchange(socket, question).catch(() => '')).trim() !== ''
    for (;;) {
      if ((await answers(this.workerSocket, 'show version\n')) && (await answers(this.masterSocket, 'show proc\n')))
        return
      const now = clock.now()
      if (!this.isRunning) throw new Error(`HAProxy ended at its start: ${await this.#lastWords()}`)
      if (now > end)
        throw new Error(`HAProxy did not serve within ${longestStartMs / 1000} s: ${await this.#lastWords()}`)
      if (isReplaced && now > signalled + signalAgainMs) {
        signalled = now
        processes.kill(this.#master!.pid, 'SIGUSR2')
      }
      await clock.sleep(pollMs)
    }
  }

  async #lastWords(): Promise<string> {
    const text = (await this.#options.host.files.readText(`${this.#options.folder}/haproxy.log`)) ?? ''
    return text.trim().split('\n').slice(-3).join('; ').slice(-1_000) || 'it said nothing'
  }

  /** Removes what only earlier processes needed, above all keys. */
  async #tidy(files: ReadonlyMap<string, string>): Promise<void> {
    const { folder, host } = this.#options
    for (const name of await host.files.list(folder))
      if (!files.has(name) && !lasting.has(name) && `${folder}/${name}` !== this.workerSocket)
        await host.files.remove(`${folder}/${name}`)
  }

  /** Resolves once the process has ended, however that came. */
  async ended(): Promise<void> {
    while (this.isRunning) {
      await new Promise<void>((resolve) => {
        // The master closes its side when it ends, and also when it is told to start a new worker.
        const socket = connect(this.masterSocket)
        socket.on('error', () => undefined)
        socket.on('close', () => resolve())
        socket.resume()
        socket.unref()
      })
      await this.#options.host.clock.sleep(10 * pollMs)
    }
  }

  /** Runs commands in workers that were replaced and still have requests; what they cannot do does not matter. */
  async tellOldWorkers(lines: readonly string[]): Promise<void> {
    if (!this.#hasOldWorkers || lines.length === 0) return
    const answer = await exchange(this.masterSocket, 'show proc\n').catch(() => '')
    const old = [...(answer.split('# old workers')[1] ?? '').matchAll(/^(\d+)\s+worker/gm)]
    this.#hasOldWorkers = old.length > 0
    for (const [, pid] of old)
      for (const line of lines) await exchange(this.masterSocket, `@!${pid} ${line}\n`).catch(() => '')
  }

  /** Ends the process and removes everything it had. */
  async end(): Promise<void> {
    const { folder, host } = this.#options
    const master = this.#master
    if (master !== undefined && this.isRunning) {
      const workers = host.processes.list().filter(({ parent }) => parent === master.pid)
      host.processes.kill(master.pid, 'SIGTERM')
      const last = host.clock.now() + longestEndMs
      while (this.isRunning && host.clock.now() < last) await host.clock.sleep(pollMs)
      for (const each of [master, ...workers])
        if (host.processes.isAlive(each)) host.processes.kill(each.pid, 'SIGKILL')
    }
    this.#master = undefined
    await host.files.remove(folder)
  }
}
