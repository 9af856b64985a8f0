import assert from 'node:assert/strict'
import {
  customResourceDefinitions,
  type CustomResourceDefinition,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { isReason } from '#machinery/status.ts'
import type { Client, JsonPatchOperation } from '#client/client.ts'
import { define, definition } from '../integration/customResourcesFixture.ts'
import { conformance } from './conformance.ts'
import { withServer } from './lifeCycle.ts'

// What kubectl is shown of custom kinds: it refuses by the definitions of version 2 what it does not know, and explains by
// those of version 3.

const foo: JSONSchemaProps = {
  description: 'Foo for testing',
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      description: 'Specification of Foo',
      properties: {
        bars: {
          type: 'array',
          description: 'List of Bars',
          items: {
            type: 'object',
            required: ['name'],
            properties: {
              name: { type: 'string', description: 'Name of Bar.' },
              age: { type: 'string', description: 'Age of Bar.' },
              bazs: { type: 'array', description: 'List of Bazs.', items: { type: 'string' } },
            },
          },
        },
      },
    },
    status: { type: 'object', description: 'Status of Foo' },
  },
}
const waldo: JSONSchemaProps = {
  description: 'Waldo for testing',
  type: 'object',
  properties: { spec: { type: 'object', properties: { dummy: { type: 'string', description: 'Dummy value.' } } } },
}

function kindOf(
  { kind, group, versions }: { kind: string; group: string; versions: readonly string[] },
  schema: JSONSchemaProps,
): CustomResourceDefinition {
  const plural = `${kind.toLowerCase()}s`
  const all = versions.map((name, index) => ({
    name,
    served: true,
    storage: index === 0,
    schema: { openAPIV3Schema: schema },
  }))
  return { ...definition(all, { group, names: { plural, kind } }), metadata: { name: `${plural}.${group}` } }
}

async function readDocument(client: Client, path: string): Promise<any> {
  const { body } = await client.transport.send({ method: 'GET', path: `/openapi/${path}` })
  return JSON.parse(body as string)
}

/** A definition in both documents: its description in version 2 and 3; undefined in each where it is not published. */
async function published(client: Client, group: string, version: string, kind: string): Promise<readonly unknown[]> {
  const name = `${group.split('.').toReversed().join('.')}.${version}.${kind}`
  const whole = await readDocument(client, 'v2')
  const part = await readDocument(client, `v3/apis/${group}/${version}`).catch((error: unknown) => {
    if (!isReason(error, 'NotFound')) throw error
    return undefined
  })
  return [whole.definitions[name]?.description, part?.components.schemas[name]?.description]
}

const bothSay = (schema: JSONSchemaProps): readonly unknown[] => [schema.description, schema.description]
const neither = [undefined, undefined]

/** Waits until something is published; time stands still, so only events can bring it there. */
async function eventually(is: () => Promise<readonly unknown[]>, wanted: readonly unknown[]): Promise<void> {
  const same = (found: readonly unknown[]): boolean => JSON.stringify(found) === JSON.stringify(wanted)
  for (let turn = 0; turn < 50 && !same(await is()); turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(await is(), wanted)
}

const group = 'crd.example.com'

/** Creates an object, deletes it, applies it, and sees that nothing of it is lost. */
async function showAccepted(client: Client, content: Record<string, unknown>): Promise<void> {
  const path = `/apis/${group}/v1/namespaces/default/foos`
  const object = { apiVersion: `${group}/v1`, kind: 'Foo', metadata: { name: 'test' }, ...content }
  const query = { fieldValidation: 'Strict' }
  const kept = (body: unknown): void => {
    for (const [name, value] of Object.entries(content)) {
      assert.deepEqual((body as Record<string, unknown>)[name], value)
    }
  }
  kept((await client.transport.send({ method: 'POST', path, query, body: object })).body)
  await client.transport.send({ method: 'DELETE', path: `${path}/test` })
  const applied = await client.transport.send({
    method: 'PATCH',
    path: `${path}/test`,
    query: { ...query, fieldManager: 'test' },
    body: object,
    contentType: 'application/apply-patch+yaml',
  })
  kept(applied.body)
}

/** What the documents say of `Foo` itself. */
async function schemasOfFoo(client: Client): Promise<readonly any[]> {
  const name = 'com.example.crd.v1.Foo'
  const whole = await readDocument(client, 'v2')
  const part = await readDocument(client, `v3/apis/${group}/v1`)
  return [whole.definitions[name], part.components.schemas[name]]
}

conformance('[sig-api-machinery] CustomResourcePublishOpenAPI works for CRD with validation schema', () =>
  withServer(async (client) => {
    await define(client, kindOf({ kind: 'Foo', group, versions: ['v1'] }, foo))
    await showAccepted(client, { spec: { bars: [{ name: 'test-bar' }] } })
    for (const schema of await schemasOfFoo(client)) {
      assert.equal(schema.description, 'Foo for testing')
      assert.match(schema.properties.apiVersion.description, /^Group and version in which the object is written/)
      const { spec } = schema.properties
      assert.deepEqual([spec.type, spec.description], ['object', 'Specification of Foo'])
      assert.equal(spec.properties.bars.description, 'List of Bars')
      assert.equal(spec.properties.bars.items.properties.bazs.items.type, 'string')
      assert.deepEqual(spec.properties.bars.items.required, ['name'])
    }
  }),
)

const anything = { 'x-kubernetes-preserve-unknown-fields': true }

conformance('[sig-api-machinery] CustomResourcePublishOpenAPI works for CRD without validation schema', () =>
  withServer(async (client) => {
    await define(client, kindOf({ kind: 'Foo', group, versions: ['v1'] }, { type: 'object', ...anything }))
    await showAccepted(client, { a: { b: [{ c: 'd' }] } })
    const [ofV2, ofV3] = await schemasOfFoo(client)
    assert.deepEqual([ofV2.properties, ofV2.description, ofV3.description], [undefined, undefined, undefined])
  }),
)

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI works for CRD preserving unknown fields at the schema root',
  () =>
    withServer(async (client) => {
      await define(client, kindOf({ kind: 'Foo', group, versions: ['v1'] }, { ...foo, ...anything }))
      await showAccepted(client, { a: { b: [{ c: 'd' }] } })
      const [ofV2, ofV3] = await schemasOfFoo(client)
      assert.equal(ofV2.properties, undefined)
      assert.equal(ofV3['x-kubernetes-preserve-unknown-fields'], true)
      assert.equal(ofV2['x-kubernetes-group-version-kind'][0].kind, 'Foo')
    }),
)

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI works for CRD preserving unknown fields in an embedded object',
  () =>
    withServer(async (client) => {
      const nested: JSONSchemaProps = {
        description: 'Nested for testing',
        type: 'object',
        properties: { spec: { type: 'object', ...anything, properties: { c: { type: 'string' } } } },
      }
      await define(client, kindOf({ kind: 'Foo', group, versions: ['v1'] }, nested))
      await showAccepted(client, { spec: { a: null, b: [{ c: 'd' }] } })
      const [ofV2, ofV3] = await schemasOfFoo(client)
      assert.equal(ofV2.properties.spec.properties, undefined)
      assert.equal(ofV2.properties.spec['x-kubernetes-preserve-unknown-fields'], true)
      assert.equal(ofV3.description, 'Nested for testing')
    }),
)

