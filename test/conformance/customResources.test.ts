import assert from 'node:assert/strict'
import {
  customResourceDefinitions,
  type CustomResourceDefinition,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { resource, type KubeObject } from '#api/resource.ts'
import type { Client } from '#client/client.ts'
import { define, definition, isEstablished, until } from '../integration/customResourcesFixture.ts'
import { conformance } from './conformance.ts'
import { namespace, watching, withServer } from './lifeCycle.ts'

interface Thing extends KubeObject {
  a?: string
  b?: string
}

const strings: JSONSchemaProps = {
  type: 'object',
  properties: { a: { type: 'string' }, b: { type: 'string' } },
}

/** A definition of `things` in a group of its own, so that several can stand beside each other. */
function thingsIn(group: string, labels: Record<string, string> = {}): CustomResourceDefinition {
  const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: strings } }
  const names = { plural: 'things', kind: 'Thing' }
  return { ...definition([version], { group, names }), metadata: { name: `things.${group}`, labels } }
}

const isGone = (each: CustomResourceDefinition | undefined): boolean => each === undefined
const things = resource<Thing>({
  group: 'a.example.com',
  version: 'v1',
  kind: 'Thing',
  plural: 'things',
  scope: 'Namespaced',
})

conformance(
  '[sig-api-machinery] CustomResourceDefinition resources Simple CustomResourceDefinition creating/deleting custom resource definition objects works',
  () =>
    withServer(async (client) => {
      const defined = await define(client, thingsIn('a.example.com'))
      await client.delete(customResourceDefinitions, defined.metadata)
      await until(client, defined.metadata.name, isGone)
    }),
)

conformance(
  '[sig-api-machinery] CustomResourceDefinition resources Simple CustomResourceDefinition listing custom resource definition objects works',
  () =>
    withServer(async (client) => {
      const names = Array.from({ length: 10 }, (_, index) => `g${index}.example.com`)
      for (const name of names) await define(client, thingsIn(name, { set: 'listed' }))
      const other = await define(client, thingsIn('other.example.com'))
      const { items } = await client.list(customResourceDefinitions, { labelSelector: 'set=listed' })
      assert.deepEqual(
        items.map(({ spec }) => spec.group),
        names,
      )
      await client.deleteCollection(customResourceDefinitions, { labelSelector: 'set=listed' })
      for (const name of names) await until(client, `things.${name}`, isGone)
      assert.ok(isEstablished(await client.get(customResourceDefinitions, other.metadata)))
    }),
)

conformance(
  '[sig-api-machinery] CustomResourceDefinition resources Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works',
  () =>
    withServer(async (client) => {
      const { metadata } = await define(client, thingsIn('a.example.com'))
      const read = await client.getSubresource<CustomResourceDefinition>(customResourceDefinitions, metadata, 'status')
      assert.deepEqual(read.spec, (await client.get(customResourceDefinitions, metadata)).spec)
      const told = (one: CustomResourceDefinition): readonly (string | undefined)[] =>
        one.status?.conditions?.map(({ message }) => message) ?? []
      const added = { message: 'updated' } as NonNullable<
        NonNullable<CustomResourceDefinition['status']>['conditions']
      >[number]
      const conditions = [...(read.status?.conditions ?? []), added]
      const updated = await client.updateStatus(customResourceDefinitions, {
        ...read,
        status: { ...read.status, conditions },
      })
      assert.ok(told(updated).includes('updated'))
      const value = [{ message: 'patched' }]
      const patched = await client.patchStatus(customResourceDefinitions, metadata, {
        type: 'json',
        operations: [{ op: 'add', path: '/status/conditions', value }],
      })
      assert.ok(told(patched).includes('patched'))
    }),
)

/** Changes a schema and waits until an object reads as it should: published changes come by events alone. */
async function change(
  client: Client,
  operations: readonly { op: 'add' | 'remove'; path: string; value?: unknown }[],
  name: string,
  reads: (thing: Thing) => boolean,
): Promise<Thing> {
  const path = '/spec/versions/0/schema/openAPIV3Schema/properties'
  await client.patch(
    customResourceDefinitions,
    { name: 'things.a.example.com' },
    { type: 'json', operations: operations.map((each) => ({ ...each, path: `${path}/${each.path}` })) },
  )
  let thing = await client.get(things, { name, namespace })
  for (let turn = 0; turn < 200 && !reads(thing); turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    thing = await client.get(things, { name, namespace })
  }
  return thing
}

conformance(
  '[sig-api-machinery] CustomResourceDefinition resources custom resource defaulting for requests and from storage works',
  () =>
    withServer(async (client) => {
      await define(client, thingsIn('a.example.com'))
      await client.create(things, { metadata: { name: 'one', namespace } })
      const one = await change(
        client,
        [{ op: 'add', path: 'a/default', value: 'A' }],
        'one',
        ({ a }) => a !== undefined,
      )
      assert.equal(one.a, 'A')
      assert.equal((await client.create(things, { metadata: { name: 'two', namespace } })).a, 'A')
      const next = [
        { op: 'remove', path: 'a/default' },
        { op: 'add', path: 'b/default', value: 'B' },
      ] as const
      const two = await change(client, next, 'two', ({ b }) => b !== undefined)
      assert.deepEqual([two.a, two.b], ['A', 'B'])
    }),
)

conformance(
  '[sig-api-machinery] CustomResourceDefinition Watch CustomResourceDefinition Watch watch on custom resource definition objects',
  () =>
    withServer(async (client) => {
      await define(client, thingsIn('a.example.com'))
      await using seenOne = watching(client, things, { namespace, fieldSelector: 'metadata.name=one' })
      await using seenTwo = watching(client, things, { namespace, fieldSelector: 'metadata.name=two' })
      for (const name of ['one', 'two']) await client.create(things, { metadata: { name, namespace } })
      for (const name of ['one', 'two'])
        await client.patch(things, { name, namespace }, { type: 'merge', body: { a: 'x' } })
      for (const name of ['one', 'two']) await client.delete(things, { name, namespace })
      for (const [seen, name] of [
        [seenOne, 'one'],
        [seenTwo, 'two'],
      ] as const) {
        assert.deepEqual(
          await seen.until((events) => events.length >= 3),
          ['ADDED', 'MODIFIED', 'DELETED'].map((type) => `${type} ${name}`),
        )
      }
    }),
)
