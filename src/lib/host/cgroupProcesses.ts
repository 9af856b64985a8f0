/** The processes of control groups, by the files that both versions have for them. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'

/** The text of a file of a group; undefined when there is none. */
export function readIf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // ENODEV: the group was removed while its file was open.
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/** The names of the groups within one. */
export function folders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

const ownProcesses = (folder: string): number[] =>
  (readIf(`${folder}/cgroup.procs`) ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)

/** Of the group and of all below it. */
export function processesBelow(folder: string): number[] {
  return [...ownProcesses(folder), ...folders(folder).flatMap((name) => processesBelow(`${folder}/${name}`))]
}

/** Processes that are begun meanwhile come after those that were listed. */
const clearingRounds = 10

/** Moves the processes at the top of what a container sees of version 2 into a group below it, `init`. */
export function clearTop(root: string): void {
  const below = `${root}/init`
  mkdirSync(below, { recursive: true })
  for (let round = 0; round < clearingRounds; round++) {
    // Those of 0 are outside of the container.
    const pids = ownProcesses(root).filter((pid) => pid !== 0)
    if (pids.length === 0) return
    for (const pid of pids) {
      try {
        writeFileSync(`${below}/cgroup.procs`, String(pid))
      } catch (error) {
        // It has ended.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
  }
}
