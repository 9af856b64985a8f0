/** Where a version stands among others in documents about the API; the highest comes first. */
export interface VersionPriority {
  readonly group: number
  readonly version: number
}

/** What versions of custom kinds have: all groups of users stand below those of Kubernetes. */
export const customPriority: VersionPriority = { group: 1_000, version: 100 }

/** Groups that Kubernetes has, from the first to the last; each with its versions and where they stand in it. */
const groups: Readonly<Record<string, readonly [number, Readonly<Record<string, number>>]>> = {
  '': [18_000, { v1: 1 }],
  apps: [17_800, { v1: 15 }],
  'events.k8s.io': [17_750, { v1: 15, v1beta1: 5 }],
  'authentication.k8s.io': [17_700, { v1: 15, v1beta1: 9, v1alpha1: 1 }],
  'authorization.k8s.io': [17_600, { v1: 15 }],
  autoscaling: [17_500, { v2: 30, v1: 15 }],
  batch: [17_400, { v1: 15, v1beta1: 9 }],
  'certificates.k8s.io': [17_300, { v1: 15, v1beta1: 9, v1alpha1: 1 }],
  'networking.k8s.io': [17_200, { v1: 15, v1beta1: 9 }],
  policy: [17_100, { v1: 15, v1beta1: 9 }],
  'rbac.authorization.k8s.io': [17_000, { v1: 15 }],
  'storage.k8s.io': [16_800, { v1: 15, v1beta1: 9, v1alpha1: 1 }],
  'admissionregistration.k8s.io': [16_700, { v1: 15, v1beta1: 12, v1alpha1: 9 }],
  'apiextensions.k8s.io': [16_700, { v1: 15 }],
  'scheduling.k8s.io': [16_600, { v1: 15 }],
  'coordination.k8s.io': [16_500, { v1: 15, v1beta1: 13, v1alpha2: 12 }],
  'node.k8s.io': [16_300, { v1: 15, v1beta1: 9, v1alpha1: 1 }],
  'discovery.k8s.io': [16_200, { v1: 15, v1beta1: 12 }],
  'resource.k8s.io': [16_200, { v1: 20, v1beta2: 15, v1beta1: 9, v1alpha3: 1 }],
  'flowcontrol.apiserver.k8s.io': [16_100, { v1: 21 }],
  'internal.apiserver.k8s.io': [16_000, { v1alpha1: 9 }],
  'storagemigration.k8s.io': [15_800, { v1alpha1: 9 }],
  // As metrics-server registers itself.
  'metrics.k8s.io': [100, { v1beta1: 100 }],
}

/** The group of the registrations themselves: served by nobody else, so nothing registers it, and before all but the core. */
export const registrationGroup = 'apiregistration.k8s.io'

/** Where a version of Kubernetes' own stands; undefined for one that is not. */
export function builtInPriority(group: string, version: string): VersionPriority | undefined {
  if (group === registrationGroup) return { group: 17_999, version: 1 }
  const [ofGroup, versions] = (Object.hasOwn(groups, group) ? groups[group] : undefined) ?? []
  if (ofGroup === undefined || !Object.hasOwn(versions!, version)) return undefined
  return { group: ofGroup, version: versions![version]! }
}
