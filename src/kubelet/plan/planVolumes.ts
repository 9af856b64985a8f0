import type { VolumeMount } from '#api/core/v1/container.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { KeyToPath } from '#api/core/v1/projectedVolume.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { allContainers } from './podView.ts'

/** The names of objects in the pod's namespace that it cannot start without looking up. */
export interface References {
  readonly configMaps: ReadonlySet<string>
  readonly secrets: ReadonlySet<string>
}

/** Every ConfigMap and Secret that a pod's volumes and environment name. */
export function computeReferences(pod: Pod): References {
  const configMaps = new Set<string>()
  const secrets = new Set<string>()
  const add = (set: Set<string>, name: string | undefined): void => {
    if (name !== undefined && name !== '') set.add(name)
  }
  for (const volume of pod.spec.volumes ?? []) {
    add(configMaps, volume.configMap?.name)
    add(secrets, volume.secret?.secretName)
    for (const source of volume.projected?.sources ?? []) {
      add(configMaps, source.configMap?.name)
      add(secrets, source.secret?.name)
    }
  }
  for (const { container } of allContainers(pod)) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      add(configMaps, configMapRef?.name)
      add(secrets, secretRef?.name)
    }
    for (const { valueFrom } of container.env ?? []) {
      add(configMaps, valueFrom?.configMapKeyRef?.name)
      add(secrets, valueFrom?.secretKeyRef?.name)
    }
  }
  for (const { name } of pod.spec.imagePullSecrets ?? []) add(secrets, name)
  return { configMaps, secrets }
}

/** The volumes that some container mounts or has as a device; the others need not be there before it starts. */
export function usedVolumes(pod: Pod): readonly Volume[] {
  const names = new Set(
    allContainers(pod).flatMap(({ container }) =>
      [...(container.volumeMounts ?? []), ...(container.volumeDevices ?? [])].map(({ name }) => name),
    ),
  )
  return (pod.spec.volumes ?? []).filter((volume) => names.has(volume.name))
}

/** Whether containers on this node can have mounts that are read-only with all that is mounted below. */
export function knowsRecursiveReadOnly(node: Node | undefined): boolean {
  return node?.status?.runtimeHandlers?.find(({ name = '' }) => name === '')?.features?.recursiveReadOnlyMounts === true
}

/** Whether a mount is read-only with all that is mounted below. Throws in upstream's words when it must be and cannot. */
export function isRecursivelyReadOnly(
  { name, readOnly, recursiveReadOnly, mountPropagation = 'None' }: VolumeMount,
  isKnown: boolean,
): boolean {
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return false
  const refused = (why: string): Error =>
    new Error(
      `failed to resolve recursive read-only mode: volume "${name}" requested recursive read-only mode, but it is ${why}`,
    )
  if (readOnly !== true) throw refused('not read-only')
  if (mountPropagation !== 'None') throw refused(`not compatible with propagation "${mountPropagation}"`)
  if (recursiveReadOnly === 'Enabled' && !isKnown) throw refused('not supported by the runtime')
  return isKnown
}

/** One file of a volume, by its path within. */
export interface VolumeFile {
  readonly data: Buffer
  readonly mode: number
}
export type VolumeFiles = ReadonlyMap<string, VolumeFile>

/** Files from the entries of a ConfigMap or Secret: all of them, or the chosen `items`. Throws for a key that is not there. */
export function computeKeyFiles(
  entries: ReadonlyMap<string, Buffer>,
  items: readonly KeyToPath[] | undefined,
  defaultMode: number,
  optional: boolean,
  missing: (key: string) => string,
): VolumeFiles {
  const files = new Map<string, VolumeFile>()
  if (items === undefined || items.length === 0) {
    for (const [key, data] of entries) files.set(key, { data, mode: defaultMode })
    return files
  }
  for (const { key, path, mode = defaultMode } of items) {
    const data = entries.get(key)
    if (data !== undefined) files.set(checkedPath(path), { data, mode })
    else if (!optional) throw new Error(missing(key))
  }
  return files
}

/** A file's path must stay within its volume. */
export function checkedPath(path: string): string {
  const parts = path.split('/')
  if (path === '' || path.startsWith('/') || parts.includes('..') || path.startsWith('..')) {
    throw new Error(`invalid path: must be relative and not contain '..': ${path}`)
  }
  return parts.filter((part) => part !== '' && part !== '.').join('/')
}
