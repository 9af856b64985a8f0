import type { Duplex } from 'node:stream'
import type { UpgradedConnection } from './client.ts'
import type { Upgrade } from './message.ts'

/** Joins a client's connection with one that a backend has upgraded: answers as the backend did, then passes bytes both ways. */
export function spliceUpgrade(upgrade: Upgrade, backend: UpgradedConnection): Promise<void> {
  const { socket, head } = upgrade.take()
  let answer = `HTTP/1.1 ${backend.status} Switching Protocols\r\n`
  for (const [name, value] of Object.entries(backend.headers)) {
    for (const each of Array.isArray(value) ? (value as string[]) : [value]) answer += `${name}: ${String(each)}\r\n`
  }
  socket.write(`${answer}\r\n`)
  if (backend.head.length > 0) socket.write(backend.head)
  if (head.length > 0) backend.socket.write(head)
  return splice(socket, backend.socket)
}

/** Passes bytes both ways until both sides have ended. When one breaks, the other is cut. */
export function splice(left: Duplex, right: Duplex): Promise<void> {
  return new Promise((resolve) => {
    let open = 2
    const closed = (): void => {
      if (--open === 0) resolve()
    }
    for (const [from, to] of [
      [left, right],
      [right, left],
    ] as const) {
      from.pipe(to)
      from.once('error', () => to.destroy())
      from.once('close', () => {
        if (!from.readableEnded) to.destroy()
        closed()
      })
    }
  })
}
