import type { Duplex } from 'node:stream'

/**
 * Ends one stream of a shared connection after that connection is gone, without losing what came before: the stream closes once
 * its reader has seen the end, or at once when nobody reads.
 */
export function closeWhenRead(stream: Duplex): void {
  if (stream.destroyed) return
  const reading = stream.readableFlowing !== null || stream.listenerCount('readable') > 0
  if (stream.readableEnded || !reading) stream.destroy()
  else stream.once('end', () => stream.destroy())
}
