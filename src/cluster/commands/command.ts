import { InvalidArgumentError, type Command as Program } from 'commander'
import type { Roots } from '#cluster/place/layout.ts'
import type { Clock } from '#lib/clock.ts'
import type { Files } from '#lib/host/files.ts'
import type { Host } from '#lib/host/host.ts'
import type { Random } from '#lib/random.ts'

/** Everything that a command may touch. */
export interface Surroundings {
  readonly host: Host
  readonly clock: Clock
  readonly random: Random
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly uid: number
  /** Whether real nodes can be made: by root, unless it is that of a container without the privileges. */
  readonly mayMakeNodes: boolean
  /** The command line that runs this program; its arguments follow. */
  readonly program: readonly string[]
  readonly roots: Roots
  /** Aborts when the person interrupts. */
  readonly signal: AbortSignal
  /** Writes one line of the command's result. */
  print(line: string): void
  /** Writes one line about what is going on; never part of the result. */
  progress(line: string): void
}

/** Carries out a command and returns its exit code. */
export type Work = (surroundings: Surroundings) => Promise<number>

/** One verb of the command line. */
export interface Command {
  /** Adds the verb, its arguments and flags; its action hands the work to `run`. */
  define(program: Program, run: (work: Work) => Promise<void>): void
}

/** The command line asks for something that cannot be; exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** Reads an argument that is a number of things. */
export function readCount(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

/** The text of a file that an argument names. Rejects with UsageError: one that cannot be read is a wrong argument. */
export async function readArgument(files: Files, path: string): Promise<string> {
  let text: string | undefined
  try {
    text = await files.readText(path)
  } catch (error) {
    // A folder, a file of somebody else or one that is too large.
    throw new UsageError(`${path}: ${(error as Error).message}`)
  }
  if (text === undefined) throw new UsageError(`${path}: there is no such file`)
  return text
}

/** Shows a step while it takes place and how long it took: `Starting the control plane ... 0.4 s`. */
export async function step<T>(
  { clock, progress }: Pick<Surroundings, 'clock' | 'progress'>,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  const began = clock.now()
  try {
    const result = await work()
    progress(`  ${what}  ${((clock.now() - began) / 1000).toFixed(1)} s`)
    return result
  } catch (error) {
    progress(`  ${what}  failed after ${((clock.now() - began) / 1000).toFixed(1)} s`)
    throw error
  }
}
