// Volumes whose files come from the API: ConfigMaps, Secrets, fields of the pod, tokens and certificates.
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { int32, int64 } from '#api/scalars.ts'
import type { ObjectFieldSelector, ResourceFieldSelector } from './environment.ts'

/** The entries of a ConfigMap as files. */
export interface ConfigMapVolumeSource {
  /** The ConfigMap, in the pod's namespace. */
  name?: string
  /** Which entries and under which paths; all under their keys when absent. */
  items?: KeyToPath[]
  /** Permission bits of files that set none themselves. @default 420 */
  defaultMode?: int32
  /** Whether the ConfigMap or a listed entry may be missing. */
  optional?: boolean
}

/** The entries of a Secret as files. */
export interface SecretVolumeSource {
  /** The Secret, in the pod's namespace. */
  secretName?: string
  /** Which entries and under which paths; all under their keys when absent. */
  items?: KeyToPath[]
  /** Permission bits of files that set none themselves. @default 420 */
  defaultMode?: int32
  /** Whether the Secret or a listed entry may be missing. */
  optional?: boolean
}

/** One entry and the path of its file. */
export interface KeyToPath {
  /** The entry. */
  key: string
  /** The file; relative and without `..`. */
  path: string
  /** Permission bits; the volume's default when absent. */
  mode?: int32
}

/** Fields of the pod as files. */
export interface DownwardAPIVolumeSource {
  /** The files to make. */
  items?: DownwardAPIVolumeFile[]
  /** Permission bits of files that set none themselves. @default 420 */
  defaultMode?: int32
}

/** A file with the value of one field; exactly one of the references must be set. */
export interface DownwardAPIVolumeFile {
  /** The file; relative and without `..`. */
  path: string
  /** A field of the pod: labels, annotations, name, namespace or uid. */
  fieldRef?: ObjectFieldSelector
  /** A request or limit of a container. */
  resourceFieldRef?: ResourceFieldSelector
  /** Permission bits; the volume's default when absent. */
  mode?: int32
}

/** Several sources in one folder. */
export interface ProjectedVolumeSource {
  /** The sources; each has exactly one member set. */
  sources?: VolumeProjection[] | null
  /** Permission bits of files that set none themselves. @default 420 */
  defaultMode?: int32
}

/** One source of a projected volume; exactly one member is set. */
export interface VolumeProjection {
  /** Entries of a Secret. */
  secret?: SecretProjection
  /** Fields of the pod. */
  downwardAPI?: DownwardAPIProjection
  /** Entries of a ConfigMap. */
  configMap?: ConfigMapProjection
  /** A token of the pod's service account. */
  serviceAccountToken?: ServiceAccountTokenProjection
  /** Trusted certificates from ClusterTrustBundles. */
  clusterTrustBundle?: ClusterTrustBundleProjection
  /** A private key and a certificate issued for the pod. */
  podCertificate?: PodCertificateProjection
}

/** Entries of a ConfigMap as files. */
export interface ConfigMapProjection {
  /** The ConfigMap, in the pod's namespace. */
  name?: string
  /** Which entries and under which paths; all under their keys when absent. */
  items?: KeyToPath[]
  /** Whether the ConfigMap or a listed entry may be missing. */
  optional?: boolean
}

/** Entries of a Secret as files. */
export interface SecretProjection {
  /** The Secret, in the pod's namespace. */
  name?: string
  /** Which entries and under which paths; all under their keys when absent. */
  items?: KeyToPath[]
  /** Whether the Secret or a listed entry may be missing. */
  optional?: boolean
}

/** Fields of the pod as files. */
export interface DownwardAPIProjection {
  /** The files to make. */
  items?: DownwardAPIVolumeFile[]
}

/** A token of the pod's service account that is renewed before it expires. */
export interface ServiceAccountTokenProjection {
  /** Who the token is meant for; the API server when absent. */
  audience?: string
  /** How long the token is valid; at least 600. @default 3600 */
  expirationSeconds?: int64
  /** The file; relative and without `..`. */
  path: string
}

/** Trusted certificates in one PEM file, from one bundle or from all of a signer. */
export interface ClusterTrustBundleProjection {
  /** One bundle by its name; not together with `signerName`. */
  name?: string
  /** All bundles of this signer; not together with `name`. */
  signerName?: string
  /** Narrows the bundles of the signer; none when absent, all when empty. */
  labelSelector?: LabelSelector
  /** Whether the pod may start when there is no such bundle. */
  optional?: boolean
  /** The file; relative and without `..`. */
  path: string
}

/** A private key and a certificate chain that the kubelet gets for the pod and renews. */
export interface PodCertificateProjection {
  /** The signer that issues the certificate. */
  signerName: string
  /** The kind of key: `RSA3072`, `RSA4096`, `ECDSAP256`, `ECDSAP384`, `ECDSAP521` or `ED25519`. */
  keyType: string
  /** The longest validity to accept; one day when absent, at least an hour and at most 91 days. */
  maxExpirationSeconds?: int32
  /** The file for key and chain together. */
  credentialBundlePath?: string
  /** The file for the key. */
  keyPath?: string
  /** The file for the chain. */
  certificateChainPath?: string
}
