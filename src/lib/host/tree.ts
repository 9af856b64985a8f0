/**
 * Going through folders that others write into at the same time. Every step is taken from a folder that is held open,
 * so a link that somebody puts in the way is met as a link and never followed:
 *
 *     /volume          opened by its path, which only the node itself can change
 *     └─ data          opened as /proc/self/fd/<volume>/data, without following links
 *        └─ file       opened as /proc/self/fd/<data>/file, and so on
 */
import * as sync from 'node:fs'
import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'

/** Node has no name for it: a handle that stands for a place and reads nothing of it. */
const pathOnly = 0o10000000

/** A file or folder that is held open; its path stays that very one whatever happens to its names. */
export interface HeldPath extends AsyncDisposable {
  readonly path: string
  readonly kind: 'file' | 'folder'
}

/** Some milliseconds of work, after which others have their turn. */
const mostWithoutBreak = 200

export interface GroupChange {
  readonly gid: number
  /** Bits that are added to what files, and folders, allow. */
  readonly fileMode: number
  readonly folderMode: number
}

/** A step out of the folder, which a link or `..` asked for. */
export class OutsideError extends Error {
  override name = 'OutsideError'
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
const pathOf = (handle: fs.FileHandle): string => `/proc/self/fd/${handle.fd}`
const openPlace = (path: string): Promise<fs.FileHandle> => fs.open(path, pathOnly | constants.O_NOFOLLOW)

/**
 * Gives a folder and everything below it to a group, links themselves instead of what they lead to. What cannot be
 * changed is told to `failed` and passed over; `counted` is called for each.
 */
export async function changeGroupBelow(
  top: string,
  change: GroupChange,
  { counted, failed }: { counted: () => void; failed: (path: string, error: unknown) => void },
): Promise<void> {
  // A call that waits for a thread costs ten times what the kernel needs for it: so they are made at once, for a while.
  let sinceBreak = 0
  const visit = async (descriptor: number, shown: string): Promise<void> => {
    const path = `/proc/self/fd/${descriptor}`
    const found = sync.fstatSync(descriptor)
    if (found.isDirectory()) {
      for (const name of sync.readdirSync(path)) {
        let inner: number
        try {
          inner = sync.openSync(`${path}/${name}`, pathOnly | constants.O_NOFOLLOW)
        } catch (error) {
          // Somebody removed it meanwhile.
          if (codeOf(error) === 'ENOENT') continue
          throw error
        }
        try {
          await visit(inner, `${shown}/${name}`)
        } finally {
          sync.closeSync(inner)
        }
      }
    }
    counted()
    const bits = found.isDirectory() ? change.folderMode : change.fileMode
    const isRight = found.isSymbolicLink() || (found.mode & bits) === bits
    try {
      if (found.gid !== change.gid) sync.chownSync(path, found.uid, change.gid)
      // A new group takes the set-id bits of files away, so these are given after it.
      if (!isRight || (found.isDirectory() && found.gid !== change.gid)) {
        sync.chmodSync(path, (found.mode & 0o7777) | bits)
      }
    } catch (error) {
      failed(shown, error)
    }
    if (++sinceBreak < mostWithoutBreak) return
    sinceBreak = 0
    await setImmediate()
  }
  const root = sync.openSync(top, pathOnly | constants.O_NOFOLLOW)
  try {
    await visit(root, top)
  } finally {
    sync.closeSync(root)
  }
}

/** The size of a block in which the kernel counts what files take up, whatever the file system's own. */
const statBlock = 512

/** What a folder and all below it take up on their file system; a file with several names counts once. */
export async function usageBelow(root: string): Promise<{ bytes: number; inodes: number }> {
  const { dev } = await fs.lstat(root)
  const counted = new Set<number>()
  let bytes = 0
  const visit = async (path: string): Promise<void> => {
    // Files come and go while they are counted.
    const found = await fs.lstat(path).catch(() => undefined)
    if (found === undefined || found.dev !== dev || counted.has(found.ino)) return
    counted.add(found.ino)
    bytes += found.blocks * statBlock
    if (!found.isDirectory()) return
    for (const name of await fs.readdir(path).catch(() => [])) await visit(`${path}/${name}`)
  }
  await visit(root)
  return { bytes, inodes: counted.size }
}

const mostLinks = 40

/**
 * Opens what is at `path` within a folder. Links are followed as long as they stay within it (an absolute one must begin
 * with the folder's own path); what is missing is made as folders with `mode`. Rejects with an OutsideError for a way
 * that leads out.
 */
export async function holdWithin(root: string, path: string, mode: number): Promise<HeldPath> {
  const outside = new OutsideError(`"${path}" leads out of "${root}"`)
  const rest = partsOf(path)
  const held: fs.FileHandle[] = [await fs.open(root, pathOnly)]
  let links = 0
  const release = async (from: number): Promise<void> => {
    for (const handle of held.splice(from)) await handle.close()
  }
  try {
    if (rest.length > 0 && !(await held[0]!.stat()).isDirectory()) throw new Error(`"${root}" is not a folder`)
    while (rest.length > 0) {
      const part = rest.shift()!
      if (part === '..') {
        if (held.length === 1) throw outside
        await release(held.length - 1)
        continue
      }
      const at = `${pathOf(held.at(-1)!)}/${part}`
      const next = await openOrMake(at, mode)
      held.push(next)
      const found = await next.stat()
      if (found.isSymbolicLink()) {
        if (++links > mostLinks) throw new Error(`"${path}" has too many links`)
        await release(held.length - 1)
        const target = await fs.readlink(at)
        if (target.startsWith('/')) {
          if (target !== root && !target.startsWith(`${root}/`)) throw outside
          await release(1)
          rest.unshift(...partsOf(target.slice(root.length)))
        } else rest.unshift(...partsOf(target))
      } else if (!found.isDirectory() && rest.length > 0) {
        throw new Error(`"${path}" goes through "${part}", which is not a folder`)
      }
    }
    const last = held.at(-1)!
    const kind = (await last.stat()).isDirectory() ? 'folder' : 'file'
    // Not /proc/self: whoever mounts it is a process of its own.
    return {
      path: `/proc/${process.pid}/fd/${last.fd}`,
      kind,
      [Symbol.asyncDispose]: () => release(0),
    }
  } catch (error) {
    await release(0)
    throw error
  }
}

async function openOrMake(path: string, mode: number): Promise<fs.FileHandle> {
  for (;;) {
    try {
      return await openPlace(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
    try {
      await fs.mkdir(path, { mode: mode & 0o777 })
    } catch (error) {
      // Two containers of a pod may make it at the same time.
      if (codeOf(error) === 'EEXIST') continue
      throw error
    }
    const made = await openPlace(path)
    // Neither mask nor special bits: as was asked for. What it is by now may be another's doing.
    if ((await made.stat()).isDirectory()) await fs.chmod(pathOf(made), mode)
    return made
  }
}

/** The names on a path, without those that stand for nothing. */
export function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}
