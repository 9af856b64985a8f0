// Commands in containers for clients that speak WebSocket: kubelets and runtimes speak SPDY with one stream for each of
// stdin, stdout, stderr, error and resize. SPDY clients need no translation; their bytes are spliced.
import { PassThrough, type Duplex } from 'node:stream'
import { Channels, channelFormat } from '#lib/http/channels.ts'
import { SpdySession, type SpdyStream } from '#lib/http/spdy.ts'
import type { UpgradedConnection } from '#lib/http/client.ts'
import type { WebSocketConnection } from '#lib/http/webSocket.ts'
import type { Status } from '#machinery/status.ts'
import { pour } from './pour.ts'

/** The channels of a command's WebSocket, by number. */
const channelNames = ['stdin', 'stdout', 'stderr', 'error', 'resize'] as const

/** The subprotocol that API servers translate; kubelets speak the others, and answer their clients themselves (KEP-4006). */
export const translatedProtocol = 'v5.channel.k8s.io'

/** The subprotocols of commands, best first. */
export const commandProtocols = [
  translatedProtocol,
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
] as const

/** The protocol spoken towards the kubelet: error as a Status, terminal resizing. */
export const backendProtocol = 'v4.channel.k8s.io'

export interface CommandStreams {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

/** Runs until the command has ended and the client has been told. */
export async function translateCommand(
  client: WebSocketConnection,
  backend: UpgradedConnection,
  wanted: CommandStreams,
): Promise<void> {
  const format = channelFormat(client.protocol) ?? { base64: false, closeSignal: false }
  // kubectl says that its input has ended, but takes the same word from a server for a channel that it does not know.
  const channels = new Channels(client, format, [0, 1, 2, 3, 4], false)
  const session = new SpdySession(backend.socket, { role: 'client' }, backend.head)
  const open = (name: (typeof channelNames)[number]): SpdyStream => session.openNow({ streamtype: [name] })
  const channel = (name: (typeof channelNames)[number]): Duplex => channels.channel(channelNames.indexOf(name))

  const error = open('error')
  const outputs: Promise<void>[] = []
  if (wanted.stdin) void pour(channel('stdin'), open('stdin'))
  if (wanted.stdout) outputs.push(pour(open('stdout'), channel('stdout')))
  if (wanted.stderr && !wanted.tty) outputs.push(pour(open('stderr'), channel('stderr')))
  if (wanted.tty) void pour(channel('resize'), open('resize'))
  // Clients take what they are told here for the end of everything, so it must not overtake the output.
  const ending = new PassThrough()
  void pour(error, ending)
  outputs.push(Promise.all(outputs).then(() => pour(ending, channel('error'))))
  error.end()
  // Not at once: kubectl before 1.34 begins to read before it knows its own streams, and drops what comes that early.
  error.accepted.then(
    () => channels.announce(1),
    () => undefined,
  )

  const gone = client.closed.then(() => session.destroy())
  await Promise.race([Promise.all(outputs), gone, session.closed])
  // What the session still delivered after its end must leave before the goodbye.
  await Promise.race([Promise.all(outputs), gone])
  channels.close()
  session.close()
  await Promise.race([session.closed, client.closed])
  session.destroy()
}

/** Tells a client that is connected why its command does not run, and says goodbye. */
export async function refuseCommand(client: WebSocketConnection, status: Status): Promise<void> {
  const channels = new Channels(client, channelFormat(client.protocol)!, [0, 1, 2, 3, 4], false)
  channels.channel(channelNames.indexOf('error')).end(JSON.stringify(status), () => channels.close())
  await client.closed
}
