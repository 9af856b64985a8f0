/**
 * The loops that keep the cluster as its objects ask: one folder each with `plan.ts` (pure decisions), `controller.ts`
 * (reads, and does what was decided) and `plan.test.ts`. Not here: placing pods (`scheduler/`) and running them (`kubelet/`).
 */
import type { MakeController } from './context.ts'
import { deploymentController } from './deployment/controller.ts'
import { endpointsController } from './endpoints/controller.ts'
import { endpointSliceController } from './endpointSlice/controller.ts'
import { namespaceController } from './namespace/controller.ts'
import { replicaSetController } from './replicaSet/controller.ts'
import { rootCertificateController } from './rootCertificate/controller.ts'
import { serviceAccountController } from './serviceAccount/controller.ts'

/** Every controller, in no particular order: they meet only in the API server. */
export const controllers: readonly MakeController[] = [
  deploymentController,
  replicaSetController,
  namespaceController,
  serviceAccountController,
  rootCertificateController,
  endpointSliceController,
  endpointsController,
]
