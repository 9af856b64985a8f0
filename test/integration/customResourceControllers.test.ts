import assert from 'node:assert/strict'
import { test } from 'node:test'
import { customResourceDefinitions } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { resource, type KubeObject, type Resource } from '#api/resource.ts'
import { garbageCollector } from '#controllers/garbageCollector/controller.ts'
import { namespaceController } from '#controllers/namespace/controller.ts'
import { startCluster, type TestCluster } from './controllersCluster.ts'
import { define, definition, isGone, v1, widget, widgets, type Version, type Widget } from './customResourcesFixture.ts'

const namespace = 'default'

/** Controllers whose informers may find a kind gone: that is reported, and wanted here. */
const withCluster = async (run: (cluster: TestCluster) => Promise<void>): Promise<void> => {
  await using cluster = await startCluster({
    controllers: [garbageCollector, namespaceController],
    refuse: () => undefined,
  })
  await run(cluster)
}

const ownedBy = ({ apiVersion, kind, metadata }: KubeObject): object => ({
  ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid }],
})

test('custom objects own built-in ones and are owned by them', () =>
  withCluster(async ({ client, until }) => {
    await define(client)
    const owner = await client.create(widgets, widget('owner', { size: 1 }))
    await client.create(configMaps, { metadata: { name: 'owned', namespace, ...ownedBy(owner) } })
    const map = await client.create(configMaps, { metadata: { name: 'owner', namespace } })
    const owned = widget('owned', { size: 1 })
    const apiVersion = { apiVersion: 'v1', kind: 'ConfigMap' }
    await client.create(widgets, { ...owned, metadata: { ...owned.metadata, ...ownedBy({ ...map, ...apiVersion }) } })
    await client.delete(widgets, owner.metadata)
    await client.delete(configMaps, map.metadata)
    await until('the owned map is gone', () => isGone(client, configMaps, 'owned'))
    await until('the owned widget is gone', () => isGone(client, widgets, 'owned'))
  }))

test('kinds may go, come again and change their version, and the collector keeps up', () =>
  withCluster(async ({ client, until, clock }) => {
    const owns = async (own: Resource<Widget>, name: string): Promise<void> => {
      const made = widget(name, { size: 1 })
      const owner = await client.create(own, { ...made, apiVersion: `example.com/${own.version}` })
      await client.create(configMaps, { metadata: { name, namespace, ...ownedBy(owner) } })
    }
    await define(client)
    await owns(widgets, 'a')
    await clock.advance(31_000)
    await client.delete(customResourceDefinitions, { name: 'widgets.example.com' })
    // Its object went with the kind, and what the object owned goes too.
    await until('the map is gone', () => isGone(client, configMaps, 'a'))
    await clock.advance(31_000)
    // Another kind comes and goes before anybody looks.
    await define(client)
    await client.delete(customResourceDefinitions, { name: 'widgets.example.com' })
    await until('the definition is gone', () => isGone(client, customResourceDefinitions, 'widgets.example.com'))

    const first = await define(client)
    await owns(widgets, 'b')
    await clock.advance(31_000)
    const v2: Version = { ...v1, name: 'v2' }
    await client.update(customResourceDefinitions, {
      ...first,
      spec: { ...first.spec, versions: [{ ...v1, served: false, storage: false }, v2] },
    })
    const later = resource<Widget>({ ...widgets, version: 'v2' })
    await until('v2 is served', () =>
      client.list(later, {}).then(
        () => true,
        () => false,
      ),
    )
    await owns(later, 'c')
    await clock.advance(61_000)
    // Nothing was lost while the version that owners were known by was not served.
    assert.equal(await isGone(client, configMaps, 'b'), false)
    await client.delete(later, { name: 'c', namespace })
    await until('the map is gone', () => isGone(client, configMaps, 'c'))
    assert.equal(await isGone(client, configMaps, 'b'), false)
  }))

test('a namespace takes its custom objects with it', () =>
  withCluster(async ({ client, until }) => {
    await define(client, definition())
    await client.create(namespaces, { metadata: { name: 'team' } })
    const made = widget('a', { size: 1 })
    const held = { ...made, metadata: { ...made.metadata, namespace: 'team', finalizers: ['example.com/hold'] } }
    await client.create(widgets, held)
    await client.delete(namespaces, { name: 'team' })
    const content = async (): Promise<string | undefined> => {
      const { status } = await client.get(namespaces, { name: 'team' })
      return status?.conditions?.find(({ type }) => type === 'NamespaceFinalizersRemaining')?.message
    }
    await until('the namespace waits', async () => (await content()) !== undefined)
    const message = 'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances'
    assert.equal(await content(), message)
    const body = { metadata: { finalizers: null } }
    await client.patch(widgets, { name: 'a', namespace: 'team' }, { type: 'merge', body })
    await until('the namespace is gone', () => isGone(client, namespaces, 'team'))
  }))
