import { endpoints } from '#api/core/v1/endpoints.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices, type EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { Controller, Outcome } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { Expectations, recheckExpectations } from '#client/expectations.ts'
import { keyOf } from '#client/index.ts'
import type { ControllerContext } from '../context.ts'
import { managedByLabel, serviceNameLabel } from '../endpointSlice/plan.ts'
import { isNamespaceEnding } from '../podWrites.ts'
import { writeSlices } from '../sliceWrites.ts'
import { controllerName, isMirrored, mostEndpoints, planMirror } from './plan.ts'

const byMirrored = 'mirrored'

const mirroredKeys = ({ metadata: { namespace, labels } }: EndpointSlice): string[] =>
  labels?.[managedByLabel] === controllerName ? [`${namespace}/${labels[serviceNameLabel]}`] : []

/** Shows Endpoints that people keep for services without a selector as EndpointSlices, which alone are read. */
export function endpointSliceMirroringController(context: ControllerContext): Controller {
  const { client, clock } = context
  const counts = context.metrics.mirroring
  const serviceCopies = context.informers.of(services)
  const endpointsCopies = context.informers.of(endpoints)
  const copies = context.informers.of(endpointSlices)
  copies.addIndex(byMirrored, mirroredKeys)
  const events = context.events.recorder('endpoint-slice-mirroring-controller')
  const expectations = new Expectations(clock, copies)
  const mirror = async (key: string, signal: AbortSignal): Promise<Outcome> => {
    if (!expectations.satisfied(key)) return { after: recheckExpectations }
    const service = serviceCopies.get(key)
    const original = endpointsCopies.get(key)
    const present = copies.byIndex(byMirrored, key).filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    const mirrored = service !== undefined && original !== undefined && isMirrored(original, service)
    const plan = mirrored ? planMirror(original, present) : { create: [], update: [], remove: present, skipped: 0 }
    if (!mirrored) counts.forget(key)
    if (!mirrored && present.length === 0) return expectations.forget(key)
    if ('figures' in plan) {
      counts.skipped.observe(plan.skipped)
      counts.added.observe(plan.changes.added)
      counts.changed.observe(plan.changes.updated)
      counts.removed.observe(plan.changes.removed)
      counts.set(key, plan.figures)
    }
    if (original !== undefined && plan.skipped > 0) {
      const message = `A max of ${mostEndpoints} addresses can be mirrored to EndpointSlices per Endpoints subset. ${plan.skipped} addresses were skipped`
      const note = { type: 'Warning', reason: 'TooManyAddressesToMirror', message } as const
      events.record(referenceTo(endpoints, original), note)
    }
    try {
      await writeSlices({ client, expectations, counts }, key, plan, signal)
    } catch (error) {
      if (!isNamespaceEnding(error)) throw error
    }
    return undefined
  }

  return {
    name: 'endpointslicemirroring-controller',
    queue: 'endpoint_slice_mirroring',
    permissions: [
      { groups: [''], resources: ['services', 'endpoints'], verbs: ['get', 'list', 'watch'] },
      { groups: [''], resources: ['services/finalizers', 'endpoints/finalizers'], verbs: ['update'] },
      {
        groups: ['discovery.k8s.io'],
        resources: ['endpointslices'],
        verbs: ['create', 'delete', 'get', 'list', 'update', 'watch'],
      },
    ],
    watch(on) {
      on(serviceCopies, ({ metadata }) => [keyOf(metadata)])
      on(endpointsCopies, ({ metadata }) => [keyOf(metadata)])
      on(copies, mirroredKeys)
    },
    async reconcile(key, signal) {
      const started = clock.now()
      try {
        return await mirror(key, signal)
      } finally {
        counts.looks.observe((clock.now() - started) / 1_000)
      }
    },
  }
}
