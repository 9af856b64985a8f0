import type { Pod } from '#api/core/v1/pod.ts'
import { quantityValue } from '#machinery/quantity.ts'
import { computePodLimits } from '../cgroups/podCgroups.ts'
import type { OwnFacts } from '../plan/fieldRefs.ts'
import type { VolumeType } from './volumeType.ts'

/** A folder that lives as long as its pod, on disk or in memory. */
export const emptyDir: VolumeType = {
  name: 'empty-dir',
  figures: 'folder',
  matches: (volume) => volume.emptyDir !== undefined,
  async mount(volume, { pod, folder, facts, host: { files, mounts } }) {
    const { medium = '', sizeLimit } = volume.emptyDir!
    if (medium.startsWith('HugePages')) throw new Error(`unsupported emptyDir medium "${medium}"`)
    const isThere = (await files.status(folder)) !== undefined
    if (!isThere) await files.makeFolder(folder, 0o777)
    if (medium === 'Memory' && !mounts.list().some((mount) => mount.target === folder)) {
      const sizeBytes = sizeInMemory(sizeLimit, pod, facts)
      await mounts.mountTmpfs(folder, { mode: 0o777, ...(sizeBytes === undefined ? {} : { sizeBytes }) })
    }
    const { fsGroup } = pod.spec.securityContext ?? {}
    if (fsGroup !== undefined && !isThere) {
      await files.setOwner(folder, 0, fsGroup)
      await files.setMode(folder, 0o2777)
    }
    return { path: folder, readOnly: false, isLive: false }
  },
}

/** The least of what the volume, its pod and the node may take: what is written to memory counts for all of them (KEP-1967). */
function sizeInMemory(sizeLimit: string | undefined, pod: Pod, { allocatable }: OwnFacts): number | undefined {
  const { memory } = allocatable
  const limits = [
    sizeLimit === undefined ? 0 : quantityValue(sizeLimit),
    computePodLimits(pod).memoryBytes ?? 0,
    memory === undefined ? 0 : quantityValue(memory),
  ].filter((limit) => limit > 0)
  return limits.length === 0 ? undefined : Math.min(...limits)
}
