import { isIPv6 } from 'node:net'
import type { Files } from '#lib/host/files.ts'
import { CommandError } from '#lib/host/process.ts'
import { mountArguments, type MountRequest } from '#lib/host/mount.ts'
import { isMountPoint } from './local.ts'
import type { VolumeType } from './volumeType.ts'

/** A folder of an NFS server. */
export const nfs: VolumeType = {
  name: 'nfs',
  figures: 'fileSystem',
  isMountPoint: true,
  takesMountOptions: true,
  matches: (volume) => volume.nfs !== undefined,
  async mount(volume, { host, folder, claimed, readOnly: asClaim }) {
    const { server, path, readOnly: asSource = false } = volume.nfs!
    const readOnly = claimed === undefined ? asSource : asClaim
    const mounted = { path: folder, readOnly, isLive: false }
    if (isMountPoint(host.mounts, folder)) return mounted
    await host.files.makeFolder(folder, 0o750)
    const options = [...(readOnly ? ['ro'] : []), ...(claimed?.volume.spec.mountOptions ?? [])]
    const request = { type: 'nfs', source: `${bracketed(server)}:${path}`, target: folder, options }
    try {
      await host.mounts.mount(request)
    } catch (error) {
      await host.mounts.unmount(folder)
      await host.files.removeIfEmpty(folder)
      throw await describeFailure(host.files, error, request)
    }
    return mounted
  },
}

function bracketed(server: string): string {
  return isIPv6(server) ? `[${server}]` : server
}

/** Where mount(8) looks for the program that speaks NFS. */
const helpers = ['/sbin/mount.nfs', '/usr/sbin/mount.nfs']

/** Kubernetes' words about a mount that failed, and what is missing on the node if that is why. */
async function describeFailure(files: Files, error: unknown, request: MountRequest): Promise<unknown> {
  if (!(error instanceof CommandError)) return error
  const { result } = error
  const status = result === undefined ? error.message : `exit status ${result.code}`
  const output = `${result?.stdout ?? ''}${result?.stderr ?? ''}`
  const found = await Promise.all(helpers.map((path) => files.realPath(path)))
  const hint = found.every((path) => path === undefined)
    ? 'This node has no program to mount NFS (/sbin/mount.nfs): install the package "nfs-common" (Debian, Ubuntu) or "nfs-utils" (others) on it.\n'
    : ''
  return new Error(
    `mount failed: ${status}\nMounting command: mount\nMounting arguments: ${mountArguments(request).join(' ')}\nOutput: ${output}${hint}`,
  )
}
