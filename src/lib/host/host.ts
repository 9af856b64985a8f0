/** Everything of the operating system that a component may need, as one value to hand in. */
import type { Clock } from '#lib/clock.ts'

import { systemCgroups } from './cgroup.ts'
import { fakeCgroups } from './fakeCgroups.ts'
import type { Cgroups } from './cgroup.ts'
import { fakeFiles, systemFiles, systemMemoryFiles } from './files.ts'
import type { Files } from './files.ts'
import { fakeMounts, systemMounts } from './mount.ts'
import type { Mounts } from './mount.ts'
import { fakeIp, systemIp } from './netlink.ts'
import type { Ip } from './netlink.ts'
import { fakeNft, systemNft } from './nft.ts'
import type { Nft } from './nft.ts'
import { fakeProcesses, systemProcesses } from './process.ts'
import type { Processes } from './process.ts'

export interface Host {
  readonly processes: Processes
  readonly files: Files
  /** The same files, at once: only for what lies in a file system in memory, where nothing waits for a disk. */
  readonly memoryFiles: Files
  readonly mounts: Mounts
  readonly cgroups: Cgroups
  /** Links and routes of our own network namespace, or of the one bound to a file. */
  ip(namespaceFile?: string): Ip
  nft(namespaceFile?: string): Nft
  readonly clock: Clock
}

/** The machine on which this process runs, as seen from its own namespaces. */
export function systemHost(clock: Clock): Host {
  const processes = systemProcesses()
  let cgroups: Cgroups | undefined
  return {
    processes,
    files: systemFiles,
    memoryFiles: systemMemoryFiles,
    mounts: systemMounts(processes),
    // Looked up at first use: commands that need no control groups work on machines without them.
    get cgroups() {
      return (cgroups ??= systemCgroups(clock))
    },
    ip: (namespaceFile) => systemIp(processes, namespaceFile),
    nft: (namespaceFile) => systemNft(processes, namespaceFile),
    clock,
  }
}

/** A machine in memory, where every namespace has the same links and rules; parts may be replaced. */
export function fakeHost(clock: Clock, parts: Partial<Host> = {}): Host {
  const ip = fakeIp()
  const nft = fakeNft()
  const files = parts.files ?? fakeFiles()
  return {
    processes: fakeProcesses(),
    files,
    memoryFiles: files,
    mounts: fakeMounts(),
    cgroups: fakeCgroups(),
    ip: () => ip,
    nft: () => nft,
    clock,
    ...parts,
  }
}
