import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps } from '#api/core/v1/configMap.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { resource, type KubeObject } from '#api/resource.ts'
import { Causes } from '#client/causes.ts'
import { clientOver } from '#client/client.ts'
import { runController } from '#client/controller.ts'
import { eventWriter } from '#client/events.ts'
import { sharedInformers } from '#client/informers.ts'
import { garbageCollector } from '#controllers/garbageCollector/controller.ts'
import { makeControllers } from '#controllers/makeControllers.ts'
import { namespaceController } from '#controllers/namespace/controller.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { seededRandom } from '#lib/random.ts'
import { isReason } from '#machinery/status.ts'
import { controllerMetrics } from '#controllers/metrics.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { startBoth, until } from './aggregationFixture.ts'
import { whenSaid } from './extensionServer.ts'

const teapots = resource<KubeObject & { spec: { cups: number } }>({
  group: 'kitchen.example.com',
  version: 'v1',
  kind: 'Teapot',
  plural: 'teapots',
  scope: 'Namespaced',
})

test('controllers look after what another server keeps as after all else', async () => {
  await using it = await startBoth({})
  await whenSaid(it.server, 'Passed')
  const client = clientOver(it.server.transport, { fieldManager: 'test' })
  const reported: string[] = []
  const shared = { client, clock, random: seededRandom(1), report: (problem: string) => void reported.push(problem) }
  const informers = sharedInformers(shared)
  const events = eventWriter(shared)
  const config = { rootCertificate: '', podCidrs: [], signSecretToken: it.server.server.signSecretToken }
  const context = {
    ...shared,
    informers,
    events,
    causes: new Causes(clock),
    metrics: controllerMetrics(new MetricRegistry()),
    config,
  }
  const stop = new AbortController()
  const running = makeControllers([garbageCollector, namespaceController], context, () => client).map((controller) =>
    runController(controller, { clock, report: shared.report }, stop.signal),
  )
  running.push(informers.run(stop.signal), events.run(stop.signal))
  const isGone = (
    at: { readonly name: string; readonly namespace: string },
    kind: typeof teapots | typeof configMaps,
  ) =>
    until(async () => {
      const found = await client.get(kind as typeof configMaps, at).catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error
      })
      return found === undefined ? true : undefined
    })
  // The collector follows the kind.
  await until(() => (it.extension.watches.size > 0 ? true : undefined))
  const { metadata } = await client.get(teapots, { namespace: 'default', name: 'brown' })
  const owner = { apiVersion: 'kitchen.example.com/v1', kind: 'Teapot', name: 'brown', uid: metadata.uid! }
  await client.create(configMaps, { metadata: { name: 'leaves', namespace: 'default', ownerReferences: [owner] } })
  await client.delete(teapots, { namespace: 'default', name: 'brown' })
  await isGone({ namespace: 'default', name: 'leaves' }, configMaps)
  await client.create(namespaces, { metadata: { name: 'cafe' } })
  await client.create(teapots, { metadata: { name: 'red', namespace: 'cafe' }, spec: { cups: 1 } })
  await client.delete(namespaces, { name: 'cafe' })
  await isGone({ namespace: 'cafe', name: 'red' }, teapots)
  await until(async () => {
    const { items } = await client.list(namespaces)
    return items.some((each) => each.metadata.name === 'cafe') ? undefined : true
  })
  stop.abort()
  await Promise.allSettled(running)
  assert.deepEqual(reported, [])
})
