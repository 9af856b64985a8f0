import type { KubeObject } from '#api/resource.ts'
import { deepFreeze } from '#lib/encoding/deepFreeze.ts'
import { isObject } from '#machinery/schema/model.ts'
import { internalError, statusErrorOf } from '#machinery/status.ts'
import type { WatchEvent } from '../../inProcess.ts'

/** The largest event that is taken in, in bytes. */
const largestEvent = 4 * 1024 * 1024
const lineEnd = 0x0a

/** The events of another server's watch: one JSON object a line. Throws what the server says when it ends in an error. */
export async function* foreignEvents(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly WatchEvent[], void, undefined> {
  let rest = Buffer.alloc(0)
  for await (const piece of pieces) {
    rest = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece])
    const events: WatchEvent[] = []
    let start = 0
    for (let end = rest.indexOf(lineEnd); end >= 0; end = rest.indexOf(lineEnd, start)) {
      if (end > start) events.push(readEvent(rest.subarray(start, end)))
      start = end + 1
    }
    rest = rest.subarray(start)
    if (rest.length > largestEvent) throw internalError(`an event of a watch is larger than ${largestEvent} bytes`)
    if (events.length > 0) yield events
  }
}

function readEvent(line: Buffer): WatchEvent {
  let event: unknown
  try {
    event = JSON.parse(line.toString('utf8'))
  } catch {
    event = undefined
  }
  if (!isObject(event) || !isObject(event['object'])) throw internalError('a watch was answered with what is no event')
  const { type, object } = event
  if (type === 'ERROR') throw statusErrorOf(object, 500, 'the watch ended in an error')
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED' && type !== 'BOOKMARK') {
    throw internalError(`a watch was answered with an event of the type ${JSON.stringify(type)}`)
  }
  return { type, object: deepFreeze(object as unknown as KubeObject) } as WatchEvent
}
