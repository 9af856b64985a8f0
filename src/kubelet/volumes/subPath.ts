import type { Files } from '#lib/host/files.ts'
import type { Mounts } from '#lib/host/mount.ts'
import { statusBehindLinks } from './followLinks.ts'

/**
 * Shows a part of a volume at a path of the node's own, `target`, and returns that. A container could change what the
 * part's path leads to between a look and a mount: so what was looked at is held open, and that is what is mounted.
 */
export async function showSubPath(
  { files, mounts }: { readonly files: Files; readonly mounts: Mounts },
  volume: string,
  subPath: string,
  target: string,
): Promise<string> {
  const root = await files.realPath(volume)
  const status = await statusBehindLinks(files, volume)
  if (root === undefined || status === undefined) throw new Error(`there is nothing at "${volume}"`)
  // What is made belongs to whoever the volume belongs to: it has the same mode.
  await using held = await files.holdWithin(root, subPath, status.mode)
  // What an earlier start of the container left may be something else by now.
  await mounts.unmount(target)
  if (held.kind === 'folder') await files.makeFolder(target, 0o750)
  else {
    await files.makeFolder(target.slice(0, target.lastIndexOf('/')), 0o750)
    await files.createExclusive(target, '', { mode: 0o640 })
  }
  await mounts.bind(held.path, target, { literal: true })
  return target
}
