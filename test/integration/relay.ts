// What stands between a client and a server: it can cut their connections, as a bad network does.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface Relay extends AsyncDisposable {
  readonly port: number
  /** Cuts all connections that are open now. */
  cut(): void
  /** New connections wait until the function is called that this returns. */
  hold(): () => void
}

/** Passes the bytes of each connection on to another port. */
export async function startRelay(target: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    // Whoever cut it, the other side is cut too.
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  }
  let held = Promise.resolve()
  const server = createServer((near) => {
    keep(near)
    void held.then(() => (near.destroyed ? undefined : relayed(near)))
  })
  const relayed = (near: Socket): void => {
    const far = connect(target, '127.0.0.1')
    keep(far)
    near.pipe(far).pipe(near)
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      held = promise
      return resolve
    },
    async [Symbol.asyncDispose]() {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
