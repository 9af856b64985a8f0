import type { Socket } from 'node:net'
import type { Clock } from '#lib/clock.ts'
import { longestOpening, readOpening, type Opening } from './opening.ts'

/** For a client that must say whom it means. */
export const patience = 10_000

/**
 * Calls back once with what the first bytes of a client say, and with all that has come; the client is paused then. One that is
 * silent for `quietMs`, that says no more for good, or that does not come to the point, has said `other`.
 */
export function onOpening(
  client: Socket,
  quietMs: number,
  clock: Clock,
  settle: (opening: Opening, first: Buffer) => void,
): void {
  const taken: Buffer[] = []
  let size = 0
  let isOver = false
  const finish = (opening: Opening): void => {
    isOver = true
    deadline[Symbol.dispose]()
    client.off('data', onData).off('end', giveUp).off('close', forget).off('timeout', onQuiet).setTimeout(0)
    client.pause()
    settle(opening, Buffer.concat(taken))
  }
  const onData = (bytes: Buffer): void => {
    taken.push(bytes)
    size += bytes.length
    const opening = readOpening(Buffer.concat(taken))
    if (opening.kind !== 'unfinished') finish(opening)
    else if (size >= longestOpening) finish({ kind: 'other' })
  }
  const giveUp = (): void => finish({ kind: 'other' })
  // On a busy machine the time may be over before it was looked whether bytes have come: they are taken first.
  const onQuiet = (): void => void setImmediate(() => !isOver && giveUp())
  const forget = (): void => {
    isOver = true
    deadline[Symbol.dispose]()
  }
  const deadline = clock.after(patience, giveUp)
  client.setTimeout(quietMs).on('timeout', onQuiet).on('data', onData).on('end', giveUp).on('close', forget)
}
