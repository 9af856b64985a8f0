/** Passing bodies on: as fast as the slower side, and no longer than it moves. */
import type { Readable, Writable } from 'node:stream'
import type { Clock } from '#lib/clock.ts'

/** Calls `run` when `touch` was not called for `milliseconds`. Touching costs nothing. */
export class IdleWatch {
  readonly #clock: Clock
  readonly #milliseconds: number
  readonly #run: () => void
  #touched: number
  #timer: Disposable | undefined

  constructor(clock: Clock, milliseconds: number, run: () => void) {
    this.#clock = clock
    this.#milliseconds = milliseconds
    this.#run = run
    this.#touched = clock.now()
    this.#arm(milliseconds)
  }

  touch(): void {
    this.#touched = this.#clock.now()
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
  }

  #arm(milliseconds: number): void {
    this.#timer = this.#clock.after(milliseconds, () => {
      const idle = this.#clock.now() - this.#touched
      if (idle >= this.#milliseconds) this.#run()
      else this.#arm(this.#milliseconds - idle)
    })
  }
}

export interface FlowOptions {
  readonly clock: Clock
  /** Milliseconds that the source may be silent, and that the target may take nothing. */
  readonly silence: number
  readonly stall: number
  /** Told of each piece before it is passed on; when it says false the flow stops. */
  readonly onPiece?: (bytes: number) => boolean
  onEnd(): void
  /** The source was silent or the target took nothing for too long. */
  onTimeout(side: 'source' | 'target'): void
}

/** Passes all of `source` on to `target`, which is not ended. Returns what stops it. Errors of the streams are not looked at. */
export function flow(source: Readable, target: Writable, options: FlowOptions): () => void {
  const { clock, onPiece } = options
  let blocked = false
  let watch = new IdleWatch(clock, options.silence, () => timeOut('source'))
  const stop = (): void => {
    watch.stop()
    source.off('data', onData)
    source.off('end', onEnd)
    target.off('drain', onDrain)
  }
  const timeOut = (side: 'source' | 'target'): void => {
    stop()
    options.onTimeout(side)
  }
  const rewatch = (milliseconds: number, side: 'source' | 'target'): void => {
    watch.stop()
    watch = new IdleWatch(clock, milliseconds, () => timeOut(side))
  }
  const onData = (piece: Buffer): void => {
    watch.touch()
    if (onPiece?.(piece.length) === false) return stop()
    if (target.write(piece)) return
    blocked = true
    source.pause()
    rewatch(options.stall, 'target')
  }
  const onDrain = (): void => {
    if (!blocked) return
    blocked = false
    rewatch(options.silence, 'source')
    source.resume()
  }
  const onEnd = (): void => {
    stop()
    options.onEnd()
  }
  // A body of HTTP/2 that is empty may have ended before anybody looked.
  if (source.readableEnded) {
    onEnd()
    return stop
  }
  target.on('drain', onDrain)
  source.on('data', onData)
  source.once('end', onEnd)
  return stop
}

/** Reads a body whole, up to `most` bytes. What came beyond that is put back. */
export function collect(
  source: Readable,
  most: number,
  silence: number,
  clock: Clock,
): Promise<{ readonly pieces: readonly Buffer[]; readonly whole: boolean } | 'timeout' | 'broken'> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = []
    let size = 0
    const settle = (
      result: { readonly pieces: readonly Buffer[]; readonly whole: boolean } | 'timeout' | 'broken',
    ): void => {
      watch.stop()
      source.off('data', onData)
      source.off('end', onEnd)
      source.off('close', onClose)
      resolve(result)
    }
    const watch = new IdleWatch(clock, silence, () => settle('timeout'))
    const onData = (piece: Buffer): void => {
      watch.touch()
      pieces.push(piece)
      size += piece.length
      if (size <= most) return
      source.pause()
      settle({ pieces, whole: false })
    }
    const onEnd = (): void => settle({ pieces, whole: true })
    const onClose = (): void => settle('broken')
    if (source.readableEnded) return onEnd()
    source.on('data', onData)
    source.once('end', onEnd)
    source.once('close', onClose)
  })
}
