import assert from 'node:assert/strict'
import { events as coreEvents } from '#api/core/v1/event.ts'
import { events } from '#api/events/v1/event.ts'
import { conformance } from './conformance.ts'
import { namespace, showLifeCycle, withServer } from './lifeCycle.ts'

const involvedObject = { kind: 'Pod', name: 'p', namespace }
const core = () => ({
  involvedObject,
  reason: 'Shown',
  message: 'first',
  type: 'Normal',
  source: { component: 'test' },
})

conformance('[sig-instrumentation] Events should manage the lifecycle of an event', () =>
  showLifeCycle(coreEvents, {
    object: core,
    async also(client, { metadata }) {
      const where = { name: metadata.name!, namespace }
      const patched = await client.patch(coreEvents, where, { type: 'strategic', body: { message: 'second' } })
      assert.equal(patched.message, 'second')
      const series = { count: 100, lastObservedTime: '2026-01-01T00:00:00.000000Z' }
      const updated = await client.update(coreEvents, { ...patched, series })
      assert.deepEqual(updated.series, series)
      assert.deepEqual((await client.get(coreEvents, where)).series, series)
    },
  }),
)

const young = () => ({
  eventTime: '2026-01-01T00:00:00.000000Z',
  reportingController: 'example.com/controller',
  reportingInstance: 'instance-1',
  action: 'Do',
  reason: 'Done',
  regarding: involvedObject,
  note: 'first',
  type: 'Normal',
})

conformance(
  '[sig-instrumentation] Events API should ensure that an event can be fetched, patched, deleted, and listed',
  () =>
    showLifeCycle(events, {
      object: young,
      async also(client, created) {
        const where = { name: created.metadata.name!, namespace }
        const series = { count: 2, lastObservedTime: '2026-01-01T00:00:00.000000Z' }
        const patched = await client.patch(events, where, { type: 'strategic', body: { series } })
        assert.deepEqual(patched.series, series)
        const later = { count: 100, lastObservedTime: '2026-01-01T00:00:05.000000Z' }
        await client.update(events, { ...patched, series: later })
        assert.deepEqual((await client.get(events, where)).series, later)
        const selected = await client.list(events, { fieldSelector: 'reportingController=example.com/controller' })
        assert.equal(selected.items.length, 3)
      },
    }),
)

conformance('[sig-instrumentation] Events should delete a collection of events', () =>
  withServer(async (client) => {
    for (const name of ['a', 'b', 'c']) {
      await client.create(coreEvents, { metadata: { name, namespace, labels: { set: 'gone' } }, ...core() })
    }
    const count = async (): Promise<number> =>
      (await client.list(coreEvents, { namespace, labelSelector: 'set=gone' })).items.length
    assert.equal(await count(), 3)
    await client.deleteCollection(coreEvents, { namespace, labelSelector: 'set=gone' })
    assert.equal(await count(), 0)
  }),
)

conformance('[sig-instrumentation] Events API should delete a collection of events', () =>
  withServer(async (client) => {
    for (const name of ['a', 'b', 'c']) {
      await client.create(events, { metadata: { name, namespace, labels: { set: 'gone' } }, ...young() })
    }
    const count = async (): Promise<number> =>
      (await client.list(events, { namespace, labelSelector: 'set=gone' })).items.length
    assert.equal(await count(), 3)
    await client.deleteCollection(events, { namespace, labelSelector: 'set=gone' })
    assert.equal(await count(), 0)
  }),
)
