import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import type { Controller } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { Expectations, recheckExpectations } from '#client/expectations.ts'
import { keyOf } from '#client/index.ts'
import { isReason } from '#machinery/status.ts'
import type { ControllerContext } from '../context.ts'
import { isNamespaceEnding } from '../podWrites.ts'
import { hasEndpoints, isReachable, podsOfService, quietFor, servicesOfPod, TriggerTimes } from '../serviceEndpoints.ts'
import { writeSlices } from '../sliceWrites.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { addressTypesOf } from './endpoints.ts'
import { followsTopology, zoneRatios } from './topology.ts'
import { TopologyHints } from './topologyHints.ts'
import { controllerName, managedByLabel, planSlices, serviceNameLabel } from './plan.ts'

const byService = 'service'
const byTopology = 'followsTopology'

/** Keeps the EndpointSlices of services with a selector. */
export function endpointSliceController(context: ControllerContext): Controller {
  const { client, clock } = context
  const counts = context.metrics.endpointSlices
  const serviceCopies = context.informers.of(services)
  const podCopies = context.informers.of(pods)
  const nodeCopies = context.informers.of(nodes)
  const copies = context.informers.of(endpointSlices)
  copies.addIndex(byService, ({ metadata: { namespace, labels } }) =>
    labels?.[managedByLabel] === controllerName ? [`${namespace}/${labels[serviceNameLabel]}`] : [],
  )
  const events = context.events.recorder('endpoint-slice-controller')
  const expectations = new Expectations(clock, copies)
  const triggers = new TriggerTimes()
  const hints = new TopologyHints()
  serviceCopies.addIndex(byTopology, (each) => (followsTopology(each) ? ['all'] : []))
  let lastRatios: ReadonlyMap<string, number> | undefined
  /** Services whose hints depend on what changed of a node. */
  const concerned = (): string[] => {
    const following = serviceCopies.byIndex(byTopology, 'all').map(({ metadata }) => keyOf(metadata))
    if (following.length === 0) return []
    const ratios = zoneRatios(nodeCopies.list())
    const isSame = sameJson([...(ratios ?? [])], [...(lastRatios ?? [])])
    lastRatios = ratios
    return isSame ? [] : following.filter((key) => hints.mustLook(key, ratios))
  }

  return {
    name: 'endpointslice-controller',
    queue: 'endpoint_slice',
    permissions: [
      { groups: [''], resources: ['services', 'pods', 'nodes'], verbs: ['get', 'list', 'watch'] },
      { groups: [''], resources: ['services/finalizers'], verbs: ['update'] },
      {
        groups: ['discovery.k8s.io'],
        resources: ['endpointslices'],
        verbs: ['create', 'delete', 'get', 'list', 'update', 'watch'],
      },
    ],
    watch(on) {
      on(serviceCopies, ({ metadata }) => [keyOf(metadata)])
      on(podCopies, (pod) => servicesOfPod(serviceCopies, pod))
      on(nodeCopies, concerned)
      on(copies, ({ metadata: { namespace, labels } }) =>
        labels?.[managedByLabel] === controllerName ? [`${namespace}/${labels[serviceNameLabel]}`] : [],
      )
    },
    async reconcile(key, signal) {
      const service = serviceCopies.get(key)
      if (service === undefined) {
        // Its slices go with it: they name it as their owner.
        triggers.forget(key)
        hints.forget(key)
        counts.forget(key)
        return expectations.forget(key)
      }
      if (!hasEndpoints(service) || service.metadata.deletionTimestamp !== undefined) return
      if (!expectations.satisfied(key)) {
        counts.synced('stale')
        return { after: recheckExpectations }
      }
      const selected = podsOfService(podCopies, service)
      const present = copies.byIndex(byService, key).filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      const nodeOf = (name: string) => nodeCopies.get(name)
      const ratios = followsTopology(service) ? zoneRatios(nodeCopies.list()) : undefined
      const plan = planSlices(service, selected, present, nodeOf, triggers.next(service, selected), ratios)
      counts.planned(key, service, plan)
      try {
        await writeSlices({ client, expectations, counts }, key, plan, signal)
        counts.written(service, plan)
      } catch (error) {
        if (isNamespaceEnding(error)) return counts.synced('success')
        counts.synced('error')
        if (!isReason(error, 'Conflict') && !signal.aborted) {
          const message = `Error updating Endpoint Slices for Service ${key}: ${(error as Error).message}`
          const note = { type: 'Warning', reason: 'FailedToUpdateEndpointSlices', message } as const
          events.record(referenceTo(services, service), note)
        }
        throw error
      }
      counts.synced('success')
      for (const note of hints.note(key, addressTypesOf(service), plan.topology))
        events.record(referenceTo(services, service), note)
      // A pod whose node is not known yet is left out; the node may be about to come.
      const unknown = selected.some((pod) => isReachable(pod) && nodeOf(pod.spec.nodeName ?? '') === undefined)
      const quiet = quietFor(selected)
      return unknown ? { quiet, after: 5_000 } : { quiet }
    },
  }
}
