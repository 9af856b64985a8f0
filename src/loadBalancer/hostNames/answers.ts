/** What this machine itself tells clients. A client that does not go is not waited for. */
import type { Socket } from 'node:net'
import type { Clock } from '#lib/clock.ts'

export interface Answer {
  readonly status: number
  readonly contentType?: string
  readonly body: string
}

const reasons: Readonly<Record<number, string>> = { 404: 'Not Found', 502: 'Bad Gateway' }
/** How long a client may still send, or leave its side open, after it has been told something. */
export const lingerMs = 5_000

/** Answers the request that begins with these bytes, and ends the connection. */
export function answer(
  client: Socket,
  first: Buffer,
  { status, contentType = 'text/plain; charset=utf-8', body }: Answer,
  clock: Clock,
): void {
  const head = [
    `HTTP/1.1 ${status} ${reasons[status] ?? ''}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  const isHead = first.toString('latin1', 0, 5) === 'HEAD '
  endWith(client, `${head.join('\r\n')}\r\n\r\n${isHead ? '' : body}`, clock)
}

/** Sends this as the last; what still comes is dropped, so that the client is not told of a broken connection before it has read. */
export function endWith(client: Socket, last: string | Uint8Array, clock: Clock): void {
  destroyAfter(client, lingerMs, clock)
  client.end(last)
  client.resume()
}

/** Whatever the client does, the connection is gone by then. */
export function destroyAfter(client: Socket, ms: number, clock: Clock): void {
  if (client.destroyed) return
  const timer = clock.after(ms, () => client.destroy())
  client.once('close', () => timer[Symbol.dispose]())
}
