import type { VolumeFiles } from '../plan/planVolumes.ts'
import { writeVolumeFiles } from './atomicWriter.ts'
import { configMapFiles, downwardFiles, secretFiles } from './fileSources.ts'
import type { MountedVolume, VolumeContext, VolumeType } from './volumeType.ts'

const defaultMode = 0o644

/** Files from a ConfigMap. */
export const configMap: VolumeType = {
  name: 'configmap',
  figures: 'folder',
  matches: (volume) => volume.configMap !== undefined,
  mount(volume, context) {
    const source = volume.configMap!
    return mountFiles(configMapFiles(source.name ?? '', source, source.defaultMode ?? defaultMode, context), context)
  },
}

/** Files from a Secret; in memory, so that they never reach a disk. */
export const secret: VolumeType = {
  name: 'secret',
  figures: 'folder',
  isInMemory: true,
  matches: (volume) => volume.secret !== undefined,
  async mount(volume, context) {
    const source = volume.secret!
    return mountFiles(secretFiles(source.secretName ?? '', source, source.defaultMode ?? defaultMode, context), context)
  },
}

/** Files that tell the pod of itself. */
export const downwardAPI: VolumeType = {
  name: 'downward-api',
  figures: 'folder',
  matches: (volume) => volume.downwardAPI !== undefined,
  mount(volume, context) {
    const source = volume.downwardAPI!
    return mountFiles(downwardFiles(source.items, source.defaultMode ?? defaultMode, context), context)
  },
}

/** Writes a volume's files, owned by the pod's group if it has one. */
export async function mountFiles(files: VolumeFiles, context: VolumeContext, uid?: number): Promise<MountedVolume> {
  const { fsGroup } = context.pod.spec.securityContext ?? {}
  const owner = { ...(uid === undefined ? {} : { uid }), ...(fsGroup === undefined ? {} : { gid: fsGroup }) }
  const { host, folder } = context
  await writeVolumeFiles(host.files, folder, files, owner, host.clock.now())
  return { path: folder, readOnly: true, isLive: true }
}
