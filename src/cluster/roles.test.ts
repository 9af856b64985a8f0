import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controllers } from '#controllers/index.ts'
import { makeControllers } from '#controllers/makeControllers.ts'
import type { ControllerContext } from '#controllers/context.ts'
import { Causes } from '#client/causes.ts'
import { eventWriter } from '#client/events.ts'
import { sharedInformers } from '#client/informers.ts'
import type { Client } from '#client/client.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { seededRandom } from '#lib/random.ts'
import type { ClusterRole } from '#api/rbac/v1/clusterRole.ts'
import { controllerMetrics } from '#controllers/metrics.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { clusterPolicy } from './roles.ts'

/** Kubernetes' own rules for a service account come first; what is behind them is this cluster's. */
function made(): ReturnType<typeof clusterPolicy> {
  const clock = new SimulatedClock()
  const shared = { client: {} as Client, clock, random: seededRandom(1) }
  const context: Omit<ControllerContext, 'client'> = {
    clock,
    random: shared.random,
    informers: sharedInformers(shared),
    events: eventWriter(shared),
    metrics: controllerMetrics(new MetricRegistry()),
    causes: new Causes(clock),
    config: { rootCertificate: '', podCidrs: ['10.244.0.0/16'] },
  }
  return clusterPolicy(makeControllers(controllers, context, () => shared.client))
}

test('no two objects of the policy have one name', () => {
  const names = made().map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`)
  assert.deepEqual(names.length, new Set(names).size)
})

test('controllers other than the collectors of everything have no right to everything', () => {
  const everything = made().filter(
    (object) => object.kind === 'ClusterRole' && (object as ClusterRole).rules?.some(isAboutEverything) === true,
  )
  assert.deepEqual(everything.map(({ metadata }) => metadata.name).toSorted(), [
    'cluster-admin',
    'system:controller:generic-garbage-collector',
    'system:controller:namespace-controller',
    'system:controller:resourcequota-controller',
    'system:kube-controller-manager',
  ])
})

const isAboutEverything = ({ apiGroups, resources }: NonNullable<ClusterRole['rules']>[number]): boolean =>
  apiGroups?.includes('*') === true && resources?.includes('*') === true
