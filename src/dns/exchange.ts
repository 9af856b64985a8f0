/** One question to another DNS server and its reply, over real sockets. */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'

export interface Upstream {
  readonly address: string
  readonly port: number
}

/**
 * Sends a message and resolves with the first reply that `isReply` takes; others are as if they had not come. Rejects when the
 * server cannot be reached or the signal aborts.
 */
export type Exchange = (
  message: Buffer,
  to: Upstream,
  transport: 'udp' | 'tcp',
  isReply: (reply: Buffer) => boolean,
  signal: AbortSignal,
) => Promise<Buffer>

/** A socket of its own for each question, so that its port is as hard to guess as the question's number. */
export const socketExchange: Exchange = (message, to, transport, isReply, signal) => {
  signal.throwIfAborted()
  return (transport === 'udp' ? overUdp : overTcp)(message, to, isReply, signal)
}

function overUdp(
  message: Buffer,
  to: Upstream,
  isReply: (reply: Buffer) => boolean,
  signal: AbortSignal,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: to.address.includes(':') ? 'udp6' : 'udp4', signal })
    let isOpen = true
    socket.on('close', () => (isOpen = false))
    const fail = (error: unknown): void => {
      reject(error as Error)
      if (isOpen) socket.close()
      isOpen = false
    }
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    socket.on('error', fail)
    socket.on('message', (reply) => {
      if (!isReply(reply)) return
      resolve(reply)
      if (isOpen) socket.close()
      isOpen = false
    })
    // Connected, so that the kernel takes messages from this server alone and tells that nobody listens there.
    socket.connect(to.port, to.address, () => socket.send(message, (error) => error && fail(error)))
  })
}

function overTcp(
  message: Buffer,
  to: Upstream,
  isReply: (reply: Buffer) => boolean,
  signal: AbortSignal,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: to.address, port: to.port, signal })
    let received = Buffer.alloc(0)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`${to.address} closed the connection`)))
    socket.on('data', (part: Buffer) => {
      received = Buffer.concat([received, part])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      const reply = received.subarray(2, 2 + received.readUInt16BE(0))
      if (isReply(reply)) resolve(reply)
      else reject(new Error(`${to.address} replied to something else`))
      socket.destroy()
    })
    const length = Buffer.alloc(2)
    length.writeUInt16BE(message.length)
    socket.write(Buffer.concat([length, message]))
  })
}
