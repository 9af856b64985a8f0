/**
 * The folders of the machine into which people put network plugins of their own, by hand or with a DaemonSet and its
 * hostPath volumes. Each place has its own: what is installed on a node is on that node alone, and never on the machine.
 */
import type { Files } from '#lib/host/files.ts'

import type { PlaceLayout, Roots } from './layout.ts'

/** Where containerd looks for configurations; in a place that is `cniFolder`. */
export const configurationFolder = '/etc/cni/net.d'
/** Where plugins are installed; in a place those of the machine are there as well. */
export const programFolder = '/opt/cni/bin'
/** Where well-known plugins keep what they know of their node. */
const stateFolders = ['/run/flannel', '/run/calico', '/var/lib/calico']

/** Where plugins may be installed on the machine, the preferred folder first. */
export const machineProgramFolders = ['/usr/lib/cni', programFolder, '/usr/libexec/cni']

/** Lines of shell that give a place its own; `rootFolder` must be there. */
export function renderPluginFolders({ cniFolder, rootFolder }: PlaceLayout): string {
  const added = `${rootFolder}/cni-plugins`
  return `mkdir -p ${[configurationFolder, programFolder, ...stateFolders].join(' ')}
mount --bind ${cniFolder} ${configurationFolder}
mkdir -p ${added}/added ${added}/work
programs=
for folder in ${machineProgramFolders.join(' ')}; do
  if [ -d "$folder" ]; then programs="$programs\${programs:+:}$folder"; fi
done
mount -t overlay -o "lowerdir=$programs,upperdir=${added}/added,workdir=${added}/work" overlay ${programFolder}
for folder in ${stateFolders.join(' ')}; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done`
}

const noteFolder = ({ runtime }: Roots): string => `${runtime}/.made`
const nameOf = (folder: string): string => folder.slice(1).replaceAll('/', '~')
const folderOf = (name: string): string => `/${name.replaceAll('~', '/')}`

/** Makes the folders on which places mount their own, and notes which of them the machine did not have. */
export async function ensurePluginFolders(files: Files, roots: Roots): Promise<void> {
  for (const path of [configurationFolder, programFolder, ...stateFolders]) {
    const parts = path.split('/').slice(1)
    for (const folder of parts.map((_, at) => `/${parts.slice(0, at + 1).join('/')}`)) {
      if ((await files.status(folder)) !== undefined) continue
      // First the note: whoever dies in between leaves nothing of which nobody knows.
      await files.makeFolder(noteFolder(roots))
      await files.write(`${noteFolder(roots)}/${nameOf(folder)}`, '')
      await files.makeFolder(folder, 0o755)
    }
  }
}

/** Takes the folders away again that the machine did not have, once no cluster is left that has places. */
export async function removePluginFolders(files: Files, roots: Roots): Promise<void> {
  for (const name of await files.list(roots.runtime))
    if ((await files.status(`${roots.runtime}/${name}/.ns`)) !== undefined) return
  for (const name of (await files.list(noteFolder(roots))).toReversed()) await files.removeIfEmpty(folderOf(name))
  await files.remove(noteFolder(roots))
}
