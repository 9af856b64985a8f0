import type { Pod } from '#api/core/v1/pod.ts'
import type { Clock } from '#lib/clock.ts'
import type { Files } from '#lib/host/files.ts'
import { timeText } from '#machinery/time.ts'
import type { PodVolume } from '../podVolumes.ts'

/** What one volume of a pod holds, as `/stats/summary` says it. */
export interface VolumeFigures {
  readonly time: string
  readonly name: string
  /** The claim that the volume is behind. */
  readonly pvcRef?: { readonly name: string; readonly namespace: string }
  readonly capacityBytes: number
  readonly availableBytes: number
  readonly usedBytes: number
  readonly inodes: number
  readonly inodesFree: number
  readonly inodesUsed: number
}

/** A pod with the volumes that it has mounted, by their names. */
export interface PodWithVolumes {
  readonly pod: Pod
  readonly volumes: ReadonlyMap<string, PodVolume>
}

export interface VolumeStats {
  /** Every volume of a pod of which there are figures; none for paths of the node itself. */
  of(pod: PodWithVolumes): Promise<readonly VolumeFigures[]>
  /** `kubelet_volume_stats_…` of every volume behind a claim, in Prometheus' text form. */
  metrics(): Promise<string>
}

export interface VolumeStatsOptions {
  readonly files: Files
  readonly clock: Clock
  readonly pods: () => readonly PodWithVolumes[]
}

/** Figures are read anew after this: folders are counted file by file. */
const goodFor = 60_000

/** Looks at volumes when asked; nothing runs in between. */
export function volumeStats({ files, clock, pods }: VolumeStatsOptions): VolumeStats {
  const known = new Map<string, { readonly at: number; readonly figures: Promise<VolumeFigures> }>()

  const figuresOf = (key: string, name: string, volume: PodVolume): Promise<VolumeFigures> => {
    const found = known.get(key)
    if (found !== undefined && clock.now() - found.at < goodFor) return found.figures
    const figures = readFigures(files, name, volume, clock.now())
    known.set(key, { at: clock.now(), figures })
    // It may have been unmounted meanwhile: not a thing to remember.
    figures.catch(() => known.delete(key))
    return figures
  }
  const of = async ({ pod, volumes }: PodWithVolumes): Promise<readonly VolumeFigures[]> => {
    const told = [...volumes].filter(([, { type }]) => type.figures !== undefined)
    const settled = await Promise.allSettled(
      told.map(([name, volume]) => figuresOf(`${pod.metadata.uid}/${name}`, name, volume)),
    )
    return settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  }
  const forgetOthers = (): void => {
    const uids = new Set(pods().map(({ pod }) => pod.metadata.uid))
    for (const key of known.keys()) if (!uids.has(key.slice(0, key.indexOf('/')))) known.delete(key)
  }

  return {
    of,
    async metrics() {
      forgetOthers()
      const claims = new Map<string, VolumeFigures>()
      for (const pod of pods()) {
        for (const figures of await of(pod)) {
          const { namespace, name } = figures.pvcRef ?? {}
          if (name !== undefined) claims.set(`{namespace="${namespace}",persistentvolumeclaim="${name}"}`, figures)
        }
      }
      if (claims.size === 0) return ''
      return metrics
        .flatMap(([name, help, field]) => [
          `# HELP kubelet_volume_stats_${name} [ALPHA] ${help}`,
          `# TYPE kubelet_volume_stats_${name} gauge`,
          ...[...claims].map(([labels, figures]) => `kubelet_volume_stats_${name}${labels} ${figures[field]}`),
        ])
        .join('\n')
    },
  }
}

const metrics = [
  ['available_bytes', 'Number of available bytes in the volume', 'availableBytes'],
  ['capacity_bytes', 'Capacity in bytes of the volume', 'capacityBytes'],
  ['inodes', 'Maximum number of inodes in the volume', 'inodes'],
  ['inodes_free', 'Number of free inodes in the volume', 'inodesFree'],
  ['inodes_used', 'Number of used inodes in the volume', 'inodesUsed'],
  ['used_bytes', 'Number of used bytes in the volume', 'usedBytes'],
] as const

async function readFigures(files: Files, name: string, volume: PodVolume, at: number): Promise<VolumeFigures> {
  const { path, type, claimed } = volume
  const space = await files.space(path)
  // A folder among others on a disk has its own files, and room as its disk has.
  const used =
    type.figures === 'folder'
      ? await files.usage(path)
      : { bytes: space.usedBytes, inodes: space.totalInodes - space.freeInodes }
  const claim = claimed?.claim.metadata
  return {
    time: timeText(at),
    name,
    ...(claim === undefined ? {} : { pvcRef: { name: claim.name, namespace: claim.namespace ?? '' } }),
    capacityBytes: space.totalBytes,
    availableBytes: space.freeBytes,
    usedBytes: used.bytes,
    inodes: space.totalInodes,
    inodesFree: space.freeInodes,
    inodesUsed: used.inodes,
  }
}
