// Root certificates that the whole cluster can read.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/**
 * Root certificates that pods of the whole cluster can be given. Those of a signer are named `<signer>:…` with colons
 * for slashes.
 */
export interface ClusterTrustBundle extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The certificates, and whose they are. @default {} */
  spec: ClusterTrustBundleSpec
}

/** The kind ClusterTrustBundle as it is addressed: `clustertrustbundles` of certificates.k8s.io. */
export const clusterTrustBundles = resource<ClusterTrustBundle>({
  group: 'certificates.k8s.io',
  version: 'v1beta1',
  kind: 'ClusterTrustBundle',
  plural: 'clustertrustbundles',
  scope: 'Cluster',
})

/** Root certificates, and whose they are. */
export interface ClusterTrustBundleSpec {
  /** The signer whose roots they are; never changes. Only who may `attest` for it can write them. */
  signerName?: string
  /** The certificates in PEM, each once and nothing else. */
  trustBundle: string
}

/** Several objects of kind ClusterTrustBundle, as a list request returns them. */
export interface ClusterTrustBundleList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: ClusterTrustBundle[]
}
