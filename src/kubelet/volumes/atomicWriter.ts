import { posix } from 'node:path'
import type { Files } from '#lib/host/files.ts'
import type { VolumeFiles } from '../plan/planVolumes.ts'

export interface FileOwner {
  readonly uid?: number
  readonly gid?: number
}

const dataLink = '..data'
const nextLink = '..data_tmp'

/**
 * Replaces the files of a folder all at once, so that a reader sees either the old set or the new one:
 *
 *     ..2026_01_01_12_00_00.17/cert/tls.key     the files
 *     ..data        -> ..2026_01_01_12_00_00.17   replaced by a rename
 *     cert          -> ..data/cert                one link for each name at the top
 *
 * Nothing is written when nothing changed. Returns whether something did.
 */
export async function writeVolumeFiles(
  files: Files,
  folder: string,
  payload: VolumeFiles,
  owner: FileOwner,
  now: number,
): Promise<boolean> {
  const makeFolder = async (path: string): Promise<void> => {
    await files.makeFolder(path, 0o755)
    if (owner.gid === undefined) return
    await files.setOwner(path, 0, owner.gid)
    await files.setMode(path, 0o2755)
  }
  await makeFolder(folder)
  const oldName = await files.readLink(`${folder}/${dataLink}`)
  if (oldName !== undefined && (await isSame(files, `${folder}/${oldName}`, payload))) return false
  const names = await files.list(folder)
  const newName = freshName(now, names)
  await makeFolder(`${folder}/${newName}`)
  for (const [path, file] of payload) {
    const target = `${folder}/${newName}/${path}`
    if (path.includes('/')) await makeFolder(posix.dirname(target))
    // A group that owns the volume may always read it.
    const mode = owner.gid === undefined ? file.mode : file.mode | 0o440
    await files.write(target, file.data, { mode, ...owner })
  }
  await files.remove(`${folder}/${nextLink}`)
  await files.link(newName, `${folder}/${nextLink}`)
  await files.rename(`${folder}/${nextLink}`, `${folder}/${dataLink}`)
  const tops = new Set([...payload.keys()].map((path) => path.split('/')[0]!))
  for (const top of tops) if (!names.includes(top)) await files.link(`${dataLink}/${top}`, `${folder}/${top}`)
  for (const name of names) {
    const isOldLink = !name.startsWith('..') && !tops.has(name)
    const isOldFolder = name.startsWith('..2') && name !== newName
    if (isOldLink || isOldFolder) await files.remove(`${folder}/${name}`)
  }
  return true
}

/** `..2026_01_01_12_00_00.123`, with the first free number from the milliseconds on. */
function freshName(now: number, names: readonly string[]): string {
  const stamp = new Date(now).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '_')
  for (let number = now % 1000; ; number++) {
    const name = `..${stamp}.${number}`
    if (!names.includes(name)) return name
  }
}

async function isSame(files: Files, folder: string, payload: VolumeFiles): Promise<boolean> {
  const found = await pathsBelow(files, folder, '')
  if (found.length !== payload.size) return false
  for (const path of found) {
    const wanted = payload.get(path)
    if (wanted === undefined) return false
    const data = await files.read(`${folder}/${path}`)
    if (data === undefined || !data.equals(wanted.data)) return false
  }
  return true
}

async function pathsBelow(files: Files, folder: string, prefix: string): Promise<string[]> {
  const paths: string[] = []
  for (const name of await files.list(`${folder}/${prefix}`)) {
    const path = `${prefix}${name}`
    const status = await files.status(`${folder}/${path}`)
    if (status?.kind === 'folder') paths.push(...(await pathsBelow(files, folder, `${path}/`)))
    else paths.push(path)
  }
  return paths
}
