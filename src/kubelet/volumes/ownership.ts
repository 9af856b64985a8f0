import type { FileStatus } from '#lib/host/files.ts'
import { statusBehindLinks } from './followLinks.ts'
import type { VolumeContext } from './volumeType.ts'

/** What the group of a volume may do at least. */
const groupReadsAndWrites = 0o660
const groupEnters = 0o110
const setGroupId = 0o2000

/** After this long a pod's owner is told what its start waits for, and then again. */
const tellAfter = 30_000
const tellEvery = 60_000

/**
 * Gives a volume to the pod's `fsGroup`: every file readable and writable for it, every folder so that new files belong
 * to it too. With the policy `OnRootMismatch` only when the folder itself is not so yet.
 */
export async function setOwnership(folder: string, context: VolumeContext): Promise<void> {
  const { pod, host, note, report } = context
  const { fsGroup, fsGroupChangePolicy = 'Always' } = pod.spec.securityContext ?? {}
  if (fsGroup === undefined) return
  const root = await statusBehindLinks(host.files, folder)
  if (fsGroupChangePolicy === 'OnRootMismatch' && root !== undefined && belongsTo(root, fsGroup)) return
  const name = folder.slice(folder.lastIndexOf('/pods/') + '/pods/'.length)
  let processed = 0
  const tell = (message: string): void => note('Warning', 'VolumePermissionChangeInProgress', message)
  let timer = host.clock.after(tellAfter, () => {
    tell(
      `Setting volume ownership for ${name} is taking longer than expected, consider using OnRootMismatch - https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#configure-volume-permission-and-ownership-change-policy-for-pods`,
    )
    repeat()
  })
  const repeat = (): void => {
    timer = host.clock.after(tellEvery, () => {
      tell(`Setting volume ownership for ${name}, processed ${processed} files.`)
      repeat()
    })
  }
  try {
    await host.files.changeGroupBelow(
      folder,
      { gid: fsGroup, fileMode: groupReadsAndWrites, folderMode: groupReadsAndWrites | groupEnters | setGroupId },
      {
        counted: () => processed++,
        failed: (path, error) => report(`Cannot give "${path}" to group ${fsGroup}`, error),
      },
    )
  } finally {
    timer[Symbol.dispose]()
  }
}

/** Whether the root of a volume already is as `setOwnership` would leave it. */
function belongsTo({ kind, gid, mode }: FileStatus, group: number): boolean {
  const wanted = groupReadsAndWrites | groupEnters | setGroupId
  return kind === 'folder' && gid === group && (mode & wanted) === wanted
}
