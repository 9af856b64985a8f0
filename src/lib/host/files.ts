/** Files and folders, for what must be whole after a crash and for what belongs to pods. */
import * as fs from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'

import { immediateCalls, threadedCalls } from './fileCalls.ts'
import type { FileCalls } from './fileCalls.ts'
import type { ProcessIdentity, Processes } from './process.ts'
import { changeGroupBelow, holdWithin, OutsideError, partsOf, usageBelow } from './tree.ts'
import type { GroupChange, HeldPath } from './tree.ts'

export interface FileStatus {
  readonly kind: 'file' | 'folder' | 'link' | 'socket' | 'blockDevice' | 'characterDevice' | 'pipe'
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** The number of the file system that it is on. */
  readonly device: number
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly modified: number
}

export interface WriteOptions {
  /** 0o644 unless told; not narrowed by the process's mask. */
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  /** Whether the bytes and the name are on the disk when the promise resolves. */
  readonly sync?: boolean
}

export interface FileSystemSpace {
  readonly freeBytes: number
  readonly usedBytes: number
  readonly totalBytes: number
  readonly freeInodes: number
  readonly totalInodes: number
}

export interface Files {
  /** Undefined when there is nothing; does not follow a link at the end of the path. */
  status(path: string): Promise<FileStatus | undefined>
  /** Undefined when there is no such file; rejects when it is larger than `maxBytes` (16 MiB unless told). */
  read(path: string, maxBytes?: number): Promise<Buffer | undefined>
  readText(path: string, maxBytes?: number): Promise<string | undefined>
  /** Replaces the file as a whole: a reader sees the old or the new content, never a part. */
  write(path: string, data: string | Uint8Array, options?: WriteOptions): Promise<void>
  /** Creates the file only if there is none; false when there was one. */
  createExclusive(path: string, data: string, options?: WriteOptions): Promise<boolean>
  /** Makes the folder and those above; an existing folder gets the mode too when one is given. */
  makeFolder(path: string, mode?: number): Promise<void>
  /** Names in a folder, sorted; empty when there is no such folder. */
  list(path: string): Promise<readonly string[]>
  /** Removes a file, link or folder with everything in it; nothing happens when there is nothing. */
  remove(path: string): Promise<void>
  /** Removes a folder unless something is in it. */
  removeIfEmpty(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  link(target: string, path: string): Promise<void>
  readLink(path: string): Promise<string | undefined>
  /** The same place without any link on the way; undefined when there is nothing. */
  realPath(path: string): Promise<string | undefined>
  setMode(path: string, mode: number): Promise<void>
  setOwner(path: string, uid: number, gid: number): Promise<void>
  /** See tree.ts: gives a folder and all below it to a group. */
  changeGroupBelow: (
    root: string,
    change: GroupChange,
    told: { counted: () => void; failed: (path: string, error: unknown) => void },
  ) => Promise<void>
  /** See tree.ts: opens what is at a path within a folder into which others write. */
  holdWithin: (root: string, path: string, mode: number) => Promise<HeldPath>
  /** Bytes and inodes of the file system that holds the path; what is free to everybody may be less than what is not used. */
  space(path: string): Promise<FileSystemSpace>
  /** See tree.ts: what a folder and all below it, on the same file system, take up. */
  usage(path: string): Promise<{ bytes: number; inodes: number }>
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'

async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

const defaultMaxBytes = 16 * 1024 * 1024

let temporaryNames = 0

/** The machine's file system. */
export const systemFiles = filesBy(threadedCalls)

/** The machine's file system too, for what lies in memory. */
export const systemMemoryFiles = filesBy(immediateCalls)

function filesBy(calls: FileCalls): Files {
  const files: Files = {
    status: async (path) => {
      const found = await unlessMissing(calls.lstat(path))
      if (found === undefined) return undefined
      const kind = found.isDirectory()
        ? 'folder'
        : found.isSymbolicLink()
          ? 'link'
          : found.isSocket()
            ? 'socket'
            : found.isBlockDevice()
              ? 'blockDevice'
              : found.isCharacterDevice()
                ? 'characterDevice'
                : found.isFIFO()
                  ? 'pipe'
                  : 'file'
      const { mode, uid, gid, dev, size, mtimeMs } = found
      return { kind, mode: mode & 0o7777, uid, gid, device: dev, size, modified: mtimeMs }
    },
    read: async (path, maxBytes = defaultMaxBytes) => {
      const file = await unlessMissing(calls.open(path, 'r'))
      if (file === undefined) return undefined
      try {
        const { size } = await file.stat()
        if (size > maxBytes) throw new Error(`Cannot read "${path}": ${size} bytes, at most ${maxBytes} are allowed`)
        const bytes = await file.readFile()
        // Files of /proc and growing files say less than they give.
        if (bytes.length > maxBytes) throw new Error(`Cannot read "${path}": more than ${maxBytes} bytes`)
        return bytes
      } finally {
        await file.close()
      }
    },
    readText: async (path, maxBytes) => (await files.read(path, maxBytes))?.toString('utf8'),
    write: async (path, data, options = {}) => {
      const temporary = join(dirname(path), `.${process.pid}-${temporaryNames++}.tmp`)
      try {
        await writeWhole(calls, temporary, data, options)
        await calls.rename(temporary, path)
      } catch (error) {
        await unlessMissing(calls.unlink(temporary))
        throw error
      }
      if (options.sync) await syncFolder(calls, dirname(path))
    },
    createExclusive: async (path, data, options = {}) => {
      const write = data === '' ? writeWhole : writeLinked
      try {
        await write(calls, path, data, options)
        return true
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false
        throw error
      }
    },
    makeFolder: async (path, mode) => {
      await calls.mkdir(path, { recursive: true, ...(mode === undefined ? {} : { mode }) })
      if (mode !== undefined) await calls.chmod(path, mode)
    },
    list: async (path) => ((await unlessMissing(calls.readdir(path))) ?? []).toSorted(),
    remove: (path) => calls.rm(path, { recursive: true, force: true }),
    removeIfEmpty: async (path) => {
      try {
        await calls.rmdir(path)
      } catch (error) {
        // Busy is a folder where a file system is mounted, whoever did so: it stays.
        if (!isMissing(error) && !['ENOTEMPTY', 'EBUSY'].includes(codeOf(error)!)) throw error
      }
    },
    rename: (from, to) => calls.rename(from, to),
    link: (target, path) => calls.symlink(target, path),
    readLink: (path) => unlessMissing(calls.readlink(path)),
    realPath: (path) => unlessMissing(fs.realpath(path)),
    setMode: (path, mode) => calls.chmod(path, mode),
    setOwner: (path, uid, gid) => calls.lchown(path, uid, gid),
    changeGroupBelow,
    holdWithin,
    space: async (path) => {
      const { bsize, bavail, bfree, blocks, ffree, files: inodes } = await fs.statfs(path)
      return {
        freeBytes: bavail * bsize,
        usedBytes: (blocks - bfree) * bsize,
        totalBytes: blocks * bsize,
        freeInodes: ffree,
        totalInodes: inodes,
      }
    },
    usage: usageBelow,
  }
  return files
}

async function writeWhole(
  calls: FileCalls,
  path: string,
  data: string | Uint8Array,
  options: WriteOptions,
): Promise<void> {
  const { mode = 0o644, uid, gid, sync = false } = options
  const file = await calls.open(path, 'wx', 0o600)
  try {
    if (data.length > 0) await file.writeFile(data)
    if (uid !== undefined || gid !== undefined) await file.chown(uid ?? -1, gid ?? -1)
    await file.chmod(mode)
    if (sync) await file.sync()
  } finally {
    await file.close()
  }
}

/** A hard link appears at once with its content, so nobody sees the file empty. */
async function writeLinked(calls: FileCalls, path: string, data: string, options: WriteOptions): Promise<void> {
  const temporary = join(dirname(path), `.${process.pid}-${temporaryNames++}.tmp`)
  try {
    await writeWhole(calls, temporary, data, options)
    await calls.link(temporary, path)
  } finally {
    await unlessMissing(calls.unlink(temporary))
  }
}

async function syncFolder(calls: FileCalls, path: string): Promise<void> {
  const folder = await calls.open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** A folder for one owner's secrets: 0700, and refused when it is a link or belongs to somebody else. */
export async function makePrivateFolder(files: Files, path: string, uid: number): Promise<void> {
  const found = await files.status(path)
  if (found !== undefined && found.kind !== 'folder') throw new Error(`Cannot use "${path}": it is not a folder`)
  if (found !== undefined && found.uid !== uid) throw new Error(`Cannot use "${path}": it belongs to user ${found.uid}`)
  await files.makeFolder(path, 0o700)
}

const longLog = 8 * 1024 * 1024

/** Lets a program that is about to start begin its log anew where that has become long; the long one stays beside it. */
export async function setLongLogAside(files: Files, path: string): Promise<void> {
  const status = await files.status(path)
  if (status !== undefined && status.size > longLog) await files.rename(path, `${path}.old`)
}

/** Notes a process for later: its pid and when it started. */
export const writePidFile = (files: Files, path: string, process: ProcessIdentity): Promise<void> =>
  files.write(path, `${process.pid} ${process.startTicks}\n`, { mode: 0o600 })

/** The process noted in a pid file if it still lives; undefined when there is no file, no sense in it, or no such process. */
export async function readPidFile(
  files: Files,
  processes: Processes,
  path: string,
): Promise<ProcessIdentity | undefined> {
  const [pid, startTicks] = ((await files.readText(path, 4096)) ?? '').trim().split(' ').map(Number)
  if (pid === undefined || startTicks === undefined || !Number.isInteger(pid) || !Number.isInteger(startTicks))
    return undefined
  const noted = { pid, startTicks }
  return processes.isAlive(noted) ? noted : undefined
}

/** Held until released; a lock whose holder has died counts as free. */
export interface Lock {
  release(): Promise<void>
}

/** Takes the lock file for process `holder`, or says which living process holds it. */
export async function takeLock(
  files: Files,
  processes: Processes,
  path: string,
  holder: ProcessIdentity,
): Promise<Lock | { readonly heldBy: ProcessIdentity }> {
  for (;;) {
    if (await files.createExclusive(path, `${holder.pid} ${holder.startTicks}\n`, { mode: 0o600 })) {
      return { release: () => files.remove(path) }
    }
    const heldBy = await readPidFile(files, processes, path)
    if (heldBy !== undefined) return { heldBy }
    // Moving the dead holder's file away succeeds for only one of several who try.
    const aside = `${path}.${holder.pid}.stale`
    try {
      await files.rename(path, aside)
    } catch (error) {
      if (!isMissing(error)) throw error
    }
    const moved = await readPidFile(files, processes, aside)
    if (moved !== undefined) {
      // Between looking and moving another process took the lock: give it back.
      await files.rename(aside, path)
      return { heldBy: moved }
    }
    await files.remove(aside)
  }
}

type FakeEntry = FileStatus & { readonly data?: Buffer; readonly target?: string }

/** A file system in memory with one root folder. Links are not followed in the middle of a path. */
export function fakeFiles(initial: Readonly<Record<string, string>> = {}): Files {
  const entries = new Map<string, FakeEntry>()
  const plain = (path: string): string => posix.resolve('/', path)
  const folder: FakeEntry = { kind: 'folder', mode: 0o755, uid: 0, gid: 0, device: 1, size: 0, modified: 0 }
  const missing = (path: string): Error =>
    Object.assign(new Error(`ENOENT: no such file or directory, "${path}"`), { code: 'ENOENT' })
  const makeFolder = (path: string, mode?: number): void => {
    for (let current = plain(path); current !== '/'; current = posix.dirname(current)) {
      const found = entries.get(current)
      if (found !== undefined && found.kind !== 'folder')
        throw Object.assign(new Error(`ENOTDIR: not a directory, "${current}"`), { code: 'ENOTDIR' })
      if (found === undefined) entries.set(current, mode === undefined ? folder : { ...folder, mode })
    }
    if (mode !== undefined) entries.set(plain(path), { ...folder, mode })
  }
  const put = (
    path: string,
    data: string | Uint8Array,
    { mode = 0o644, uid = 0, gid = 0 }: WriteOptions = {},
  ): void => {
    const parent = posix.dirname(plain(path))
    if (parent !== '/' && entries.get(parent)?.kind !== 'folder') throw missing(path)
    const bytes = Buffer.from(typeof data === 'string' ? Buffer.from(data) : data)
    entries.set(plain(path), { ...folder, kind: 'file', mode, uid, gid, size: bytes.length, data: bytes })
  }
  const existing = (path: string): FakeEntry => {
    const found = entries.get(plain(path))
    if (found === undefined) throw missing(path)
    return found
  }
  const below = (path: string): string[] =>
    [...entries.keys()].filter((name) => name === path || name.startsWith(`${path}/`))
  const files: Files = {
    status: async (path) => {
      if (plain(path) === '/') return folder
      const found = entries.get(plain(path))
      if (found === undefined) return undefined
      const { data: _data, target: _target, ...status } = found
      return status
    },
    read: async (path, maxBytes = defaultMaxBytes) => {
      const found = entries.get(plain(path))
      if (found?.target !== undefined)
        return files.read(posix.resolve(posix.dirname(plain(path)), found.target), maxBytes)
      if (found?.data === undefined) return undefined
      if (found.size > maxBytes)
        throw new Error(`Cannot read "${path}": ${found.size} bytes, at most ${maxBytes} are allowed`)
      return Buffer.from(found.data)
    },
    readText: async (path, maxBytes) => (await files.read(path, maxBytes))?.toString('utf8'),
    write: async (path, data, options) => put(path, data, options),
    createExclusive: async (path, data, options) => {
      if (entries.has(plain(path))) return false
      put(path, data, options)
      return true
    },
    makeFolder: async (path, mode) => makeFolder(path, mode),
    list: async (path) => {
      const prefix = plain(path) === '/' ? '/' : `${plain(path)}/`
      return [...entries.keys()]
        .filter((name) => name.startsWith(prefix) && !name.slice(prefix.length).includes('/'))
        .map((name) => name.slice(prefix.length))
        .toSorted()
    },
    remove: async (path) => below(plain(path)).forEach((name) => entries.delete(name)),
    removeIfEmpty: async (path) => {
      if (below(plain(path)).length === 1) entries.delete(plain(path))
    },
    rename: async (from, to) => {
      existing(from)
      const moved = below(plain(from)).map(
        (name) => [plain(to) + name.slice(plain(from).length), entries.get(name)!] as const,
      )
      for (const name of below(plain(from))) entries.delete(name)
      for (const name of below(plain(to))) entries.delete(name)
      for (const [name, entry] of moved) entries.set(name, entry)
    },
    link: async (target, path) => void entries.set(plain(path), { ...folder, kind: 'link', mode: 0o777, target }),
    readLink: async (path) => entries.get(plain(path))?.target,
    realPath: async (path) => {
      const found = plain(path) === '/' ? folder : entries.get(plain(path))
      if (found?.target !== undefined) return files.realPath(posix.resolve(posix.dirname(plain(path)), found.target))
      return found === undefined ? undefined : plain(path)
    },
    setMode: async (path, mode) => void entries.set(plain(path), { ...existing(path), mode }),
    setOwner: async (path, uid, gid) => void entries.set(plain(path), { ...existing(path), uid, gid }),
    changeGroupBelow: async (root, { gid, fileMode, folderMode }, { counted }) => {
      for (const name of below(plain(root))) {
        const found = existing(name)
        const bits = found.kind === 'folder' ? folderMode : found.kind === 'link' ? 0 : fileMode
        entries.set(name, { ...found, gid, mode: found.mode | bits })
        counted()
      }
    },
    holdWithin: async (root, path, mode) => {
      const parts = partsOf(path)
      const at = posix.resolve(root, ...parts)
      const isOut = at !== plain(root) && !at.startsWith(`${plain(root)}/`)
      if (isOut || parts.includes('..')) throw new OutsideError(`"${path}" leads out of "${root}"`)
      if (!entries.has(at)) makeFolder(at, mode)
      const kind = existing(at).kind === 'folder' ? 'folder' : 'file'
      return { path: at, kind, [Symbol.asyncDispose]: async () => {} }
    },
    space: async () => ({ freeBytes: 50e9, usedBytes: 50e9, totalBytes: 100e9, freeInodes: 1e6, totalInodes: 2e6 }),
    usage: async (path) => {
      const names = below(plain(path))
      return { bytes: names.reduce((sum, name) => sum + existing(name).size, 0), inodes: names.length }
    },
  }
  for (const [path, text] of Object.entries(initial)) {
    makeFolder(posix.dirname(plain(path)))
    put(path, text)
  }
  return files
}
