import { endpoints } from '#api/core/v1/endpoints.ts'
import { pods } from '#api/core/v1/pod.ts'
import { services } from '#api/core/v1/service.ts'
import type { Controller } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { keyOf, nameOfKey } from '#client/index.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { isReason } from '#machinery/status.ts'
import type { ControllerContext } from '../context.ts'
import { isNamespaceEnding } from '../podWrites.ts'
import { hasEndpoints, podsOfService, quietFor, servicesOfPod, TriggerTimes } from '../serviceEndpoints.ts'
import { planEndpoints } from './plan.ts'

/** Keeps the Endpoints of services with a selector: the older form of EndpointSlices, one object for each service. */
export function endpointsController(context: ControllerContext): Controller {
  const { client } = context
  const serviceCopies = context.informers.of(services)
  const podCopies = context.informers.of(pods)
  const copies = context.informers.of(endpoints)
  const events = context.events.recorder('endpoint-controller')
  const triggers = new TriggerTimes()
  return {
    name: 'endpoint-controller',
    queue: 'endpoint',
    permissions: [
      { groups: [''], resources: ['services', 'pods'], verbs: ['get', 'list', 'watch'] },
      { groups: [''], resources: ['endpoints'], verbs: ['create', 'delete', 'get', 'list', 'update', 'watch'] },
      { groups: [''], resources: ['endpoints/restricted'], verbs: ['create'] },
    ],
    watch(on) {
      on(serviceCopies, ({ metadata }) => [keyOf(metadata)])
      on(podCopies, (pod) => servicesOfPod(serviceCopies, pod))
      on(copies, ({ metadata }) => [keyOf(metadata)])
    },
    async reconcile(key, signal) {
      const service = serviceCopies.get(key)
      const present = copies.get(key)
      if (service === undefined) {
        triggers.forget(key)
        // What others keep without a service is theirs; ours says so.
        if (present?.metadata.labels?.['endpoints.kubernetes.io/managed-by'] !== 'endpoint-controller') return
        await unlessGone(client.delete(endpoints, nameOfKey(key), { signal }))
        return
      }
      if (!hasEndpoints(service)) return
      const selected = podsOfService(podCopies, service)
      const plan = planEndpoints(service, selected, present, triggers.next(service, selected))
      const quiet = quietFor(selected)
      if (plan.do === 'nothing') return { quiet }
      try {
        if (plan.do === 'create') await client.create(endpoints, plan.endpoints, { signal })
        else await client.update(endpoints, plan.endpoints, { signal })
      } catch (error) {
        if (isNamespaceEnding(error)) return { quiet }
        if (!isReason(error, 'Conflict') && !isReason(error, 'AlreadyExists') && !signal.aborted) {
          const what = plan.do === 'create' ? 'create' : 'update'
          const message = `Failed to ${what} endpoint ${key}: ${(error as Error).message}`
          const reason = plan.do === 'create' ? 'FailedToCreateEndpoint' : 'FailedToUpdateEndpoint'
          events.record(referenceTo(endpoints, present ?? service), { type: 'Warning', reason, message })
        }
        throw error
      }
      return { quiet }
    },
  }
}
