/**
 * The data plane in Node behind HAProxy, for requests that HAProxy cannot serve as they must be: it counts bodies of unknown length,
 * and asks another server for a page when one has answered with an error.
 * HAProxy reaches it by a unix socket. Until the first request comes this process listens there itself and nothing else of it is
 * there; then the plane, in a thread of its own, takes the place of the socket.
 */
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { once } from 'node:events'
import { messageOf } from '#lib/errorText.ts'
import type { Host } from '#lib/host/host.ts'
import type { Logger } from '#lib/log.ts'
import { startNodeDataPlane } from '#ingress/node/thread.ts'
import type { DataPlane, Routing } from '#ingress/routing.ts'
import type { Worker } from './worker.ts'

export interface PlaneBehindOptions {
  readonly folder: string
  readonly host: Pick<Host, 'files' | 'clock'>
  readonly log: Logger
  /** Who connects. */
  readonly worker: Worker
  /** Name servers that know the servers of external authentication; the machine's own when absent. */
  readonly nameServers?: readonly string[]
}

/** Names in the folder: where HAProxy connects to, and what is put there next. */
export const behindSocket = 'behind.sock'
export const nextBehindSocket = 'behind-next.sock'

const restartMs = 100

export class PlaneBehind implements AsyncDisposable {
  readonly #options: PlaneBehindOptions
  #door: Server | undefined
  #plane: Promise<DataPlane> | undefined
  #routing: Routing | undefined
  readonly #guests = new Set<Socket>()
  #isOver = false

  constructor(options: PlaneBehindOptions) {
    this.#options = options
  }

  /** Serves this to whoever comes. What it cannot serve is said in the log; what was served before still is. */
  async serve(routing: Routing): Promise<void> {
    this.#routing = routing
    if (this.#door === undefined) await this.#open()
    const plane = await this.#plane
    await plane?.apply(routing).catch((error: unknown) => this.#tell('cannot take a change over', error))
  }

  async #open(): Promise<void> {
    const { folder } = this.#options
    // Nothing is read before it can be passed on.
    const door = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => this.#lead(socket))
    await this.#options.host.files.remove(`${folder}/${nextBehindSocket}`)
    door.listen(`${folder}/${nextBehindSocket}`)
    await once(door, 'listening')
    door.unref()
    await this.#putInPlace()
    this.#door = door
  }

  /** Whoever connects from now on meets the socket that was made last; closed ones stay where they are. */
  async #putInPlace(): Promise<void> {
    const { folder, host, worker } = this.#options
    await worker.admit(`${folder}/${nextBehindSocket}`)
    await host.files.rename(`${folder}/${nextBehindSocket}`, `${folder}/${behindSocket}`)
  }

  /** Those who came before the plane are led to it. */
  #lead(socket: Socket): void {
    this.#guests.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => this.#guests.delete(socket))
    this.#plane ??= this.#start()
    this.#plane.then(
      () => {
        const onward = connect({ path: `${this.#options.folder}/${behindSocket}`, allowHalfOpen: true })
        onward.on('error', () => socket.destroy())
        onward.once('close', () => socket.destroy())
        socket.once('close', () => onward.destroy())
        socket.pipe(onward).pipe(socket)
      },
      () => socket.destroy(),
    )
  }

  async #start(): Promise<DataPlane> {
    const { folder, log, nameServers, host } = this.#options
    try {
      await host.files.remove(`${folder}/${nextBehindSocket}`)
      const plane = await startNodeDataPlane({
        listen: { http: [], https: [], behind: `${folder}/${nextBehindSocket}` },
        logger: log,
        ...(nameServers === undefined ? {} : { nameServers }),
        onDeath: (error) => this.#startAgain(error),
      })
      await plane.apply(this.#routing!)
      await this.#putInPlace()
      return plane
    } catch (error) {
      this.#plane = undefined
      this.#tell('cannot start', error)
      throw error
    }
  }

  #startAgain(error: Error): void {
    if (this.#isOver) return
    this.#tell('has ended and is started again', error)
    this.#plane = this.#options.host.clock.sleep(restartMs).then(() => this.#start())
    this.#plane.catch(() => undefined)
  }

  #tell(what: string, error: unknown): void {
    this.#options.log.warn(`The data plane in Node behind HAProxy ${what}`, { error: messageOf(error) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    for (const socket of this.#guests) socket.destroy()
    await (await this.#plane?.catch(() => undefined))?.[Symbol.asyncDispose]()
    if (this.#door === undefined) return
    const closed = once(this.#door, 'close')
    this.#door.close()
    await closed
  }
}
