/**
 * Checks passwords against hashes of bcrypt, which are made to take long (a quarter of a second at cost 12), in a thread of its own,
 * one after the other. The thread begins with the first of them.
 */
import { Worker } from 'node:worker_threads'

export interface SlowQuestion {
  readonly number: number
  readonly password: string
  readonly hash: string
}

export interface SlowAnswer {
  readonly number: number
  readonly isRight: boolean
}

/** More than these wait for nothing: whoever floods us with passwords does not keep others for minutes. */
const mostWaiting = 64
/** What is longer bcrypt would cut, and what is beyond that counts for nothing; RFC 7617 knows no bound. */
const longestPassword = 4_096

/** Beside this file among the sources, and beside the bundle's entry point in a bundle. */
const workerFile = (module: string): URL =>
  new URL(module.endsWith('.ts') ? './passwordWorker.ts' : './passwordWorker.js', module)

export class SlowPasswords implements Disposable {
  #worker: Worker | undefined
  readonly #waiting = new Map<number, (isRight: boolean | undefined) => void>()
  #number = 0

  /** Whether a password has a hash; nothing when too many wait, or the thread has ended. */
  check(password: string, hash: string): Promise<boolean | undefined> {
    if (password.length > longestPassword) return Promise.resolve(false)
    if (this.#waiting.size >= mostWaiting) return Promise.resolve(undefined)
    const { promise, resolve } = Promise.withResolvers<boolean | undefined>()
    const number = this.#number++
    this.#waiting.set(number, resolve)
    this.#worker ??= this.#start()
    this.#worker.postMessage({ number, password, hash } satisfies SlowQuestion)
    return promise
  }

  #start(): Worker {
    const worker = new Worker(workerFile(import.meta.url), { name: 'passwords', execArgv: [] })
    worker.unref()
    worker.on('message', ({ number, isRight }: SlowAnswer) => this.#settle(number, isRight))
    // The 'exit' that follows does the work.
    worker.on('error', () => undefined)
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = undefined
      for (const number of this.#waiting.keys()) this.#settle(number, undefined)
    })
    return worker
  }

  #settle(number: number, isRight: boolean | undefined): void {
    this.#waiting.get(number)?.(isRight)
    this.#waiting.delete(number)
  }

  [Symbol.dispose](): void {
    void this.#worker?.terminate()
  }
}
