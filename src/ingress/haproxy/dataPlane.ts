/** Serving a routing with HAProxy: in the running process where that can be done, with a new one that takes over otherwise. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { Semaphore } from '#lib/async/mutex.ts'
import { exponentialDelay } from '#lib/async/backoff.ts'
import { RecentMap } from '#lib/collections/recentMap.ts'
import { messageOf } from '#lib/errorText.ts'
import type { Host } from '#lib/host/host.ts'
import type { Logger } from '#lib/log.ts'
import type { Applied, Certificate, DataPlane, ListenAddresses, Routing } from '#ingress/routing.ts'
import { Agent } from './agent.ts'
import { isNothing, planChanges } from './changes.ts'
import type { Changes } from './changes.ts'
import { compile, CompiledParts, withServers } from './compile.ts'
import type { Compiled } from './compile.ts'
import { configurationFiles } from './configuration.ts'
import type { ConfigurationOptions } from './configuration.ts'
import { withKeptSections, withSpares } from './keptSections.ts'
import { PlaneBehind } from './planeBehind.ts'
import { HaproxyProcess } from './process.ts'
import { exchange, replaceMap, runCommands } from './runtime.ts'
import { findWorker } from './worker.ts'
import type { Worker } from './worker.ts'

export interface HaproxyOptions {
  /** For this data plane alone: it is made, and removed at the end. */
  readonly folder: string
  /** The path of the program. */
  readonly program: string
  readonly listen: ListenAddresses
  readonly host: Pick<Host, 'processes' | 'files' | 'clock'>
  readonly log: Logger
  /** Name servers that know the servers of external authentication; the machine's own when absent. */
  readonly nameServers?: readonly string[]
  /** The network namespace to listen in; our own when absent. */
  readonly namespaceFile?: string
  /** Whether HAProxy ends when we are killed. It serves on until the next data plane finds it when absent. */
  readonly endsWithUs?: boolean
  /** As many as there are processors, at most four, when absent. */
  readonly threads?: number
  /** How long a client may take for the headers of a request, in milliseconds; 20 seconds when absent. */
  readonly headersTimeout?: number
}

const mostThreads = 4
const deleteEveryMs = 1_000
/** That many commands fit into one line. */
const mostDeletions = 200
const restartDelays = { first: 10, most: 5_000 }

/** A process of an earlier life is taken over by the first `apply`. */
export async function haproxyDataPlane(options: HaproxyOptions): Promise<DataPlane> {
  const worker = await findWorker(options.host.files)
  return new HaproxyDataPlane(options, worker, await HaproxyProcess.open({ ...options, worker }))
}

class HaproxyDataPlane implements DataPlane {
  readonly kind = 'haproxy'
  readonly #options: HaproxyOptions
  readonly #process: HaproxyProcess
  readonly #lock = new Semaphore()
  readonly #agent: Agent
  readonly #behind: PlaneBehind
  readonly #worker: Worker
  readonly #parts = new CompiledParts()
  readonly #usable = new RecentMap<string, boolean>(10_000)
  /** What is served; absent until the first `apply`. */
  #served: Compiled | undefined
  #routing: Routing | undefined
  /** Servers without new requests, as `section/server`, until the process lets go of them. */
  readonly #leaving = new Set<string>()
  #timer: Disposable | undefined
  #watching = false
  #isOver = false

  constructor(options: HaproxyOptions, worker: Worker, running: HaproxyProcess) {
    this.#options = options
    this.#worker = worker
    this.#process = running
    const { folder, host, log, nameServers } = options
    const shared = { log, worker, ...(nameServers === undefined ? {} : { nameServers }) }
    this.#agent = new Agent({ ...shared, socketPath: `${folder}/agent.sock` })
    this.#behind = new PlaneBehind({ ...shared, folder, host })
  }

