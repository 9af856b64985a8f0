/** The ports on which the proxy answers HTTP. */
import type { Clock } from '#lib/clock.ts'
import type { HttpHandler } from '#lib/http/message.ts'
import { HttpServer } from '#lib/http/server.ts'

/** Opens a port; disposing closes it. */
export type Listen = (
  handler: HttpHandler,
  where: { readonly host: string; readonly port: number; readonly ipv6Only?: boolean },
) => Promise<AsyncDisposable>

/** Few and short requests, of anybody who reaches the node. */
const limits = { connections: 200, headerBytes: 8 * 1024, headersTimeout: 10_000, idleTimeout: 30_000 }

export const listenHttp: Listen = async (handler, where) => {
  const server = new HttpServer({ handler, limits })
  await server.listen(where)
  return { [Symbol.asyncDispose]: () => server.close(AbortSignal.abort()) }
}

/** A port that is taken is tried again after this time. */
const retryMs = 5_000

/** Keeps one port open until the signal aborts. */
export async function keepListening(
  listen: () => Promise<AsyncDisposable>,
  { clock, report }: { readonly clock: Clock; readonly report: (error: unknown) => void },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await using _ = await listen()
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve()
        else signal.addEventListener('abort', () => resolve(), { once: true })
      })
    } catch (error) {
      report(error)
      await clock.sleep(retryMs, signal).catch(() => undefined)
    }
  }
}

/** Ports that come and go, one for each key. */
export class Listeners implements AsyncDisposable {
  readonly #open = new Map<string, { readonly port: number; readonly listener: AsyncDisposable }>()

  /** Closes what is not wanted and opens what is missing; returns what could not be opened. */
  async sync(
    wanted: ReadonlyMap<string, number>,
    open: (key: string, port: number) => Promise<AsyncDisposable>,
  ): Promise<readonly { readonly key: string; readonly port: number; readonly error: unknown }[]> {
    for (const [key, { port, listener }] of this.#open) {
      if (wanted.get(key) === port) continue
      this.#open.delete(key)
      await listener[Symbol.asyncDispose]()
    }
    const failed: { key: string; port: number; error: unknown }[] = []
    for (const [key, port] of wanted) {
      if (this.#open.has(key)) continue
      try {
        this.#open.set(key, { port, listener: await open(key, port) })
      } catch (error) {
        failed.push({ key, port, error })
      }
    }
    return failed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sync(new Map(), () => Promise.reject(new Error('closing')))
  }
}
