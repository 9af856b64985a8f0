import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { int32, int64 } from '#api/scalars.ts'
import type { ObjectFieldSelector, ResourceFieldSelector } from './environment.ts'

export interface ConfigMapVolumeSource {
  name?: string
  items?: KeyToPath[]
  /** @default 420 @minimum 0 @maximum 511 */
  defaultMode?: int32
  optional?: boolean
}

export interface SecretVolumeSource {
  secretName?: string
  items?: KeyToPath[]
  /** @default 420 @minimum 0 @maximum 511 */
  defaultMode?: int32
  optional?: boolean
}

export interface KeyToPath {
  key: string
  path: string
  /** @minimum 0 @maximum 511 */
  mode?: int32
}

export interface DownwardAPIVolumeSource {
  items?: DownwardAPIVolumeFile[]
  /** @default 420 @minimum 0 @maximum 511 */
  defaultMode?: int32
}

export interface DownwardAPIVolumeFile {
  path: string
  fieldRef?: ObjectFieldSelector
  resourceFieldRef?: ResourceFieldSelector
  /** @minimum 0 @maximum 511 */
  mode?: int32
}

export interface ProjectedVolumeSource {
  sources?: VolumeProjection[]
  /** @default 420 @minimum 0 @maximum 511 */
  defaultMode?: int32
}

export interface VolumeProjection {
  secret?: SecretProjection
  downwardAPI?: DownwardAPIProjection
  configMap?: ConfigMapProjection
  serviceAccountToken?: ServiceAccountTokenProjection
  clusterTrustBundle?: ClusterTrustBundleProjection
  podCertificate?: PodCertificateProjection
}

export interface ConfigMapProjection {
  name?: string
  items?: KeyToPath[]
  optional?: boolean
}

export interface SecretProjection {
  name?: string
  items?: KeyToPath[]
  optional?: boolean
}

export interface DownwardAPIProjection {
  items?: DownwardAPIVolumeFile[]
}

export interface ServiceAccountTokenProjection {
  audience?: string
  /** @default 3600 */
  expirationSeconds?: int64
  path: string
}

export interface ClusterTrustBundleProjection {
  name?: string
  signerName?: string
  labelSelector?: LabelSelector
  optional?: boolean
  path: string
}

export interface PodCertificateProjection {
  signerName: string
  keyType: string
  maxExpirationSeconds?: int32
  credentialBundlePath?: string
  keyPath?: string
  certificateChainPath?: string
}
