import type { FileStatus, Files } from '#lib/host/files.ts'
import type { HostPathType } from '#api/core/v1/volume.ts'
import type { VolumeType } from './volumeType.ts'

/** A path of the node itself. What is missing is refused or made here: the runtime would make a folder of anything. */
export const hostPath: VolumeType = {
  name: 'host-path',
  matches: (volume) => volume.hostPath !== undefined,
  async mount(volume, { host: { files } }) {
    const { path, type = '' } = volume.hostPath!
    await checkType(files, path, type)
    return { path, readOnly: false, isLive: false }
  },
}

const wanted: Readonly<Record<Exclude<HostPathType, ''>, readonly [FileStatus['kind'], string]>> = {
  DirectoryOrCreate: ['folder', 'directory'],
  Directory: ['folder', 'directory'],
  FileOrCreate: ['file', 'file'],
  File: ['file', 'file'],
  Socket: ['socket', 'socket file'],
  CharDevice: ['characterDevice', 'character device'],
  BlockDevice: ['blockDevice', 'block device'],
}

async function checkType(files: Files, path: string, type: HostPathType): Promise<void> {
  if (type === '') {
    if ((await statusOf(files, path)) === undefined) await files.makeFolder(path, 0o755)
    return
  }
  const [kind, words] = wanted[type]
  const found = await statusOf(files, path)
  if (found === undefined && type === 'DirectoryOrCreate') return files.makeFolder(path, 0o755)
  if (found === undefined && type === 'FileOrCreate') {
    await files.createExclusive(path, '', { mode: 0o644 })
    return
  }
  if (found?.kind !== kind) throw new Error(`hostPath type check failed: ${path} is not a ${words}`)
}

/** Follows links: a link to a folder is a folder. */
async function statusOf(files: Files, path: string): Promise<FileStatus | undefined> {
  let at = path
  for (let links = 0; links < 40; links++) {
    const found = await files.status(at)
    if (found?.kind !== 'link') return found
    const target = (await files.readLink(at)) ?? ''
    at = target.startsWith('/') ? target : `${at.slice(0, at.lastIndexOf('/'))}/${target}`
  }
  throw new Error(`hostPath type check failed: ${path} has too many links`)
}
