/**
 * One `nft -i` that takes line after line, each a transaction of its own. To start nft for each change costs more than the
 * change: a program is started from a process with a large heap, nft reads its tables of names, and above all the kernel lets
 * nobody close a connection to it before all that was removed has been given back, which takes as long as every processor takes
 * to have done something else (an RCU grace period, 10 to 30 ms). A session keeps its connection.
 */
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

import { CommandError } from './process.ts'

/** Longer output than this ends the session. */
const mostOutput = 1024 * 1024
/** nft remembers every line that it was given, so a session is over after so many characters. */
const mostInput = 2 * 1024 * 1024

export class NftSession implements AsyncDisposable {
  readonly #argv: readonly string[]
  readonly #child: ChildProcessByStdio<Writable, null, Readable>
  readonly #ended: Promise<void>
  #waiting: { resolve: (complaint: string) => void; reject: (error: unknown) => void } | undefined
  #last: Promise<unknown> = Promise.resolve()
  #text = ''
  #asked = 0
  #given = 0
  #isOver = false

  /** `argv` is nft as it is interactive, maybe in some namespace: `nsenter --net=/run/netns/a nft -i`. */
  constructor(argv: readonly string[]) {
    this.#argv = argv
    const [program, ...rest] = argv
    this.#child = spawn(program!, rest, {
      stdio: ['pipe', 'ignore', 'pipe'],
      detached: true,
      // Where there can be no file, so that nft keeps no history of what it was told.
      env: { ...process.env, HOME: '/dev/null', LC_ALL: 'C' },
    })
    this.#child.stdin.on('error', () => undefined)
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    this.#ended = new Promise((resolve) => {
      const end = (why: string): void => {
        this.#isOver = true
        this.#waiting?.reject(new CommandError(this.#argv, why))
        this.#waiting = undefined
        resolve()
      }
      this.#child.on('error', (error) => end(error.message))
      this.#child.on('close', () => end(this.#text.trim().slice(0, 2000) || 'it ended'))
    })
    // Nobody waits for it to end: it does when its input is closed, as it is when we end.
    this.#child.unref()
  }

  /** Whether it cannot be asked any more. */
  get isOver(): boolean {
    return this.#isOver || this.#given > mostInput
  }

  /**
   * Tells what nft complained about, which is nothing when it did as it was told. Rejects when the session has ended, when there
   * is no answer in time (and ends it then), and with the signal's reason.
   */
  ask(line: string, timeoutMs: number, signal?: AbortSignal): Promise<string> {
    if (line.includes('\n')) throw new TypeError('Cannot ask nft: more than one line')
    const answer = this.#last.then(() => this.#askNow(line, timeoutMs, signal))
    this.#last = answer.catch(() => undefined)
    return answer
  }

  async #askNow(line: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<string> {
    signal?.throwIfAborted()
    if (this.#isOver) throw new CommandError(this.#argv, 'it ended')
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    this.#waiting = { resolve, reject }
    const stop = (why: unknown): void => {
      this.#kill()
      reject(why)
    }
    const onAbort = (): void => stop(signal!.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const timer = setTimeout(() => stop(new CommandError(this.#argv, `no answer after ${timeoutMs} ms`)), timeoutMs)
    try {
      this.#asked++
      this.#given += line.length
      // nft says nothing about what went well, and what it prints waits in a buffer. Its complaints do not: one about a word that
      // it cannot know tells that it is through with what stood before. Written at once, so that nft never gets a part of it.
      this.#child.stdin.write(`${line}\n${this.#mark}\n`)
      return await promise
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  get #mark(): string {
    return `answered ${this.#asked}`
  }

  /**
   * Complaints quote what they are about:
   *
   *     Error: syntax error, unexpected string
   *     answered 7
   *     ^^^^^^^^
   */
  #read(text: string): void {
    this.#text += text
    if (this.#text.length > mostOutput) return this.#kill()
    const lines = this.#text.split('\n')
    const at = lines.indexOf(this.#mark)
    // The last one has not ended yet.
    if (at < 0 || at === lines.length - 1) return
    this.#text = lines.slice(at + 1).join('\n')
    // What is left of the answer before, and how the complaint about the mark begins.
    const first = lines.findIndex((line) => !/^[\s^~]*$/.test(line))
    this.#waiting?.resolve(lines.slice(first, at - 1).join('\n'))
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
