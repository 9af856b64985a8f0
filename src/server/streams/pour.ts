import type { Duplex } from 'node:stream'

/** Passes bytes on until the source ends, then ends the target; resolves once the target has taken all of them. Never rejects. */
export function pour(from: Duplex, to: Duplex): Promise<void> {
  return new Promise((resolve) => {
    from.once('close', () => {
      if (!to.writableEnded) to.end()
    })
    from.once('error', () => undefined)
    to.once('error', () => undefined)
    // The end of the source is too early: what the target still holds would be lost with the connection.
    to.once('finish', resolve)
    to.once('close', resolve)
    from.pipe(to)
  })
}
