import type { Clock } from '#lib/clock.ts'
import { mayLowerOomScore } from '#lib/host/capabilities.ts'
import type { Files } from '#lib/host/files.ts'
import { totalmem } from 'node:os'
import type { ContainerRuntime } from './containerRuntime.ts'
import { criConnection } from './criConnection.ts'
import { criRuntime } from './criRuntime.ts'

export interface ContainerdOptions {
  readonly socket: string
  readonly clock: Clock
  readonly files: Files
  /** Where `Localhost` seccomp profiles are. */
  readonly seccompFolder: string
  readonly report?: (problem: string, error?: unknown) => void
}

/** Opens the containerd at a socket. It need not run yet; disposing ends the connection and leaves containers alone. */
export async function openContainerd(options: ContainerdOptions): Promise<ContainerRuntime & Disposable> {
  const { socket, clock, files, seccompFolder, report } = options
  const connection = criConnection(socket)
  const canLowerOomScore = mayLowerOomScore((await files.readText('/proc/self/status')) ?? '')
  const runtime = criRuntime({
    connection,
    clock,
    files,
    node: { memoryBytes: totalmem(), canLowerOomScore, seccompFolder },
    ...(report === undefined ? {} : { report }),
  })
  return { ...runtime, [Symbol.dispose]: () => connection[Symbol.dispose]() }
}
