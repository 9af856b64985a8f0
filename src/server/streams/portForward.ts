// Connections to ports of a pod for clients that speak WebSocket. New clients speak SPDY inside of the WebSocket, which is
// unpacked; older ones have two channels for each port, which become two streams.
import { Channels, channelFormat } from '#lib/http/channels.ts'
import type { UpgradedConnection } from '#lib/http/client.ts'
import { SpdySession } from '#lib/http/spdy.ts'
import type { WebSocketConnection } from '#lib/http/webSocket.ts'
import { splice } from '#lib/http/splice.ts'
import { pour } from './pour.ts'

/** SPDY inside of a WebSocket. */
export const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io'

/** The protocol of the streams, towards the kubelet. */
export const portForwardProtocol = 'portforward.k8s.io'

export const portForwardProtocols = [
  tunnelProtocol,
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
] as const

/** Passes the SPDY bytes inside of a WebSocket to a kubelet. */
export function unpackTunnel(client: WebSocketConnection, backend: UpgradedConnection): Promise<void> {
  const stream = client.toStream()
  if (backend.head.length > 0) stream.write(backend.head)
  return splice(stream, backend.socket)
}

/**
 * Channels 2n and 2n+1 are the data and the error of the nth port; each begins with the port as two bytes. No message says that
 * one of them has ended, so the connection ends with the last port.
 */
export async function translatePorts(
  client: WebSocketConnection,
  backend: UpgradedConnection,
  ports: readonly number[],
): Promise<void> {
  const format = channelFormat(client.protocol) ?? { base64: false, closeSignal: false }
  const channels = new Channels(
    client,
    format,
    ports.flatMap((_, index) => [2 * index, 2 * index + 1]),
  )
  const session = new SpdySession(backend.socket, { role: 'client' }, backend.head)
  const outputs: Promise<void>[] = []
  for (const [index, port] of ports.entries()) {
    const data = channels.channel(2 * index)
    const error = channels.channel(2 * index + 1)
    const begin = Buffer.of(port & 0xff, port >>> 8)
    data.write(begin)
    error.write(begin)
    const headers = { port: [String(port)], requestid: [String(index)] }
    const errorStream = session.openNow({ ...headers, streamtype: ['error'] })
    const dataStream = session.openNow({ ...headers, streamtype: ['data'] })
    errorStream.end()
    void pour(data, dataStream)
    outputs.push(pour(dataStream, data), pour(errorStream, error))
  }
  const gone = client.closed.then(() => session.destroy())
  await Promise.race([Promise.all(outputs), gone, session.closed])
  // What the session still delivered after its end must leave before the goodbye.
  await Promise.race([Promise.all(outputs), gone])
  channels.close()
  session.destroy()
}
