/** One JSON value a line, between the process that holds this machine's ports and those of clusters. */
import type { Socket } from 'node:net'

const longestLine = 4 * 1024 * 1024

export function sendLine(socket: Socket, value: unknown): void {
  if (socket.writable) socket.write(`${JSON.stringify(value)}\n`)
}

/** Calls back with each value; ends a connection that sends what is none. */
export function onLines(socket: Socket, handle: (value: unknown) => void): void {
  let rest = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    try {
      if (rest.length > longestLine) throw new RangeError('a line is too long')
      for (const line of lines) handle(JSON.parse(line))
    } catch (error) {
      socket.destroy(error as Error)
    }
  })
}
