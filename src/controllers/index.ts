/**
 * The loops that keep the cluster as its objects ask: one folder each with `plan.ts` (pure decisions), `controller.ts`
 * (reads, and does what was decided) and `plan.test.ts`. Not here: placing pods (`scheduler/`) and running them (`kubelet/`).
 */
import type { MakeController } from './context.ts'
import { tokenCleaner } from './bootstrapToken/controller.ts'
import { bootstrapSigner } from './bootstrapToken/signer.ts'
import { certificateApprovalController } from './certificateApproval/controller.ts'
import { certificateCleaner } from './certificateCleaner/controller.ts'
import { certificateSigningController } from './certificateSigning/controller.ts'
import { clusterRoleAggregation } from './clusterRoleAggregation/controller.ts'
import { cronJobController } from './cronJob/controller.ts'
import { daemonSetController } from './daemonSet/controller.ts'
import { deploymentController } from './deployment/controller.ts'
import { disruptionController } from './disruption/controller.ts'
import { ephemeralVolumeController } from './ephemeralVolume/controller.ts'
import { endpointsController } from './endpoints/controller.ts'
import { endpointSliceController } from './endpointSlice/controller.ts'
import { endpointSliceMirroringController } from './endpointSliceMirroring/controller.ts'
import { garbageCollector } from './garbageCollector/controller.ts'
import { jobController } from './job/controller.ts'
import { legacyServiceAccountTokenCleaner } from './legacyServiceAccountToken/controller.ts'
import { localVolumeProvisioner } from './localVolumeProvisioner/controller.ts'
import { horizontalPodAutoscalerController } from './horizontalPodAutoscaler/controller.ts'
import { namespaceController } from './namespace/controller.ts'
import { nodeIpamController } from './nodeIpam/controller.ts'
import { nodeLifecycleController } from './nodeLifecycle/controller.ts'
import { nodeTtlController } from './nodeTtl/controller.ts'
import { persistentVolumeBinder } from './persistentVolumeBinder/controller.ts'
import { podGarbageCollector } from './podGarbageCollector/controller.ts'
import { replicaSetController } from './replicaSet/controller.ts'
import { replicationController } from './replicationController/controller.ts'
import { resourceQuotaController } from './resourceQuota/controller.ts'
import { rootCertificateController } from './rootCertificate/controller.ts'
import { serviceAddressController } from './serviceAddresses/controller.ts'
import { serviceAccountController } from './serviceAccount/controller.ts'
import { serviceAccountTokenController } from './serviceAccountToken/controller.ts'
import { statefulSetController } from './statefulSet/controller.ts'
import { taintEvictionController } from './taintEviction/controller.ts'
import { ttlAfterFinishedController } from './ttlAfterFinished/controller.ts'
import { validatingPolicyStatusController } from './validatingPolicyStatus/controller.ts'
import { volumeExpandController } from './volumeExpand/controller.ts'
import {
  attributesClassProtectionController,
  claimProtectionController,
  volumeProtectionController,
} from './volumeProtection/controller.ts'

/** Every controller, in no particular order but the collector last: it shares the informers of the others. */
export const controllers: readonly MakeController[] = [
  deploymentController,
  replicaSetController,
  jobController,
  cronJobController,
  ttlAfterFinishedController,
  replicationController,
  daemonSetController,
  statefulSetController,
  namespaceController,
  serviceAccountController,
  serviceAccountTokenController,
  legacyServiceAccountTokenCleaner,
  tokenCleaner,
  bootstrapSigner,
  rootCertificateController,
  certificateApprovalController,
  certificateSigningController,
  certificateCleaner,
  endpointSliceController,
  endpointSliceMirroringController,
  endpointsController,
  serviceAddressController,
  nodeIpamController,
  nodeLifecycleController,
  nodeTtlController,
  taintEvictionController,
  podGarbageCollector,
  disruptionController,
  horizontalPodAutoscalerController,
  resourceQuotaController,
  persistentVolumeBinder,
  ephemeralVolumeController,
  volumeExpandController,
  localVolumeProvisioner,
  claimProtectionController,
  volumeProtectionController,
  attributesClassProtectionController,
  clusterRoleAggregation,
  validatingPolicyStatusController,
  garbageCollector,
]
