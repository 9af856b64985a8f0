// Root certificates in the shape of v1beta1.
import { resource } from '#api/resource.ts'
import { clusterTrustBundles as stable, type ClusterTrustBundle } from '../v1beta1/clusterTrustBundle.ts'

export type {
  ClusterTrustBundle,
  ClusterTrustBundleList,
  ClusterTrustBundleSpec,
} from '../v1beta1/clusterTrustBundle.ts'

/** The kind ClusterTrustBundle in v1alpha1. */
export const clusterTrustBundles = resource<ClusterTrustBundle>({ ...stable, version: 'v1alpha1' })
