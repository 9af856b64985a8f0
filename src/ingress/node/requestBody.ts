/** The body of a request on its way to a server: streamed once, or kept so that it can be sent again. */
import type { Writable } from 'node:stream'
import type { Clock } from '#lib/clock.ts'
import type { Downstream } from './downstream.ts'
import { collect, flow } from './flow.ts'
import type { Limits } from './limits.ts'

/** Memory that all kept bodies share. */
export class BodyBudget {
  #left: number

  constructor(bytes: number) {
    this.#left = bytes
  }

  take(bytes: number): boolean {
    if (bytes > this.#left) return false
    this.#left -= bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#left += bytes
  }
}

/** Why a body could not be passed on: too large, the client sent nothing for too long, or the server took nothing. */
export type BodyProblem = 413 | 408 | 504

export class RequestBody implements Disposable {
  /** The first problem, when there was one. */
  problem: BodyProblem | undefined
  /** Whether a part went to a server and cannot be sent again. */
  isGone = false
  /** Whether all of it came. */
  isWhole: boolean
  readonly #downstream: Downstream
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #largest: number
  #kept: readonly Buffer[] = []
  #size = 0
  #budget: (() => void) | undefined
  #stop: (() => void) | undefined

  /** `largest` in bytes; 0 is no limit. */
  constructor(downstream: Downstream, largest: number, clock: Clock, limits: Limits) {
    this.#downstream = downstream
    this.#clock = clock
    this.#limits = limits
    this.#largest = largest === 0 ? Infinity : largest
    this.isWhole = downstream.body === undefined
  }

  /** Reads it before anybody gets it, as far as there is room; the rest is streamed. False when it cannot be read. */
  async keep(budget: BodyBudget): Promise<boolean> {
    const { body } = this.#downstream
    const { bufferedBody, clientTimeout } = this.#limits
    if (body === undefined || !budget.take(bufferedBody)) return true
    this.#budget = () => budget.giveBack(bufferedBody)
    this.#downstream.askForBody()
    const most = Math.min(bufferedBody, this.#largest)
    const read = await collect(body, most, clientTimeout, this.#clock)
    if (read === 'timeout') this.problem = 408
    if (typeof read === 'string') return false
    this.#kept = read.pieces
    this.isWhole = read.whole
    this.#size = read.pieces.reduce((sum, piece) => sum + piece.length, 0)
    if (this.#size > this.#largest) this.problem = 413
    return this.problem === undefined
  }

  /** Sends it to a server; `fail` is called when that cannot go on, with `problem` set. `touch` with each piece. */
  send(
    to: Writable,
    hooks: { readonly end: () => void; readonly fail: () => void; readonly touch: () => void; readonly stall: number },
  ): void {
    const { body } = this.#downstream
    for (const piece of this.#kept) to.write(piece)
    if (this.isWhole || body === undefined) return hooks.end()
    this.#kept = []
    this.isGone = true
    this.#downstream.askForBody()
    const fail = (problem: BodyProblem): false => {
      this.problem ??= problem
      hooks.fail()
      return false
    }
    this.#stop = flow(body, to, {
      clock: this.#clock,
      silence: this.#limits.clientTimeout,
      stall: hooks.stall,
      onPiece: (bytes) => {
        this.#size += bytes
        hooks.touch()
        return this.#size <= this.#largest || fail(413)
      },
      onEnd: () => {
        this.isWhole = true
        hooks.touch()
        hooks.end()
      },
      onTimeout: (side) => void fail(side === 'source' ? 408 : 504),
    })
    body.resume()
  }

  /** Nobody takes more of it. */
  stop(): void {
    this.#stop?.()
  }

  [Symbol.dispose](): void {
    this.stop()
    this.#budget?.()
    this.#budget = undefined
  }
}
