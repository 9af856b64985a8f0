import { replicationControllers } from '#api/core/v1/replicationController.ts'
import type { Controller } from '#client/controller.ts'
import type { ControllerContext } from '../context.ts'
import { replicaController } from '../replicaSet/controller.ts'
import { selectorOf } from './plan.ts'

/** Keeps as many pods as each ReplicationController asks for; all but the selector is as with ReplicaSets. */
export function replicationController(context: ControllerContext): Controller {
  return replicaController(context, {
    resource: replicationControllers,
    component: 'replication-controller',
    queue: 'replicationmanager',
    permissions: [
      { groups: [''], resources: ['replicationcontrollers'], verbs: ['get', 'list', 'watch', 'update'] },
      { groups: [''], resources: ['replicationcontrollers/status'], verbs: ['update', 'patch'] },
      { groups: [''], resources: ['replicationcontrollers/finalizers'], verbs: ['update'] },
      { groups: [''], resources: ['pods'], verbs: ['create', 'delete', 'list', 'patch', 'watch'] },
    ],
    selectorOf,
  })
}
