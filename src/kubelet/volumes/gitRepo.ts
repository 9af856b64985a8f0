import type { VolumeType } from './volumeType.ts'

/** A clone of a git repository: what is cloned could have run its hooks as the node. Off since v1.33, and here for good. */
export const gitRepo: VolumeType = {
  name: 'git-repo',
  matches: (volume) => volume.gitRepo !== undefined,
  async mount() {
    throw new Error(
      'git-repo volume plugin has been disabled; if necessary, it may be re-enabled by enabling the feature-gate `GitRepoVolumeDriver`',
    )
  },
}
