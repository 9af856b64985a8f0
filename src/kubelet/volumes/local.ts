import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { Files } from '#lib/host/files.ts'
import type { Mounts } from '#lib/host/mount.ts'
import { isProvisionedDirectory } from '#machinery/localVolumes.ts'
import { statusBehindLinks } from './followLinks.ts'
import { setOwnership } from './ownership.ts'
import { VolumeStepError, type VolumeContext, type VolumeType } from './volumeType.ts'

/**
 * A folder of this node that outlives pods. It is shown in the pod's folder by a bind mount of its own, so that each pod
 * has it with its own options, and a pod's folder never holds the data itself.
 */
export const local: VolumeType = {
  name: 'local-volume',
  figures: 'fileSystem',
  isMountPoint: true,
  takesMountOptions: true,
  matches: (volume) => volume.local !== undefined,
  async mount(volume, context) {
    const { host, folder, readOnly, claimed } = context
    const { path } = volume.local!
    await prepareSource(host.files, path, claimed?.volume)
    const mounted = { path: folder, readOnly, isLive: false }
    if (isMountPoint(host.mounts, folder)) return mounted
    const isShared = othersWith(host.mounts, folder).length > 0
    if (isShared) await warnOfOtherGroup(path, context)
    await host.files.makeFolder(folder, 0o750)
    const options = claimed?.volume.spec.mountOptions ?? []
    try {
      await host.mounts.bind(path, folder, { readOnly, options })
      // The first pod gives the files to its group; the others find them so.
      if (!readOnly && !isShared) await setOwnership(folder, context)
    } catch (error) {
      await host.mounts.unmount(folder)
      await host.files.removeIfEmpty(folder)
      throw error
    }
    return mounted
  },
}

/** Whether something is mounted at this very path. */
export function isMountPoint(mounts: Pick<Mounts, 'list'>, path: string): boolean {
  return mounts.list().some((mount) => mount.target === path)
}

/** What we provisioned is made where it is first used: only the node can. Anybody else's folder must be there. */
async function prepareSource(files: Files, path: string, volume: PersistentVolume | undefined): Promise<void> {
  const found = await statusBehindLinks(files, path)
  if (found === undefined) {
    if (volume === undefined || !isProvisionedDirectory(volume)) {
      throw new VolumeStepError('MountVolume.NewMounter initialization', `path "${path}" does not exist`)
    }
    // Like other provisioners of local folders: whoever the containers run as may write.
    return files.makeFolder(path, 0o777)
  }
  if (found.kind === 'folder') return
  const message =
    found.kind === 'blockDevice'
      ? `this node mounts only directories as local volumes, and "${path}" is a block device`
      : 'only directory and block device are supported'
  throw new VolumeStepError('MountVolume.NewMounter initialization', message)
}

/** Where other pods of this node have the same volume: the end of the path is the volume's name. */
function othersWith(mounts: Mounts, folder: string): string[] {
  const end = folder.slice(folder.lastIndexOf('/volumes/'))
  return mounts.list().flatMap(({ target }) => (target !== folder && target.endsWith(end) ? [target] : []))
}

async function warnOfOtherGroup(path: string, { pod, host, claimed, note }: VolumeContext): Promise<void> {
  const { fsGroup } = pod.spec.securityContext ?? {}
  const found = await statusBehindLinks(host.files, path)
  if (fsGroup === undefined || found === undefined || found.gid === fsGroup) return
  const name = claimed?.volume.metadata.name ?? ''
  note(
    'Warning',
    'AlreadyMountedVolume',
    `The requested fsGroup is ${fsGroup}, but the volume ${name} has GID ${found.gid}. The volume may not be shareable.`,
  )
}
