/** Mounts of the mount namespace in which this process runs. */
import { readFileSync } from 'node:fs'

import { runChecked } from './process.ts'
import type { Processes } from './process.ts'

/** One line of /proc/PID/mountinfo. */
export interface Mount {
  readonly target: string
  readonly type: string
  readonly source: string
  /** Path within the mounted file system that is visible at `target`: `/` unless it is a bind mount. */
  readonly root: string
  readonly options: readonly string[]
  /** `private`, `shared`, `slave` or both. */
  readonly shared: boolean
}

export interface Mounts {
  /** All mounts in the order in which they were made. */
  list(): readonly Mount[]
  /** A tmpfs with at most `sizeBytes` (half of the memory when absent). */
  mountTmpfs(target: string, options?: { readonly mode?: number; readonly sizeBytes?: number }): Promise<void>
  /** Shows a file or folder at another path too. */
  bind(source: string, target: string, options?: BindOptions): Promise<void>
  /** Mounts a file system by its type, as mount(8) does; rejects with a CommandError that has the program's own words. */
  mount(request: MountRequest): Promise<void>
  /** Takes away what is mounted at this very path, also when it is in use; nothing happens when nothing is mounted there. */
  unmount(target: string): Promise<void>
  /** Takes away every mount at or below `path`, the deepest first. */
  unmountBelow(path: string): Promise<void>
}

export interface BindOptions {
  readonly readOnly?: boolean
  /** With everything that is mounted below the source. */
  readonly recursive?: boolean
  /** Further options of the new mount, such as `noexec`. */
  readonly options?: readonly string[]
  /** The source is taken as it is written, so that a path of /proc stays the open file it stands for. */
  readonly literal?: boolean
}

export interface MountRequest {
  readonly type: string
  readonly source: string
  readonly target: string
  readonly options?: readonly string[]
}

/** The mount in which a path lies, were it not there yet. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  let found: Mount | undefined
  for (const mount of mounts) {
    const holds = mount.target === '/' || isAtOrBelow(path, mount.target)
    // Of two at the same place the later hides the other.
    if (holds && mount.target.length >= (found?.target.length ?? 0)) found = mount
  }
  return found
}

/** The words of the command for `mount`. */
export const mountArguments = ({ type, source, target, options = [] }: MountRequest): string[] => [
  '-t',
  type,
  ...(options.length === 0 ? [] : ['-o', options.join(',')]),
  source,
  target,
]

/** Undoes the octal escapes of space, tab, newline and backslash in the kernel's mount tables. */
const unescapePath = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** Reads the text of /proc/PID/mountinfo; lines that are not of that form are left out. */
export function parseMounts(text: string): Mount[] {
  const mounts: Mount[] = []
  for (const line of text.split('\n')) {
    const [left, right] = line.split(' - ')
    const [, , , root, target, options, ...tags] = (left ?? '').split(' ')
    const [type, source] = (right ?? '').split(' ')
    if (root === undefined || target === undefined || type === undefined || source === undefined) continue
    mounts.push({
      target: unescapePath(target),
      type,
      source: unescapePath(source),
      root: unescapePath(root),
      options: (options ?? '').split(','),
      shared: tags.some((tag) => tag.startsWith('shared:')),
    })
  }
  return mounts
}

const isAtOrBelow = (path: string, above: string): boolean => path === above || path.startsWith(`${above}/`)

/** The mounts to take away for `path` and all below it, in an order in which each can go. */
export function planUnmountBelow(mounts: readonly Mount[], path: string): string[] {
  return mounts
    .map((mount) => mount.target)
    .filter((target) => isAtOrBelow(target, path))
    .reverse()
}

/** The mounts of this process's own mount namespace. */
export function systemMounts(processes: Processes): Mounts {
  const list = (): Mount[] => parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
  const detach = async (target: string): Promise<void> => {
    const result = await processes.run(['umount', '--lazy', '--no-canonicalize', target])
    if (result.code !== 0 && list().some((mount) => mount.target === target)) {
      throw new Error(`Cannot unmount "${target}": ${result.stderr.trim()}`)
    }
  }
  return {
    list,
    mountTmpfs: async (target, { mode = 0o755, sizeBytes } = {}) => {
      const size = sizeBytes === undefined ? '' : `,size=${sizeBytes}`
      await runChecked(processes, ['mount', '-t', 'tmpfs', '-o', `mode=${mode.toString(8)}${size}`, 'tmpfs', target])
    },
    bind: async (source, target, { readOnly = false, recursive = false, options = [], literal = false } = {}) => {
      const how = [...(literal ? ['--no-canonicalize'] : []), recursive ? '--rbind' : '--bind']
      await runChecked(processes, ['mount', ...how, source, target])
      const changes = [...options, ...(readOnly ? ['ro'] : [])]
      if (changes.length === 0) return
      try {
        await runChecked(processes, ['mount', '-o', ['remount', 'bind', ...changes].join(','), target])
      } catch (error) {
        // Half of what was asked for is not what was asked for.
        await detach(target)
        throw error
      }
    },
    mount: async (request) => {
      await runChecked(processes, ['mount', ...mountArguments(request)])
    },
    unmount: async (target) => {
      if (list().some((mount) => mount.target === target)) await detach(target)
    },
    unmountBelow: async (path) => {
      for (const target of planUnmountBelow(list(), path)) await detach(target)
    },
  }
}

/** Mounts that exist only in memory. */
export function fakeMounts(initial: readonly Mount[] = []): Mounts {
  let mounts = [...initial]
  const add = (target: string, type: string, source: string, root: string, options: string[]): void => {
    mounts.push({ target, type, source, root, options, shared: false })
  }
  return {
    list: () => [...mounts],
    mountTmpfs: async (target) => add(target, 'tmpfs', 'tmpfs', '/', ['rw']),
    bind: async (source, target, { readOnly = false, options = [] } = {}) =>
      add(target, 'none', 'none', source, [readOnly ? 'ro' : 'rw', ...options]),
    mount: async ({ type, source, target, options = [] }) => add(target, type, source, '/', [...options]),
    unmount: async (target) => {
      const last = mounts.findLastIndex((mount) => mount.target === target)
      if (last >= 0) mounts.splice(last, 1)
    },
    unmountBelow: async (path) => {
      mounts = mounts.filter((mount) => !isAtOrBelow(mount.target, path))
    },
  }
}
