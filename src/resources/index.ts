/**
 * How each kind is served: its columns, defaults, rules and subresources. Verbs are the server's, shapes are the API's;
 * nothing here reads or writes anything but the object at hand.
 */
import { mutatingAdmissionPolicyStrategy } from '#resources/admissionregistration/mutatingAdmissionPolicy.ts'
import { mutatingAdmissionPolicyBindingStrategy } from '#resources/admissionregistration/mutatingAdmissionPolicyBinding.ts'
import { validatingAdmissionPolicyStrategy } from '#resources/admissionregistration/validatingAdmissionPolicy.ts'
import { validatingAdmissionPolicyBindingStrategy } from '#resources/admissionregistration/validatingAdmissionPolicyBinding.ts'
import { mutatingWebhookConfigurationStrategy } from '#resources/admissionregistration/webhookConfiguration.ts'
import { validatingWebhookConfigurationStrategy } from '#resources/admissionregistration/webhookConfiguration.ts'
import { customResourceDefinitionStrategy } from '#resources/apiextensions/customResourceDefinition.ts'
import { controllerRevisionStrategy } from '#resources/apps/controllerRevision.ts'
import { daemonSetStrategy } from '#resources/apps/daemonSet.ts'
import { deploymentStrategy } from '#resources/apps/deployment.ts'
import { replicaSetStrategy } from '#resources/apps/replicaSet.ts'
import { statefulSetStrategy } from '#resources/apps/statefulSet.ts'
import { selfSubjectReviewStrategy, tokenReviewStrategy } from '#resources/authentication/reviews.ts'
import {
  localSubjectAccessReviewStrategy,
  selfSubjectAccessReviewStrategy,
  selfSubjectRulesReviewStrategy,
  subjectAccessReviewStrategy,
} from '#resources/authorization/reviews.ts'
import { horizontalPodAutoscalerStrategy } from '#resources/autoscaling/horizontalPodAutoscaler.ts'
import { cronJobStrategy } from '#resources/batch/cronJob.ts'
import { jobStrategy } from '#resources/batch/job.ts'
import { leaseStrategy } from '#resources/coordination/lease.ts'
import { bindingStrategy } from '#resources/core/binding.ts'
import { componentStatusStrategy, type PartChecks } from '#resources/core/componentStatus.ts'
import { configMapStrategy } from '#resources/core/configMap.ts'
import { endpointsStrategy } from '#resources/core/endpoints.ts'
import { eventStrategy } from '#resources/core/event.ts'
import { limitRangeStrategy } from '#resources/core/limitRange.ts'
import { namespaceStrategy } from '#resources/core/namespace.ts'
import { nodeStrategy } from '#resources/core/node.ts'
import { persistentVolumeStrategy } from '#resources/core/persistentVolume.ts'
import { persistentVolumeClaimStrategy } from '#resources/core/persistentVolumeClaim.ts'
import { podStrategy } from '#resources/core/pod/strategy.ts'
import { podTemplateStrategy } from '#resources/core/podTemplate.ts'
import { replicationControllerStrategy } from '#resources/core/replicationController.ts'
import { resourceQuotaStrategy } from '#resources/core/resourceQuota.ts'
import { secretStrategy } from '#resources/core/secret.ts'
import { AddressSpace } from '#resources/core/service/addressSpace.ts'
import { serviceStrategy, type ServiceRanges } from '#resources/core/service/strategy.ts'
import { serviceAccountStrategy } from '#resources/core/serviceAccount.ts'
import { endpointSliceStrategy } from '#resources/discovery/endpointSlice.ts'
import { nodeMetricsStrategy, podMetricsStrategy, type MetricsObjects } from '#resources/metrics/metrics.ts'
import { runtimeClassStrategy } from '#resources/node/runtimeClass.ts'
import { ingressStrategy } from '#resources/networking/ingress.ts'
import { ingressClassStrategy } from '#resources/networking/ingressClass.ts'
import { ipAddressStrategy } from '#resources/networking/ipAddress.ts'
import { networkPolicyStrategy } from '#resources/networking/networkPolicy.ts'
import { serviceCIDRStrategy } from '#resources/networking/serviceCIDR.ts'
import { podDisruptionBudgetStrategy } from '#resources/policy/podDisruptionBudget.ts'
import { priorityClassStrategy } from '#resources/scheduling/priorityClass.ts'
import { volumeAttributesClassStrategy } from '#resources/storage/volumeAttributesClass.ts'
import { clusterRoleBindingStrategy, roleBindingStrategy } from '#resources/rbac/bindings.ts'
import { clusterRoleStrategy, roleStrategy } from '#resources/rbac/roles.ts'
import { csiDriverStrategy } from '#resources/storage/csiDriver.ts'
import { csiNodeStrategy } from '#resources/storage/csiNode.ts'
import { csiStorageCapacityStrategy } from '#resources/storage/csiStorageCapacity.ts'
import { storageClassStrategy } from '#resources/storage/storageClass.ts'
import { volumeAttachmentStrategy } from '#resources/storage/volumeAttachment.ts'
import { leaseCandidateStrategy } from '#resources/coordination/leaseCandidate.ts'
import { apiServiceStrategy } from '#resources/apiregistration/apiService.ts'
import { storageVersionStrategy } from '#resources/apiserverinternal/storageVersion.ts'
import { storageVersionMigrationStrategy } from '#resources/storagemigration/storageVersionMigration.ts'
import { certificateSigningRequestStrategy } from '#resources/certificates/certificateSigningRequest.ts'
import { clusterTrustBundleStrategy } from '#resources/certificates/clusterTrustBundle.ts'
import { podCertificateRequestStrategy } from '#resources/certificates/podCertificateRequest.ts'
import { flowSchemaStrategy } from '#resources/flowcontrol/flowSchema.ts'
import { priorityLevelConfigurationStrategy } from '#resources/flowcontrol/priorityLevelConfiguration.ts'
import { deviceClassStrategy } from '#resources/resource/deviceClass.ts'
import { resourceClaimStrategy } from '#resources/resource/resourceClaim.ts'
import { resourceClaimTemplateStrategy } from '#resources/resource/resourceClaimTemplate.ts'
import { resourceSliceStrategy } from '#resources/resource/resourceSlice.ts'
import { deviceTaintRuleStrategy } from '#resources/resource/deviceTaintRule.ts'
import type { Strategy } from '#server/strategy.ts'

