import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { describe, it } from 'node:test'
import { decodeMessage } from '#lib/http/channels.ts'
import type { UpgradedConnection } from '#lib/http/client.ts'
import { SpdySession, type SpdyStream } from '#lib/http/spdy.ts'
import type { WebSocketConnection } from '#lib/http/webSocket.ts'
import { translateCommand } from './remoteCommand.ts'

/** Runs something after so many turns of the event loop. */
function afterTurns(turns: number, run: () => void): void {
  if (turns === 0) run()
  else setImmediate(() => afterTurns(turns - 1, run))
}

/** A client on a slow line: each message is taken later, and what comes after the goodbye is refused. */
function slowClient() {
  const messages: { readonly channel: number; readonly bytes: Buffer; readonly end: boolean }[] = []
  const first = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<number>()
  let open = true
  const connection: Pick<
    WebSocketConnection,
    'protocol' | 'closed' | 'onMessage' | 'send' | 'close' | 'pause' | 'resume'
  > = {
    protocol: 'v5.channel.k8s.io',
    closed: closed.promise,
    onMessage: () => undefined,
    send(data, sent) {
      if (!open) return sent?.(new Error('the connection is closed'))
      const message = decodeMessage({ base64: false, closeSignal: true }, Buffer.from(data as Uint8Array), true)!
      messages.push(message)
      first.resolve()
      afterTurns(20, () => sent?.())
    },
    close(code = 1000) {
      open = false
      setImmediate(() => closed.resolve(code))
    },
    pause: () => undefined,
    resume: () => undefined,
  }
  return {
    connection: connection as WebSocketConnection,
    messages,
    first: first.promise,
    channel: (number: number): Buffer =>
      Buffer.concat(messages.filter(({ channel }) => channel === number).map(({ bytes }) => bytes)),
    closed: closed.promise,
  }
}

/** A command that writes `output`, says how it ended, and whose connection ends at once, as runtimes do. */
function endedCommand(output: Buffer): UpgradedConnection {
  const [ours, theirs] = duplexPair()
  const opened = new Map<string | undefined, SpdyStream>()
  const runtime = new SpdySession(theirs, {
    role: 'server',
    onStream(stream) {
      opened.set(stream.header('streamtype'), stream)
      if (opened.size === 2) {
        opened.get('stdout')!.end(output)
        opened.get('error')!.end('{"status":"Success"}', () => runtime.close())
      }
      return true
    },
  })
  return { status: 101, headers: {}, socket: ours, head: Buffer.alloc(0) } as unknown as UpgradedConnection
}

describe('a command over WebSocket', () => {
  for (const size of [0, 1, 400_000, 5_100_000]) {
    it(`delivers all ${size} bytes before the goodbye`, async () => {
      const client = slowClient()
      const output = Buffer.alloc(size, 'abcdefghijklm')
      const streams = { stdin: false, stdout: true, stderr: false, tty: false }
      await translateCommand(client.connection, endedCommand(output), streams)
      const stdout = client.channel(1)
      assert.deepEqual(
        {
          length: stdout.length,
          same: stdout.equals(output),
          error: client.channel(3).toString(),
          code: await client.closed,
          last: client.messages.at(-1)?.channel,
        },
        { length: size, same: true, error: '{"status":"Success"}', code: 1000, last: 3 },
      )
    })
  }

  it('greets once the runtime has answered', async () => {
    const client = slowClient()
    const streams = { stdin: false, stdout: true, stderr: false, tty: false }
    const [ours, theirs] = duplexPair()
    const command = { status: 101, headers: {}, socket: ours, head: Buffer.alloc(0) } as unknown as UpgradedConnection
    const done = translateCommand(client.connection, command, streams)
    assert.deepEqual(client.messages, [])
    const runtime = new SpdySession(theirs, { role: 'server', onStream: () => true })
    await client.first
    assert.deepEqual(client.messages, [{ channel: 1, bytes: Buffer.alloc(0), end: false }])
    runtime.destroy()
    await done
  })
})
