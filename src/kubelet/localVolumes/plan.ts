import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { directoryOf, directoryRemoved, nodeOfDirectory } from '#machinery/localVolumes.ts'

export type RemovalPlan =
  | { readonly do: 'nothing' }
  | { readonly do: 'remove'; readonly path: string }
  /** The volume names what is not its own directory. */
  | { readonly do: 'refuse'; readonly problem: string }

/** Decides whether a node removes the directory of a volume; `folder` holds the directories of all volumes of the node. */
export function planRemoval(volume: PersistentVolume, node: string, folder: string): RemovalPlan {
  const { spec, status } = volume
  if (nodeOfDirectory(volume) !== node || spec.persistentVolumeReclaimPolicy !== 'Delete') return { do: 'nothing' }
  if (status?.phase !== 'Released' || status.reason === directoryRemoved) return { do: 'nothing' }
  const path = directoryOf(folder, volume)
  const named = spec.local?.path ?? ''
  if (named === path) return { do: 'remove', path }
  return {
    do: 'refuse',
    problem: `${JSON.stringify(named)} is not the directory of this volume: that is ${JSON.stringify(path)}`,
  }
}
