import type { Socket } from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'
import type { Clock } from '#lib/clock.ts'
import { answer, destroyAfter, type Answer } from './answers.ts'
import { onOpening, patience } from './firstBytes.ts'
import type { Opening } from './opening.ts'

/** What clients of services that are not there yet are told. */
export interface IdleAnswer {
  readonly page: Answer
  /** What TLS is spoken with, as PEM. Asked for when it is first needed. */
  readonly certificate: () => Promise<{ readonly chain: string; readonly key: string }>
}

interface Tls {
  readonly Socket: typeof TLSSocket
  readonly context: SecureContext
}

/** How many are answered at a time: each costs memory with TLS, and none stays for long. */
export const mostAnswers = 200

/** Answers in the place of services that are not there yet. Nothing of TLS is loaded before somebody speaks it. */
export class IdleAnswers {
  readonly #answer: IdleAnswer
  readonly #clock: Clock
  #tls: Promise<Tls> | undefined
  #open = 0

  constructor(idleAnswer: IdleAnswer, clock: Clock) {
    this.#answer = idleAnswer
    this.#clock = clock
  }

  /** Tells a client, which is paused, and ends its connection; `first` has come from it. */
  tell(client: Socket, opening: Opening, first: Buffer): void {
    if (client.destroyed) return
    if (this.#open >= mostAnswers || opening.kind === 'other') return void client.resetAndDestroy()
    this.#open++
    client.once('close', () => this.#open--)
    destroyAfter(client, patience, this.#clock)
    if (opening.kind === 'http') return answer(client, first, this.#answer.page, this.#clock)
    void this.#tellByTls(client, first)
  }

  async #tellByTls(client: Socket, first: Buffer): Promise<void> {
    let tls: Tls
    try {
      tls = await (this.#tls ??= this.#loadTls())
    } catch {
      // Perhaps there is memory for it next time.
      this.#tls = undefined
      return void client.resetAndDestroy()
    }
    if (client.destroyed) return
    client.unshift(first)
    const secure = new tls.Socket(client, { isServer: true, secureContext: tls.context })
    secure.on('error', () => client.destroy())
    onOpening(secure, patience, this.#clock, (opening, request) => {
      if (opening.kind === 'http') answer(secure, request, this.#answer.page, this.#clock)
      else client.destroy()
    })
  }

  async #loadTls(): Promise<Tls> {
    const { TLSSocket: Socket, createSecureContext } = await import('node:tls')
    const { chain, key } = await this.#answer.certificate()
    return { Socket, context: createSecureContext({ cert: chain, key }) }
  }
}
