/**
 * A small process that waits for lines and does something for each. To start a program from a process with a large heap takes
 * several times longer than from a small one: the kernel copies the tables of all its memory. Where something is started many
 * times in a row, such a helper starts it.
 */
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

import { CommandError } from './process.ts'

export interface HelperAnswer {
  readonly code: number
  /** What the program wrote, on either stream. */
  readonly text: string
}

/** Longer output than this ends the helper. */
const mostOutput = 1024 * 1024

/** Runs a program with each line as its last argument, one after the other, in a shell that ends with us. */
export class LineHelper implements AsyncDisposable {
  readonly #argv: readonly string[]
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #ended: Promise<void>
  #waiting: { resolve: (answer: HelperAnswer) => void; reject: (error: unknown) => void } | undefined
  #last: Promise<unknown> = Promise.resolve()
  #text = ''
  #isOver = false

  /** `prefix` comes before the shell, such as a command that enters a namespace. */
  constructor(prefix: readonly string[], program: string) {
    // A line that does not end was cut short: nobody has asked for that.
    const script = 'while IFS= read -r line; do "$0" "$line" 2>&1; echo "= $?"; done'
    this.#argv = [...prefix, 'sh', '-c', script, program]
    const [first, ...rest] = this.#argv
    this.#child = spawn(first!, rest, { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
    this.#child.stdin.on('error', () => undefined)
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    this.#ended = new Promise((resolve) => {
      const end = (why: string): void => {
        this.#isOver = true
        this.#waiting?.reject(new CommandError(this.#argv, why))
        this.#waiting = undefined
        resolve()
      }
      this.#child.on('error', (error) => end(error.message))
      this.#child.on('close', () => end('it ended'))
    })
    // Nobody waits for it to end: it does when its input is closed, as it is when we end.
    this.#child.unref()
  }

  /** Whether it cannot be asked any more. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Rejects when the helper has ended, when there is no answer in time (and ends it then), and with the signal's reason. */
  ask(line: string, timeoutMs: number, signal?: AbortSignal): Promise<HelperAnswer> {
    if (line.includes('\n')) throw new TypeError('Cannot ask a helper: more than one line')
    const answer = this.#last.then(() => this.#askNow(line, timeoutMs, signal))
    this.#last = answer.catch(() => undefined)
    return answer
  }

  async #askNow(line: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<HelperAnswer> {
    signal?.throwIfAborted()
    if (this.#isOver) throw new CommandError(this.#argv, 'it ended')
    const { promise, resolve, reject } = Promise.withResolvers<HelperAnswer>()
    this.#waiting = { resolve, reject }
    const stop = (why: unknown): void => {
      this.#kill()
      reject(why)
    }
    const onAbort = (): void => stop(signal!.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const timer = setTimeout(() => stop(new CommandError(this.#argv, `no answer after ${timeoutMs} ms`)), timeoutMs)
    try {
      this.#child.stdin.write(`${line}\n`)
      return await promise
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #read(text: string): void {
    this.#text += text
    if (this.#text.length > mostOutput) return this.#kill()
    const [whole, before = '', code] = /^((?:.*\n)*?)= (\d{1,3})\n/.exec(this.#text) ?? []
    if (whole === undefined) return
    this.#text = this.#text.slice(whole.length)
    this.#waiting?.resolve({ code: Number(code), text: before })
    this.#waiting = undefined
  }

  #kill(): void {
    this.#isOver = true
    try {
      process.kill(-this.#child.pid!, 'SIGKILL')
    } catch {
      // It has gone already.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    this.#child.ref()
    this.#child.stdin.end()
    await this.#ended
  }
}
