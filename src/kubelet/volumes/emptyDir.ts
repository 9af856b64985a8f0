import { quantityValue } from '#machinery/quantity.ts'
import type { VolumeType } from './volumeType.ts'

/** A folder that lives as long as its pod, on disk or in memory. */
export const emptyDir: VolumeType = {
  name: 'empty-dir',
  figures: 'folder',
  matches: (volume) => volume.emptyDir !== undefined,
  async mount(volume, { pod, folder, host: { files, mounts } }) {
    const { medium = '', sizeLimit } = volume.emptyDir!
    if (medium.startsWith('HugePages')) throw new Error(`unsupported emptyDir medium "${medium}"`)
    const isThere = (await files.status(folder)) !== undefined
    if (!isThere) await files.makeFolder(folder, 0o777)
    if (medium === 'Memory' && !mounts.list().some((mount) => mount.target === folder)) {
      const limit = sizeLimit === undefined ? 0 : quantityValue(sizeLimit)
      await mounts.mountTmpfs(folder, { mode: 0o777, ...(limit > 0 ? { sizeBytes: limit } : {}) })
    }
    const { fsGroup } = pod.spec.securityContext ?? {}
    if (fsGroup !== undefined && !isThere) {
      await files.setOwner(folder, 0, fsGroup)
      await files.setMode(folder, 0o2777)
    }
    return { path: folder, readOnly: false, isLive: false }
  },
}
