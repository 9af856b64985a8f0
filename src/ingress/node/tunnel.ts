/** Connections that were upgraded: WebSocket, SPDY and what else both sides agree on. */
import type { Duplex } from 'node:stream'
import type { Clock } from '#lib/clock.ts'
import { splice } from '#lib/http/splice.ts'
import type { Downstream } from './downstream.ts'
import { IdleWatch } from './flow.ts'
import { headerValue } from './headers.ts'

/** Passes bytes both ways until both sides have ended, or neither said anything for `silence` milliseconds. */
export async function tunnel(
  downstream: Downstream,
  backend: { readonly socket: Duplex; readonly head: Buffer },
  headers: readonly string[],
  silence: number,
  clock: Clock,
): Promise<void> {
  if (downstream.upgrade === undefined) return void backend.socket.destroy()
  const { socket, head } = downstream.upgrade.take()
  let text = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n'
  if (headerValue(headers, 'upgrade') === undefined) text += `Upgrade: ${downstream.upgrade.protocol}\r\n`
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]!}: ${headers[i + 1]!}\r\n`
  socket.write(`${text}\r\n`, 'latin1')
  if (backend.head.length > 0) socket.write(backend.head)
  if (head.length > 0) backend.socket.write(head)
  const watch = new IdleWatch(clock, silence, () => {
    socket.destroy()
    backend.socket.destroy()
  })
  const touch = (): void => watch.touch()
  socket.on('data', touch)
  backend.socket.on('data', touch)
  await splice(socket, backend.socket)
  watch.stop()
}
