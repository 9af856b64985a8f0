/** One layer of an image: files as data, and their archive, which is the same bytes for the same files. */
import { pack } from 'tar-stream'

export type LayerEntry =
  | {
      readonly kind: 'file'
      readonly path: string
      readonly data: Uint8Array
      readonly mode: number
      readonly uid?: number
      readonly gid?: number
    }
  | {
      readonly kind: 'folder'
      readonly path: string
      readonly mode: number
      readonly uid?: number
      readonly gid?: number
    }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }

/** More than this in one layer is refused: everything is held in memory. */
export const maxLayerBytes = 1024 ** 3

/** Says what is wrong with a path inside an image; undefined when nothing is. */
export function imagePathProblem(path: string): string | undefined {
  if (!path.startsWith('/')) return 'it must be absolute'
  if (path.split('/').some((part) => part === '.' || part === '..')) return 'it must not contain "." or ".."'
  if (path.includes('\0')) return 'it must not contain a zero byte'
  return undefined
}

/**
 * The tar archive of a layer: entries sorted by path, the last of several for one path, folders above them added (0755),
 * all times zero. Rejects paths that are not absolute or climb.
 */
export async function packLayer(entries: readonly LayerEntry[]): Promise<Buffer> {
  const byPath = new Map<string, LayerEntry>()
  let size = 0
  for (const entry of entries) {
    const problem = imagePathProblem(entry.path)
    if (problem !== undefined) throw new TypeError(`Cannot put ${JSON.stringify(entry.path)} into an image: ${problem}`)
    const path = entry.path
      .split('/')
      .filter((part) => part !== '')
      .join('/')
    if (path === '') continue
    byPath.set(path, entry)
    if (entry.kind === 'file') size += entry.data.length
    if (size > maxLayerBytes) throw new RangeError(`Cannot make an image layer: more than ${maxLayerBytes} bytes`)
  }
  for (const path of byPath.keys()) {
    for (let above = parentOf(path); above !== ''; above = parentOf(above)) {
      if (!byPath.has(above)) byPath.set(above, { kind: 'folder', path: above, mode: 0o755 })
    }
  }
  const archive = pack()
  const pieces: Buffer[] = []
  const collected = (async () => {
    for await (const piece of archive) pieces.push(piece as Buffer)
  })()
  for (const [path, entry] of [...byPath].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const common = { name: path, mtime: new Date(0), uname: '', gname: '' }
    if (entry.kind === 'link') {
      archive.entry({ ...common, type: 'symlink', linkname: entry.target, mode: 0o777, uid: 0, gid: 0 })
    } else {
      const owned = { ...common, mode: entry.mode, uid: entry.uid ?? 0, gid: entry.gid ?? 0 }
      if (entry.kind === 'folder') archive.entry({ ...owned, name: `${path}/`, type: 'directory' })
      else archive.entry({ ...owned, type: 'file', size: entry.data.length }, Buffer.from(entry.data))
    }
  }
  archive.finalize()
  await collected
  return Buffer.concat(pieces)
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))
