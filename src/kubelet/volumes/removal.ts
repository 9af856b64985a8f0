import type { Host } from '#lib/host/host.ts'
import type { Mount } from '#lib/host/mount.ts'
import { volumeTypes } from './index.ts'

type FilesAndMounts = Pick<Host, 'files' | 'mounts'>

/** Before the type in the names of folders: `kubernetes.io~configmap/<volume>`. */
export const folderPrefix = 'kubernetes.io~'

/** Where volumes are shown in part to containers that mount a `subPath`: `<volume>/<container>/<mount>`. */
export const subPathsFolder = 'volume-subpaths'

/**
 * Removes the volumes in a pod's folder, without their types being asked: also what an earlier agent left.
 *
 * What is kept elsewhere is never gone into. Everything mounted at or below the pod's folder is unmounted first, and the
 * folders that only show data of elsewhere are removed the way that fails when something is in them. `root` is the
 * agent's own folder, above all pods; mounts are listed by paths without links, so that is how it must be given.
 */
export async function removeVolumes(host: FilesAndMounts, podFolder: string, root: string): Promise<void> {
  const { files, mounts } = host
  if ((await files.status(podFolder)) === undefined) return
  if (!podFolder.startsWith(`${root}/pods/`) || (await files.realPath(podFolder)) !== podFolder) {
    throw new Error(`Cannot remove the volumes of "${podFolder}": it is not what "${root}" has below "pods"`)
  }
  await mounts.unmountBelow(podFolder)
  await removeSubPaths(host, `${podFolder}/${subPathsFolder}`)
  const volumes = `${podFolder}/volumes`
  for (const typeFolder of await files.list(volumes)) {
    const type = volumeTypes.find(({ name }) => typeFolder === `${folderPrefix}${name}`)
    for (const name of await files.list(`${volumes}/${typeFolder}`)) {
      const folder = `${volumes}/${typeFolder}/${name}`
      if (type === undefined || type.isMountPoint === true) await removeEmpty(host, folder)
      else await removeUnmounted(host, folder)
    }
    await removeEmpty(host, `${volumes}/${typeFolder}`)
  }
  await removeEmpty(host, volumes)
}

/** Removes a folder with all that is in it, unless something is mounted there. */
export async function removeUnmounted({ files, mounts }: FilesAndMounts, folder: string): Promise<void> {
  const findMount = (): Mount | undefined =>
    mounts.list().find(({ target }) => target === folder || target.startsWith(`${folder}/`))
  // The kernel's list is long where many pods run: it is read again only when something was to be unmounted.
  if (findMount() !== undefined) {
    await mounts.unmountBelow(folder)
    const left = findMount()
    if (left !== undefined) throw new Error(`Cannot remove "${folder}": "${left.target}" is still mounted`)
  }
  await files.remove(folder)
}

async function removeSubPaths(host: FilesAndMounts, folder: string): Promise<void> {
  const { files } = host
  for (const volume of await files.list(folder)) {
    for (const container of await files.list(`${folder}/${volume}`)) {
      for (const mount of await files.list(`${folder}/${volume}/${container}`)) {
        const target = `${folder}/${volume}/${container}/${mount}`
        const found = await files.status(target)
        // A file that stood for another one is empty as soon as that is unmounted.
        if (found?.kind === 'file' && found.size === 0) await files.remove(target)
        else await removeEmpty(host, target)
      }
      await removeEmpty(host, `${folder}/${volume}/${container}`)
    }
    await removeEmpty(host, `${folder}/${volume}`)
  }
  await removeEmpty(host, folder)
}

async function removeEmpty({ files }: FilesAndMounts, folder: string): Promise<void> {
  await files.removeIfEmpty(folder)
  if ((await files.status(folder)) !== undefined) {
    throw new Error(`Cannot remove "${folder}": something is in it that may be a volume's data`)
  }
}
