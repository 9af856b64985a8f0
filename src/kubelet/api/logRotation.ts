import type { Clock } from '#lib/clock.ts'
import type { Files } from '#lib/host/files.ts'
import type { ContainerRuntime } from '../runtime/containerRuntime.ts'

export interface RotatedLog {
  readonly containerId: string
  readonly path: string
}

export interface LogRotationOptions {
  readonly files: Files
  readonly clock: Clock
  readonly runtime: Pick<ContainerRuntime, 'reopenLog'>
  readonly maxBytes: number
  /** How many files of one container are kept, the one being written among them. */
  readonly keep: number
  /** The logs of running containers. */
  readonly logs: () => readonly RotatedLog[]
  readonly report: (problem: string, error?: unknown) => void
}

const lookEvery = 10_000

/** Moves logs away that have grown too long, and the oldest out of the world, until the signal aborts. */
export async function rotateLogs(options: LogRotationOptions, signal: AbortSignal): Promise<void> {
  const { clock, logs, report } = options
  while (!signal.aborted) {
    await clock.sleep(lookEvery, signal).catch(() => {})
    if (signal.aborted) return
    for (const log of logs()) {
      try {
        await rotateLog(options, log, signal)
      } catch (error) {
        if (!signal.aborted) report(`Cannot rotate log "${log.path}"`, error)
      }
    }
  }
}

/** Rotates one log if it is too long: the runtime goes on in a fresh file, and no line is lost. */
export async function rotateLog(
  { files, clock, runtime, maxBytes, keep }: Omit<LogRotationOptions, 'logs' | 'report'>,
  { containerId, path }: RotatedLog,
  signal: AbortSignal,
): Promise<boolean> {
  const status = await files.status(path)
  if (status === undefined || status.size < maxBytes) return false
  const slash = path.lastIndexOf('/')
  const [folder, name] = [path.slice(0, slash), path.slice(slash + 1)]
  const older = (await files.list(folder)).filter((each) => each.startsWith(`${name}.`))
  for (const each of older.slice(0, Math.max(0, older.length - (keep - 2)))) await files.remove(`${folder}/${each}`)
  const stamp = new Date(clock.now()).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')
  const moved = `${path}.${stamp.slice(0, 8)}-${stamp.slice(8)}`
  await files.rename(path, moved)
  try {
    await runtime.reopenLog(containerId, signal)
  } catch (error) {
    // Without a fresh file the runtime goes on writing to the one that was moved: it gets its name back.
    await files.rename(moved, path)
    throw error
  }
  return true
}
