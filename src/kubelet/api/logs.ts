/** Reading what containers wrote, as the API server asks for it: from the runtime's files, over rotations, and following. */
import { watch } from 'node:fs'
import { open, readdir, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { Clock } from '#lib/clock.ts'
import { logTime, parseLogLine, type LogLine } from './logFormat.ts'

export interface LogOptions {
  readonly follow?: boolean
  readonly timestamps?: boolean
  /** The last so many lines; all when absent. */
  readonly tailLines?: number
  /** Milliseconds since the epoch; earlier lines are left out. */
  readonly since?: number
  readonly limitBytes?: number
  readonly stream?: 'Stdout' | 'Stderr'
}

export interface LogSource {
  /** The file that the runtime writes now: `<restart>.log`. */
  readonly path: string
  /** Whether the container may still write; asked when nothing new is there. */
  readonly isOpen: () => boolean
  readonly clock: Clock
}

const pieceBytes = 64 * 1024
/** A change that the file system did not tell is found after this. */
const lookEvery = 1_000

/** What a container wrote, in pieces. Ends with the log, or when following with the container. */
export async function* readLog(source: LogSource, options: LogOptions, signal: AbortSignal): AsyncIterable<Buffer> {
  let left = options.limitBytes ?? Infinity
  for await (const piece of readRecords(source, options, signal)) {
    const out = formatRecord(piece, options)
    if (out === undefined) continue
    if (out.length >= left) {
      yield out.subarray(0, left)
      return
    }
    left -= out.length
    yield out
  }
}

function formatRecord(line: LogLine, { timestamps, since, stream }: LogOptions): Buffer | undefined {
  if (stream !== undefined && line.stream !== stream.toLowerCase()) return undefined
  if (since !== undefined && logTime(line) < since) return undefined
  const parts: Buffer[] = []
  if (timestamps === true) parts.push(Buffer.from(`${line.time} `))
  parts.push(line.text)
  if (!line.isPartial) parts.push(newline)
  return Buffer.concat(parts)
}

const newline = Buffer.from('\n')

async function* readRecords(source: LogSource, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine> {
  const { path } = source
  const { tailLines } = options
  let file: FileHandle | undefined = await openIf(path)
  try {
    if (file === undefined && options.follow !== true) return
    let position = 0
    if (tailLines === undefined) yield* readOlder(path)
    else if (file !== undefined) {
      const lacking = await positionOfTail(file, tailLines)
      position = lacking.position
      if (lacking.lines > 0) yield* readOlder(path, lacking.lines)
    }
    let rest: Buffer = Buffer.alloc(0)
    for (;;) {
      signal.throwIfAborted()
      // Whether more may come is asked before looking, so that the last words are not missed.
      const wasOpen = source.isOpen()
      const piece = file === undefined ? undefined : await readPiece(file, position)
      if (piece !== undefined) {
        position += piece.length
        const lines = splitLines(Buffer.concat([rest, piece]))
        rest = lines.rest
        for (const record of lines.complete) yield record
        continue
      }
      if (options.follow !== true) return
      const replaced = await isReplaced(file, path)
      if (replaced) {
        await file?.close()
        file = await openIf(path)
        position = 0
        rest = Buffer.alloc(0)
        if (file !== undefined) continue
      }
      if (!wasOpen) return
      await changeOf(path, source.clock, signal)
    }
  } finally {
    await file?.close()
  }
}

function splitLines(bytes: Buffer): { readonly complete: readonly LogLine[]; readonly rest: Buffer } {
  const complete: LogLine[] = []
  let at = 0
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, at)) {
    const line = parseLogLine(bytes.subarray(at, end))
    if (line !== undefined) complete.push(line)
    at = end + 1
  }
  return { complete, rest: bytes.subarray(at) }
}

/** The files that were moved away, oldest first: `<restart>.log.<time>`. Those that were compressed are not read again. */
async function* readOlder(path: string, lastLines?: number): AsyncIterable<LogLine> {
  const folder = dirname(path)
  const prefix = `${basename(path)}.`
  const names = (await readdir(folder).catch(() => [] as string[]))
    .filter((name) => name.startsWith(prefix) && !name.endsWith('.gz') && !name.endsWith('.tmp'))
    .toSorted()
  const chosen: LogLine[][] = []
  let wanted = lastLines ?? Infinity
  for (const name of names.toReversed()) {
    if (wanted <= 0) break
    const file = await openIf(`${folder}/${name}`)
    if (file === undefined) continue
    try {
      const lines = splitLines(await file.readFile()).complete
      const kept = wanted === Infinity ? lines : lastWhole(lines, wanted)
      wanted -= kept.filter((line) => !line.isPartial).length
      chosen.unshift([...kept])
    } finally {
      await file.close()
    }
  }
  for (const lines of chosen) yield* lines
}

function lastWhole(lines: readonly LogLine[], count: number): readonly LogLine[] {
  let left = count
  let at = lines.length
  while (at > 0) {
    if (!lines[at - 1]!.isPartial && left-- === 0) break
    at--
  }
  return lines.slice(at)
}

/** Where the last lines of a file begin, and how many it lacks of them. */
async function positionOfTail(file: FileHandle, lines: number): Promise<{ position: number; lines: number }> {
  const { size } = await file.stat()
  let found = 0
  let end = size
  // The newline at the very end closes the last line; it does not begin another.
  let isFirst = true
  while (end > 0) {
    const start = Math.max(0, end - pieceBytes)
    const piece = Buffer.alloc(end - start)
    await file.read(piece, 0, piece.length, start)
    for (let at = piece.length - 1; at >= 0; at--) {
      if (piece[at] !== 0x0a) continue
      if (isFirst && start + at === size - 1) {
        isFirst = false
        continue
      }
      if (isPartialAfter(piece, at)) continue
      if (++found === lines) return { position: start + at + 1, lines: 0 }
    }
    end = start
  }
  return lines === 0
    ? { position: size, lines: 0 }
    : { position: 0, lines: size === 0 ? lines : Math.max(0, lines - found - 1) }
}

/** Whether the record before this newline goes on in the next one. */
function isPartialAfter(piece: Buffer, newlineAt: number): boolean {
  const start = piece.lastIndexOf(0x0a, newlineAt - 1) + 1
  return parseLogLine(piece.subarray(start, newlineAt))?.isPartial === true
}

async function readPiece(file: FileHandle, position: number): Promise<Buffer | undefined> {
  const piece = Buffer.alloc(pieceBytes)
  const { bytesRead } = await file.read(piece, 0, pieceBytes, position)
  return bytesRead === 0 ? undefined : piece.subarray(0, bytesRead)
}

async function openIf(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** After a rotation another file has the name. */
async function isReplaced(file: FileHandle | undefined, path: string): Promise<boolean> {
  const now = await stat(path).catch(() => undefined)
  if (file === undefined) return now !== undefined
  return now !== undefined && now.ino !== (await file.stat()).ino
}

/** Resolves when the file, or another of its name, may have more; at the latest after a second. */
function changeOf(path: string, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = new AbortController()
    const done = (): void => {
      stop.abort()
      timer[Symbol.dispose]()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.after(lookEvery, done)
    signal.addEventListener('abort', done, { once: true })
    try {
      const watcher = watch(path, { signal: stop.signal, persistent: false }, done)
      watcher.on('error', () => {})
    } catch {
      // The file is not there yet: the timer looks again.
    }
  })
}
