import type { FileStatus, Files } from '#lib/host/files.ts'
import type { HostPathType } from '#api/core/v1/volume.ts'
import { statusBehindLinks } from './followLinks.ts'
import type { VolumeType } from './volumeType.ts'

/** A path of the node itself. What is missing is refused or made here: the runtime would make a folder of anything. */
export const hostPath: VolumeType = {
  name: 'host-path',
  matches: (volume) => volume.hostPath !== undefined,
  async mount(volume, { host: { files }, readOnly }) {
    const { path, type = '' } = volume.hostPath!
    await checkType(files, path, type)
    return { path, readOnly, isLive: false }
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
    if ((await statusBehindLinks(files, path)) === undefined) await files.makeFolder(path, 0o755)
    return
  }
  const [kind, words] = wanted[type]
  const found = await statusBehindLinks(files, path)
  if (found === undefined && type === 'DirectoryOrCreate') return files.makeFolder(path, 0o755)
  if (found === undefined && type === 'FileOrCreate') {
    await files.createExclusive(path, '', { mode: 0o644 })
    return
  }
  if (found?.kind !== kind) throw new Error(`hostPath type check failed: ${path} is not a ${words}`)
}
