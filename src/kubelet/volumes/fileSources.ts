import type { DownwardAPIVolumeFile, KeyToPath } from '#api/core/v1/projectedVolume.ts'
import { fieldValue, resourceValue } from '../plan/fieldRefs.ts'
import { checkedPath, computeKeyFiles, type VolumeFile, type VolumeFiles } from '../plan/planVolumes.ts'
import type { VolumeContext } from './volumeType.ts'

interface KeySource {
  readonly items?: readonly KeyToPath[]
  readonly optional?: boolean
}

/** The files of a ConfigMap as a volume has them. Throws when it, or a chosen key, is not there and must be. */
export function configMapFiles(name: string, source: KeySource, mode: number, { objects }: VolumeContext): VolumeFiles {
  const { optional = false, items } = source
  const found = objects.configMap(name)
  if (found === undefined) {
    if (optional) return new Map()
    throw new Error(`configmap "${name}" not found`)
  }
  const entries = new Map<string, Buffer>()
  for (const [key, text] of Object.entries(found.data ?? {})) entries.set(key, Buffer.from(text))
  for (const [key, data] of Object.entries(found.binaryData ?? {})) entries.set(key, Buffer.from(data, 'base64'))
  return computeKeyFiles(
    entries,
    items,
    mode,
    optional,
    (key) => `configmap references non-existent config key: ${key}`,
  )
}

/** The files of a Secret as a volume has them. */
export function secretFiles(name: string, source: KeySource, mode: number, { objects }: VolumeContext): VolumeFiles {
  const { optional = false, items } = source
  const found = objects.secret(name)
  if (found === undefined) {
    if (optional) return new Map()
    throw new Error(`secret "${name}" not found`)
  }
  const entries = new Map<string, Buffer>()
  for (const [key, data] of Object.entries(found.data ?? {})) entries.set(key, Buffer.from(data, 'base64'))
  return computeKeyFiles(entries, items, mode, optional, (key) => `references non-existent secret key: ${key}`)
}

/** Files that tell the pod of itself. */
export function downwardFiles(
  items: readonly DownwardAPIVolumeFile[] | undefined,
  defaultMode: number,
  { pod, facts }: VolumeContext,
): VolumeFiles {
  const files = new Map<string, VolumeFile>()
  for (const { path, fieldRef, resourceFieldRef, mode = defaultMode } of items ?? []) {
    const text =
      fieldRef === undefined
        ? resourceFieldRef === undefined
          ? undefined
          : resourceValue(pod, undefined, resourceFieldRef, facts)
        : fieldValue(pod, fieldRef.fieldPath, facts)
    if (text === undefined) {
      throw new Error(
        `unsupported downward API reference: ${fieldRef?.fieldPath ?? resourceFieldRef?.resource ?? path}`,
      )
    }
    files.set(checkedPath(path), { data: Buffer.from(text), mode })
  }
  return files
}