  apply(routing: Routing): Promise<Applied> {
    return this.#lock.run(async () => {
      if (this.#isOver) throw new Error('Cannot serve: the data plane has ended')
      const compiled = this.#compile(routing)
      const { left } = compiled
      await this.#agent.serve(compiled.agentRules)
      if (compiled.usesPlaneBehind) await this.#behind.serve(routing)
      const how = await this.#bring(compiled)
      this.#routing = routing
      this.#agent.forgetOthers(compiled.agentRules)
      this.#watch()
      return { how, left }
    })
  }

  #compile(routing: Routing): Compiled {
    const known =
      this.#served === undefined || this.#routing === undefined
        ? undefined
        : withServers(this.#served, this.#routing, routing)
    if (known !== undefined) return known
    const { folder } = this.#options
    return compile(routing, { folder, isUsable: (each) => this.#isUsable(each) }, this.#parts)
  }

  async #bring(compiled: Compiled): Promise<Applied['how']> {
    const before = this.#served
    if (before !== undefined && this.#process.isRunning) {
      if (before === compiled) return 'nothing'
      const kept = withKeptSections(before, compiled)
      const changes = kept && planChanges(before, kept, this.#leaving, this.#configuration(0))
      if (changes !== undefined) {
        try {
          if (!isNothing(changes)) await this.#change(changes)
          this.#served = kept
          return isNothing(changes) ? 'nothing' : 'in place'
        } catch (error) {
          this.#options.log.warn('Cannot change HAProxy in place; a new process takes over', {
            error: messageOf(error),
          })
        }
      }
    }
    const whole = withSpares(compiled, this.#process.nextGeneration)
    await this.#replace(whole)
    this.#served = whole
    return 'reload'
  }

  #configuration(generation: number): ConfigurationOptions {
    const {
      folder,
      listen,
      threads = Math.min(availableParallelism(), mostThreads),
      headersTimeout = 20_000,
    } = this.#options
    const { user } = this.#worker
    return { folder, listen, generation, threads, headersTimeout, ...(user === undefined ? {} : { user }) }
  }

  async #replace(compiled: Compiled): Promise<void> {
    await this.#process.serve(configurationFiles(compiled, this.#configuration(this.#process.nextGeneration)))
    this.#leaving.clear()
  }

  async #change(changes: Changes): Promise<void> {
    const { certificates, servers, maps, withdrawals, leaving, cleanUp, forOldWorkers } = changes
    const socket = this.#process.workerSocket
    for (const { line } of servers) this.#leaving.delete(line.split(' ')[2]!)
    const last = [...withdrawals, ...cleanUp]
    await runCommands(socket, [...certificates, ...servers, ...(maps.length === 0 ? last : [])])
    for (const map of maps) await replaceMap(socket, this.#options.folder, map)
    if (maps.length > 0) await runCommands(socket, last)
    for (const place of leaving) this.#leaving.add(place)
    if (this.#leaving.size > 0) this.#timer ??= this.#options.host.clock.after(deleteEveryMs, () => this.#deleteLater())
    await this.#process.tellOldWorkers(forOldWorkers)
  }

  /** Deletes servers whose last connection has gone. */
  #deleteLater(): void {
    this.#timer = undefined
    this.#lock
      .run(async () => {
        if (this.#isOver) return
        const places = [...this.#leaving].slice(0, mostDeletions)
        const told = `${places.map((place) => `del server ${place}`).join(';')}\n`
        const lines = (await exchange(this.#process.workerSocket, told)).split('\n').filter((line) => line !== '')
        for (const [at, place] of places.entries()) {
          // Those that still have requests are asked about again, after all others.
          this.#leaving.delete(place)
          if (lines[at]?.includes('still has connections') !== false) this.#leaving.add(place)
        }
      })
      .catch((error: unknown) => {
        this.#options.log.debug('Cannot delete servers from HAProxy', { error: messageOf(error) })
      })
      .finally(() => {
        if (this.#leaving.size > 0 && !this.#isOver)
          this.#timer ??= this.#options.host.clock.after(deleteEveryMs, () => this.#deleteLater())
      })
  }

  /** A process that was ended by somebody else is started again with what it served. */
  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    const { log, host } = this.#options
    const restart = async (): Promise<void> => {
      for (let failures = 0; !this.#isOver; failures++) {
        await this.#process.ended()
        try {
          await this.#lock.run(async () => {
            if (this.#isOver || this.#process.isRunning) return
            log.warn('HAProxy has ended; it is started again')
            await this.#replace(this.#served!)
          })
          failures = 0
        } catch (error) {
          log.error('Cannot start HAProxy again', { error: messageOf(error) })
          await host.clock.sleep(exponentialDelay(failures, restartDelays))
        }
      }
    }
    void restart()
  }

  #isUsable(certificate: Certificate): boolean {
    return this.#usable.getOrMake(`${certificate.chain}\n${certificate.key}`, () => {
      try {
        const key = createPrivateKey(certificate.key)
        const found = new X509Certificate(certificate.chain)
        const same = (one: ReturnType<typeof createPublicKey>): boolean => one.equals(found.publicKey)
        return !certificate.chain.includes('PRIVATE KEY') && same(createPublicKey(key))
      } catch {
        return false
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    this.#timer?.[Symbol.dispose]()
    await this.#lock.run(async () => {
      await this.#process.end()
      await this.#agent[Symbol.asyncDispose]()
      await this.#behind[Symbol.asyncDispose]()
    })
  }
}
