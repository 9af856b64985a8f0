import type { Clock } from '#lib/clock.ts'
import { messageOf } from '#lib/errorText.ts'
import type { AuditSink } from './audit.ts'

export interface WebhookSinkOptions {
  readonly clock: Clock
  /** Posts a body of JSON; rejects when it was not taken. */
  readonly post: (body: string, signal: AbortSignal) => Promise<void>
  readonly report: (problem: string) => void
  /** Events that wait at the most; more are dropped. */
  readonly mostWaiting: number
  /** Events in one request, and milliseconds for which it is waited for more. */
  readonly batchSize: number
  readonly batchWait: number
  /** Milliseconds before a request that failed is made again; half as much again with each time. */
  readonly firstPause: number
}

export interface WebhookSink extends AuditSink {
  /** Sends until the signal aborts, and what is left then once. */
  run(signal: AbortSignal): Promise<void>
}

/** Requests for one batch, one after another. */
const attempts = 5

/** Sends events in batches to a server (EventList of audit.k8s.io/v1), apart from the requests that they are about. */
export function webhookSink(options: WebhookSinkOptions): WebhookSink {
  const { clock, post, report, mostWaiting, batchSize, batchWait, firstPause } = options
  const waiting: string[] = []
  let wake: (() => void) | undefined

  const send = async (lines: readonly string[], signal: AbortSignal, most: number): Promise<void> => {
    const body = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${lines.join(',')}]}`
    for (let attempt = 1, pause = firstPause; ; attempt++, pause *= 1.5) {
      try {
        await post(body, signal)
        return
      } catch (error) {
        if (attempt >= most || signal.aborted) {
          report(`lost ${lines.length} audit events: ${messageOf(error)}`)
          return
        }
      }
      await clock.sleep(pause, signal).catch(() => undefined)
    }
  }

  return {
    name: 'webhook',
    write(line) {
      if (waiting.length >= mostWaiting) return false
      waiting.push(line)
      if (waiting.length === 1 || waiting.length >= batchSize) wake?.()
      return true
    },
    async run(signal) {
      const stop = (): void => wake?.()
      signal.addEventListener('abort', stop, { once: true })
      try {
        while (!signal.aborted) {
          if (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve))
          if (waiting.length > 0 && waiting.length < batchSize && !signal.aborted) {
            using timer = new DisposableStack()
            await new Promise<void>((resolve) => {
              wake = () => {
                if (waiting.length >= batchSize || signal.aborted) resolve()
              }
              timer.use(clock.after(batchWait, resolve))
            })
          }
          wake = undefined
          if (!signal.aborted) await send(waiting.splice(0, batchSize), signal, attempts)
        }
      } finally {
        signal.removeEventListener('abort', stop)
      }
      while (waiting.length > 0) await send(waiting.splice(0, batchSize), new AbortController().signal, 1)
    },
  }
}