conformance('[sig-api-machinery] CustomResourcePublishOpenAPI works for multiple CRDs of different groups', () =>
  withServer(async (client) => {
    await define(client, kindOf({ kind: 'Foo', group, versions: ['v1'] }, foo))
    await define(client, kindOf({ kind: 'Waldo', group: 'other.example.com', versions: ['v1beta1'] }, waldo))
    await eventually(() => published(client, group, 'v1', 'Foo'), bothSay(foo))
    await eventually(() => published(client, 'other.example.com', 'v1beta1', 'Waldo'), bothSay(waldo))
  }),
)

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI works for multiple CRDs of same group but different versions',
  () =>
    withServer(async (client) => {
      await define(client, kindOf({ kind: 'Foo', group, versions: ['v2', 'v3'] }, foo))
      for (const version of ['v2', 'v3']) await eventually(() => published(client, group, version, 'Foo'), bothSay(foo))
      await define(client, kindOf({ kind: 'Waldo', group, versions: ['v5'] }, waldo))
      await eventually(() => published(client, group, 'v5', 'Waldo'), bothSay(waldo))
      await eventually(() => published(client, group, 'v2', 'Foo'), bothSay(foo))
    }),
)

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI works for multiple CRDs of same group and version but different kinds',
  () =>
    withServer(async (client) => {
      await define(client, kindOf({ kind: 'Foo', group, versions: ['v6'] }, foo))
      await define(client, kindOf({ kind: 'Waldo', group, versions: ['v6'] }, waldo))
      await eventually(() => published(client, group, 'v6', 'Foo'), bothSay(foo))
      await eventually(() => published(client, group, 'v6', 'Waldo'), bothSay(waldo))
    }),
)

const changeDefinition = (client: Client, ...operations: readonly JsonPatchOperation[]) =>
  client.patch(customResourceDefinitions, { name: `foos.${group}` }, { type: 'json', operations })

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI updates the published spec when one version gets renamed',
  () =>
    withServer(async (client) => {
      await define(client, kindOf({ kind: 'Foo', group, versions: ['v2', 'v3'] }, foo))
      for (const version of ['v2', 'v3']) await eventually(() => published(client, group, version, 'Foo'), bothSay(foo))
      await changeDefinition(client, { op: 'replace', path: '/spec/versions/1/name', value: 'v4' })
      await eventually(() => published(client, group, 'v4', 'Foo'), bothSay(foo))
      await eventually(() => published(client, group, 'v3', 'Foo'), neither)
      await eventually(() => published(client, group, 'v2', 'Foo'), bothSay(foo))
    }),
)

conformance(
  '[sig-api-machinery] CustomResourcePublishOpenAPI removes definition from spec when one version gets changed to not be served',
  () =>
    withServer(async (client) => {
      await define(client, kindOf({ kind: 'Foo', group, versions: ['v5', 'v6alpha1'] }, foo))
      await eventually(() => published(client, group, 'v6alpha1', 'Foo'), bothSay(foo))
      const before = await published(client, group, 'v5', 'Foo')
      await changeDefinition(client, { op: 'replace', path: '/spec/versions/1/served', value: false })
      await eventually(() => published(client, group, 'v6alpha1', 'Foo'), neither)
      assert.deepEqual(await published(client, group, 'v5', 'Foo'), before)
    }),
)
