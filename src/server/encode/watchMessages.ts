import { acceptWebSocket, offeredProtocols } from '#lib/http/webSocket.ts'
import type { HttpRequest, Upgrade } from '#lib/http/message.ts'
import { websocketTokenPrefix } from '../authenticate/authenticator.ts'
import type { ServerReply } from '../request.ts'
import type { ApiServer } from '../server.ts'
import { transformationOf } from '../transform.ts'
import { waitForReader } from '../watch.ts'
import { encodeItem } from './watch.ts'

type WatchReply = Extract<ServerReply, { readonly type: 'watch' }>

/** The length that stands before an event in a stream: a message has one of its own. */
const frameLength = 4

/**
 * Sends the events of a watch over a WebSocket, as browsers watch: one message each, text for JSON, binary for protobuf.
 * The watch ends with the connection; what the client sends counts for nothing.
 */
export async function sendWatchMessages(
  server: ApiServer,
  request: HttpRequest,
  upgrade: Upgrade,
  answer: WatchReply,
): Promise<void> {
  const isProtobuf = answer.wanted?.mediaType === 'protobuf'
  const transformation = transformationOf(answer.kind, answer, request.query, () => server.now())
  // Browsers give up when none of what they offer is taken. Their token may be among it, which is no protocol.
  const protocol = offeredProtocols(request).find((name) => !name.startsWith(websocketTokenPrefix)) ?? ''
  const client = await acceptWebSocket(upgrade, protocol, { clock: server.clock })
  const gone = client.closed.then(() => answer.place.onGone())
  client.onMessage(() => undefined)
  for await (const items of answer.watch) {
    let sent: Promise<void> | undefined
    for (const item of items) {
      const bytes = encodeItem(item, answer.kind, transformation, isProtobuf)
      const { promise, resolve } = Promise.withResolvers<void>()
      client.send(isProtobuf ? bytes.subarray(frameLength) : bytes.toString('utf8'), () => resolve())
      sent = promise
    }
    if (!client.full || sent === undefined) continue
    if (await waitForReader(sent, answer.kind.cache, answer.place, server.clock)) continue
    answer.place.onCut()
    client.terminate()
    break
  }
  client.close()
  await gone
}
