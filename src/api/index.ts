// Every kind that has a Resource value, in one list: discovery, the server and the CLI start from it.
import { mutatingWebhookConfigurations } from './admissionregistration/v1/mutatingWebhookConfiguration.ts'
import { validatingAdmissionPolicies } from './admissionregistration/v1/validatingAdmissionPolicy.ts'
import { validatingAdmissionPolicyBindings } from './admissionregistration/v1/validatingAdmissionPolicyBinding.ts'
import { validatingWebhookConfigurations } from './admissionregistration/v1/validatingWebhookConfiguration.ts'
import { mutatingAdmissionPolicies as mutatingAdmissionPoliciesAlpha } from './admissionregistration/v1alpha1/mutatingAdmissionPolicy.ts'
import { mutatingAdmissionPolicyBindings as mutatingAdmissionPolicyBindingsAlpha } from './admissionregistration/v1alpha1/mutatingAdmissionPolicyBinding.ts'
import { mutatingAdmissionPolicies } from './admissionregistration/v1beta1/mutatingAdmissionPolicy.ts'
import { mutatingAdmissionPolicyBindings } from './admissionregistration/v1beta1/mutatingAdmissionPolicyBinding.ts'
import { customResourceDefinitions } from './apiextensions/v1/customResourceDefinition.ts'
import { controllerRevisions } from './apps/v1/controllerRevision.ts'
import { daemonSets } from './apps/v1/daemonSet.ts'
import { deployments } from './apps/v1/deployment.ts'
import { replicaSets } from './apps/v1/replicaSet.ts'
import { statefulSets } from './apps/v1/statefulSet.ts'
import { selfSubjectReviews } from './authentication/v1/selfSubjectReview.ts'
import { tokenReviews } from './authentication/v1/tokenReview.ts'
import { localSubjectAccessReviews } from './authorization/v1/localSubjectAccessReview.ts'
import { selfSubjectAccessReviews } from './authorization/v1/selfSubjectAccessReview.ts'
import { selfSubjectRulesReviews } from './authorization/v1/selfSubjectRulesReview.ts'
import { subjectAccessReviews } from './authorization/v1/subjectAccessReview.ts'
import { horizontalPodAutoscalers as firstHorizontalPodAutoscalers } from './autoscaling/v1/horizontalPodAutoscaler.ts'
import { horizontalPodAutoscalers } from './autoscaling/v2/horizontalPodAutoscaler.ts'
import { cronJobs } from './batch/v1/cronJob.ts'
import { jobs } from './batch/v1/job.ts'
import { leases } from './coordination/v1/lease.ts'
import { bindings } from './core/v1/binding.ts'
import { componentStatuses } from './core/v1/componentStatus.ts'
import { configMaps } from './core/v1/configMap.ts'
import { endpoints } from './core/v1/endpoints.ts'
import { events } from './core/v1/event.ts'
import { limitRanges } from './core/v1/limitRange.ts'
import { namespaces } from './core/v1/namespace.ts'
import { nodes } from './core/v1/node.ts'
import { persistentVolumes } from './core/v1/persistentVolume.ts'
import { persistentVolumeClaims } from './core/v1/persistentVolumeClaim.ts'
import { pods } from './core/v1/pod.ts'
import { podTemplates } from './core/v1/podTemplate.ts'
import { replicationControllers } from './core/v1/replicationController.ts'
import { resourceQuotas } from './core/v1/resourceQuota.ts'
import { secrets } from './core/v1/secret.ts'
import { services } from './core/v1/service.ts'
import { serviceAccounts } from './core/v1/serviceAccount.ts'
import { endpointSlices } from './discovery/v1/endpointSlice.ts'
import { events as groupEvents } from './events/v1/event.ts'
import { runtimeClasses } from './node/v1/runtimeClass.ts'
import { clusterRoleBindings } from './rbac/v1/clusterRoleBinding.ts'
import { clusterRoles } from './rbac/v1/clusterRole.ts'
import { roleBindings } from './rbac/v1/roleBinding.ts'
import { roles } from './rbac/v1/role.ts'
import { ingresses } from './networking/v1/ingress.ts'
import { ingressClasses } from './networking/v1/ingressClass.ts'
import { ipAddresses } from './networking/v1/ipAddress.ts'
import { networkPolicies } from './networking/v1/networkPolicy.ts'
import { serviceCIDRs } from './networking/v1/serviceCIDR.ts'
import { ipAddresses as betaIpAddresses } from './networking/v1beta1/ipAddress.ts'
import { serviceCIDRs as betaServiceCIDRs } from './networking/v1beta1/serviceCIDR.ts'
import { podDisruptionBudgets } from './policy/v1/podDisruptionBudget.ts'
import { csiDrivers } from './storage/v1/csiDriver.ts'
import { csiNodes } from './storage/v1/csiNode.ts'
import { csiStorageCapacities } from './storage/v1/csiStorageCapacity.ts'
import { storageClasses } from './storage/v1/storageClass.ts'
import { volumeAttachments } from './storage/v1/volumeAttachment.ts'
import { leaseCandidates } from './coordination/v1beta1/leaseCandidate.ts'
import { leaseCandidates as leaseCandidatesAlpha } from './coordination/v1alpha2/leaseCandidate.ts'
import { apiServices } from './apiregistration/v1/apiService.ts'
import { storageVersions } from './apiserverinternal/v1alpha1/storageVersion.ts'
import { storageVersionMigrations } from './storagemigration/v1alpha1/storageVersionMigration.ts'
import { certificateSigningRequests } from './certificates/v1/certificateSigningRequest.ts'
import { clusterTrustBundles } from './certificates/v1beta1/clusterTrustBundle.ts'
import { clusterTrustBundles as clusterTrustBundlesAlpha } from './certificates/v1alpha1/clusterTrustBundle.ts'
import { podCertificateRequests } from './certificates/v1alpha1/podCertificateRequest.ts'
import { flowSchemas } from './flowcontrol/v1/flowSchema.ts'
import { priorityLevelConfigurations } from './flowcontrol/v1/priorityLevelConfiguration.ts'
import { deviceClasses } from './resource/v1/deviceClass.ts'
import { resourceClaims } from './resource/v1/resourceClaim.ts'
import { resourceClaimTemplates } from './resource/v1/resourceClaimTemplate.ts'
import { resourceSlices } from './resource/v1/resourceSlice.ts'
import { deviceClasses as deviceClassesSecondBeta } from './resource/v1beta2/deviceClass.ts'
import { resourceClaims as resourceClaimsSecondBeta } from './resource/v1beta2/resourceClaim.ts'
import { resourceClaimTemplates as resourceClaimTemplatesSecondBeta } from './resource/v1beta2/resourceClaimTemplate.ts'
import { resourceSlices as resourceSlicesSecondBeta } from './resource/v1beta2/resourceSlice.ts'
import { deviceClasses as deviceClassesBeta } from './resource/v1beta1/deviceClass.ts'
import { resourceClaims as resourceClaimsBeta } from './resource/v1beta1/resourceClaim.ts'
import { resourceClaimTemplates as resourceClaimTemplatesBeta } from './resource/v1beta1/resourceClaimTemplate.ts'
import { resourceSlices as resourceSlicesBeta } from './resource/v1beta1/resourceSlice.ts'
import { deviceTaintRules } from './resource/v1alpha3/deviceTaintRule.ts'
import type { Resource } from './resource.ts'
import { priorityClasses } from './scheduling/v1/priorityClass.ts'
import { volumeAttributesClasses } from './storage/v1/volumeAttributesClass.ts'
import { volumeAttributesClasses as volumeAttributesClassesAlpha } from './storage/v1alpha1/volumeAttributesClass.ts'
import { volumeAttributesClasses as volumeAttributesClassesBeta } from './storage/v1beta1/volumeAttributesClass.ts'

