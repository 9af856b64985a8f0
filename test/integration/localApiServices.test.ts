import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apiServices } from '#api/apiregistration/v1/apiService.ts'
import { customResourceDefinitions } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { clientOver } from '#client/client.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { openMemoryStore } from '#storage/memory.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'
import { define, until, v1 } from './customResourcesFixture.ts'

const clientOf = ({ transport }: ServerFixture) => clientOver(transport, { fieldManager: 'test' })

/** The registrations as whoever asks gets them. */
async function registered(server: ServerFixture): Promise<readonly string[]> {
  const { items } = await clientOf(server).list(apiServices)
  return items.map(({ metadata }) => metadata.name)
}

/** `group/version` of all that discovery lists. */
async function discovered({ transport }: ServerFixture): Promise<readonly string[]> {
  const { body } = await transport.send({ method: 'GET', path: '/apis' })
  const { groups } = body as { groups: readonly { name: string; versions: readonly { version: string }[] }[] }
  const names = groups.flatMap(({ name, versions }) => versions.map(({ version }) => `${version}.${name}`))
  return ['v1.', ...names].filter((name) => name !== 'v1.apiregistration.k8s.io').sort()
}

test('what is served is registered from the first question on', async () => {
  await using server = await startServer()
  const all = await registered(server)
  assert.deepEqual([...all].sort(), await discovered(server))
  assert.ok(all.length > 20)
  const { metadata, spec, status } = await clientOf(server).get(apiServices, { name: 'v1.apps' })
  const { uid: _, creationTimestamp, resourceVersion: __, ...rest } = metadata
  const managedFields = rest.managedFields?.map(({ manager, operation }) => `${operation} by ${manager}`)
  assert.deepEqual(
    { ...rest, managedFields },
    {
      name: 'v1.apps',
      labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' },
      managedFields: ['Update by kube-apiserver'],
    },
  )
  assert.deepEqual(spec, { group: 'apps', version: 'v1', groupPriorityMinimum: 17_800, versionPriority: 15 })
  assert.deepEqual(status, {
    conditions: [
      {
        type: 'Available',
        status: 'True',
        lastTransitionTime: creationTimestamp,
        reason: 'Local',
        message: 'Local APIServices are always available',
      },
    ],
  })
})

test('nothing is registered before somebody asks, or some time has passed', async () => {
  const clock = new SimulatedClock()
  await using store = openMemoryStore({ clock })
  await using server = await startServer({ clock, store })
  const stored = async () => (await store.list('/registry/apiregistration.k8s.io/')).items.length
  await clock.advance('2s')
  assert.equal(await stored(), 0)
  await clock.advance('2s')
  assert.equal(await stored(), (await registered(server)).length)
})

test('versions of definitions are registered while they are served', async () => {
  await using server = await startServer()
  const client = clientOf(server)
  await define(client)
  assert.ok((await registered(server)).includes('v1.example.com'))
  const service = await client.get(apiServices, { name: 'v1.example.com' })
  assert.deepEqual(service.metadata.labels, { 'kube-aggregator.kubernetes.io/automanaged': 'true' })
  assert.deepEqual(service.spec, {
    group: 'example.com',
    version: 'v1',
    groupPriorityMinimum: 1_000,
    versionPriority: 100,
  })
  // What somebody makes of it is put right again, and so is its end.
  await client.patch(apiServices, { name: 'v1.example.com' }, { type: 'merge', body: { spec: { versionPriority: 5 } } })
  assert.equal((await client.get(apiServices, { name: 'v1.example.com' })).spec.versionPriority, 100)
  await client.delete(apiServices, { name: 'v1.example.com' })
  assert.ok((await registered(server)).includes('v1.example.com'))
  const name = 'widgets.example.com'
  const definition = await client.get(customResourceDefinitions, { name })
  const versions = [...definition.spec.versions, { ...v1, name: 'v2', storage: false }]
  await client.patch(customResourceDefinitions, { name }, { type: 'merge', body: { spec: { versions } } })
  assert.deepEqual(
    (await registered(server)).filter((each) => each.endsWith('.example.com')),
    ['v1.example.com', 'v2.example.com'],
  )
  await client.delete(customResourceDefinitions, { name })
  await until(client, name, (found) => found === undefined)
  assert.deepEqual(
    (await registered(server)).filter((each) => each.endsWith('.example.com')),
    [],
  )
})

test('what was made at a start is left to whoever changes it until the next', async () => {
  const clock = new SimulatedClock()
  await using store = openMemoryStore({ clock })
  const names: string[] = []
  {
    await using server = await startServer({ clock, store })
    names.push(...(await registered(server)))
    const client = clientOf(server)
    await client.delete(apiServices, { name: 'v1.batch' })
    const body = { spec: { versionPriority: 999 } }
    await client.patch(apiServices, { name: 'v1.apps' }, { type: 'merge', body })
    const others = {
      metadata: { name: 'v1.old.k8s.io', labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' } },
    }
    const spec = { group: 'old.k8s.io', version: 'v1', groupPriorityMinimum: 100, versionPriority: 100 }
    await client.create(apiServices, { ...others, spec })
    const mine = { ...spec, group: 'mine.example.com' }
    await client.create(apiServices, { metadata: { name: 'v1.mine.example.com' }, spec: mine })
    assert.equal((await client.get(apiServices, { name: 'v1.apps' })).spec.versionPriority, 999)
    const expected = [...names.filter((name) => name !== 'v1.batch'), 'v1.old.k8s.io', 'v1.mine.example.com']
    assert.deepEqual([...(await registered(server))].sort(), expected.sort())
  }
  await using server = await startServer({ clock, store, bare: true })
  assert.deepEqual([...(await registered(server))].sort(), [...names, 'v1.mine.example.com'].sort())
  assert.equal((await clientOf(server).get(apiServices, { name: 'v1.apps' })).spec.versionPriority, 15)
})