export type { ServiceRanges } from '#resources/core/service/strategy.ts'

/** What is decided about kinds when a server is set up. */
export interface StrategyOptions extends ServiceRanges {
  /** How long events are kept, in seconds; an hour when absent. */
  readonly eventSeconds?: number
  /** What nodes and pods use; absent: the server does not say. */
  readonly metrics?: MetricsObjects
  /** How the parts of the control plane are; absent: the server knows of none. */
  readonly controlPlane?: PartChecks
}

/** Every kind that is served, in the order of discovery. A strategy with ranges keeps them: one call for one server. */
export function allStrategies({
  eventSeconds,
  metrics,
  controlPlane,
  ...ranges
}: StrategyOptions): readonly Strategy<any>[] {
  const space = new AddressSpace(ranges.addresses)
  return [
    bindingStrategy,
    componentStatusStrategy(controlPlane),
    configMapStrategy,
    endpointsStrategy,
    eventSeconds === undefined ? eventStrategy : { ...eventStrategy, ttlSeconds: eventSeconds },
    limitRangeStrategy,
    namespaceStrategy,
    nodeStrategy,
    persistentVolumeClaimStrategy,
    persistentVolumeStrategy,
    podStrategy,
    podTemplateStrategy,
    replicationControllerStrategy,
    resourceQuotaStrategy,
    secretStrategy,
    serviceAccountStrategy,
    serviceStrategy(ranges, space),
    apiServiceStrategy,
    controllerRevisionStrategy,
    daemonSetStrategy,
    deploymentStrategy,
    replicaSetStrategy,
    statefulSetStrategy,
    selfSubjectReviewStrategy,
    tokenReviewStrategy,
    certificateSigningRequestStrategy,
    clusterTrustBundleStrategy,
    podCertificateRequestStrategy,
    localSubjectAccessReviewStrategy,
    selfSubjectAccessReviewStrategy,
    selfSubjectRulesReviewStrategy,
    subjectAccessReviewStrategy,
    horizontalPodAutoscalerStrategy,
    cronJobStrategy,
    jobStrategy,
    ingressClassStrategy,
    ingressStrategy,
    ipAddressStrategy(space),
    networkPolicyStrategy,
    serviceCIDRStrategy(space),
    podDisruptionBudgetStrategy,
    csiDriverStrategy,
    csiNodeStrategy,
    csiStorageCapacityStrategy,
    storageClassStrategy,
    volumeAttachmentStrategy,
    priorityClassStrategy,
    volumeAttributesClassStrategy,
    clusterRoleBindingStrategy,
    clusterRoleStrategy,
    roleBindingStrategy,
    roleStrategy,
    mutatingWebhookConfigurationStrategy,
    validatingAdmissionPolicyStrategy,
    validatingAdmissionPolicyBindingStrategy,
    validatingWebhookConfigurationStrategy,
    mutatingAdmissionPolicyStrategy,
    mutatingAdmissionPolicyBindingStrategy,
    customResourceDefinitionStrategy,
    leaseStrategy,
    leaseCandidateStrategy,
    runtimeClassStrategy,
    endpointSliceStrategy,
    deviceClassStrategy,
    resourceClaimStrategy,
    resourceClaimTemplateStrategy,
    resourceSliceStrategy,
    deviceTaintRuleStrategy,
    flowSchemaStrategy,
    priorityLevelConfigurationStrategy,
    storageVersionStrategy,
    storageVersionMigrationStrategy,
    ...(metrics === undefined ? [] : [nodeMetricsStrategy(metrics), podMetricsStrategy(metrics)]),
  ]
}
