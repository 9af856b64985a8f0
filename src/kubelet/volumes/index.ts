import type { Volume } from '#api/core/v1/volume.ts'
import { emptyDir } from './emptyDir.ts'
import { configMap, downwardAPI, secret } from './fileVolumes.ts'
import { hostPath } from './hostPath.ts'
import { projected } from './projected.ts'
import type { VolumeType } from './volumeType.ts'

/** Every type of volume that this node can mount. */
export const volumeTypes: readonly VolumeType[] = [emptyDir, hostPath, configMap, secret, downwardAPI, projected]

/** The type of a volume. Throws in the words of a FailedMount event when there is none for it. */
export function typeOf(volume: Volume): VolumeType {
  const type = volumeTypes.find((each) => each.matches(volume))
  if (type !== undefined) return type
  const source = Object.keys(volume).find((field) => field !== 'name') ?? 'nothing'
  throw new Error(`no volume plugin matched: this node cannot mount volumes of type "${source}"`)
}
