import type { VolumeSource } from '../plan/planClaims.ts'
import { emptyDir } from './emptyDir.ts'
import { configMap, downwardAPI, secret } from './fileVolumes.ts'
import { gitRepo } from './gitRepo.ts'
import { hostPath } from './hostPath.ts'
import { local } from './local.ts'
import { nfs } from './nfs.ts'
import { projected } from './projected.ts'
import type { VolumeType } from './volumeType.ts'

/** Every type of volume that this node can mount. */
export const volumeTypes: readonly VolumeType[] = [
  emptyDir,
  hostPath,
  configMap,
  secret,
  downwardAPI,
  projected,
  local,
  nfs,
  gitRepo,
]

/** The type of a volume; undefined when this node has none for it. */
export function typeOf(volume: VolumeSource): VolumeType | undefined {
  return volumeTypes.find((each) => each.matches(volume))
}