/** Every built-in kind in the order of discovery: the core group first, resources by name within a group. */
export const allResources: readonly Resource[] = [
  bindings,
  componentStatuses,
  configMaps,
  endpoints,
  events,
  limitRanges,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  podTemplates,
  replicationControllers,
  resourceQuotas,
  secrets,
  serviceAccounts,
  services,
  apiServices,
  controllerRevisions,
  daemonSets,
  deployments,
  replicaSets,
  statefulSets,
  groupEvents,
  selfSubjectReviews,
  tokenReviews,
  certificateSigningRequests,
  clusterTrustBundles,
  clusterTrustBundlesAlpha,
  podCertificateRequests,
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
  horizontalPodAutoscalers,
  firstHorizontalPodAutoscalers,
  cronJobs,
  jobs,
  ingressClasses,
  ingresses,
  ipAddresses,
  networkPolicies,
  serviceCIDRs,
  betaIpAddresses,
  betaServiceCIDRs,
  podDisruptionBudgets,
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  storageClasses,
  volumeAttachments,
  priorityClasses,
  volumeAttributesClasses,
  volumeAttributesClassesBeta,
  volumeAttributesClassesAlpha,
  clusterRoleBindings,
  clusterRoles,
  roleBindings,
  roles,
  mutatingWebhookConfigurations,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  validatingWebhookConfigurations,
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  mutatingAdmissionPoliciesAlpha,
  mutatingAdmissionPolicyBindingsAlpha,
  customResourceDefinitions,
  leases,
  leaseCandidates,
  leaseCandidatesAlpha,
  runtimeClasses,
  endpointSlices,
  deviceClasses,
  resourceClaims,
  resourceClaimTemplates,
  resourceSlices,
  deviceClassesSecondBeta,
  resourceClaimsSecondBeta,
  resourceClaimTemplatesSecondBeta,
  resourceSlicesSecondBeta,
  deviceClassesBeta,
  resourceClaimsBeta,
  resourceClaimTemplatesBeta,
  resourceSlicesBeta,
  deviceTaintRules,
  flowSchemas,
  priorityLevelConfigurations,
  storageVersions,
  storageVersionMigrations,
]
