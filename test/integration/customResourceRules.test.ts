import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CustomResourceDefinition } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { customResourceDefinitions } from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { JSONSchemaProps, ValidationRule } from '#api/apiextensions/v1/jsonSchema.ts'
import type { Client } from '#client/client.ts'
import {
  define,
  definition,
  refusal,
  widget,
  widgets,
  withServer,
  path,
  type Version,
} from './customResourcesFixture.ts'

const spec = (rules: ValidationRule[], fields: Record<string, JSONSchemaProps> = {}): JSONSchemaProps => ({
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      'x-kubernetes-validations': rules,
      properties: {
        size: { type: 'integer' },
        least: { type: 'integer' },
        name: { type: 'string', maxLength: 20 },
        ...fields,
      },
    },
  },
})

const ruled = (
  rules: ValidationRule[],
  fields?: Record<string, JSONSchemaProps>,
  own: Partial<Version> = {},
): CustomResourceDefinition =>
  definition([{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: spec(rules, fields) }, ...own }])

const problemOf = async (client: Client, run: (client: Client) => Promise<unknown>): Promise<string> =>
  (await refusal(() => run(client))).replace(/^422 Widget\.example\.com "a" is invalid: /, '')

const created = (own: Record<string, unknown>) => (client: Client) => client.create(widgets, widget('a', own))
const changed = (own: Record<string, unknown>) => async (client: Client) =>
  client.patch(widgets, { name: 'a', namespace: 'default' }, { type: 'merge', body: { spec: own } })

test('rules say what is broken, in words and at places of their own', () =>
  withServer(async (client) => {
    await define(
      client,
      ruled(
        [
          { rule: 'self.size >= self.least', message: 'too small' },
          { rule: 'self.name != "bad"', messageExpression: '"a bad name: " + self.name', fieldPath: '.name' },
          { rule: 'self.size != 5', fieldPath: '.size', reason: 'FieldValueForbidden' },
          { rule: '!has(self.address) || isURL(self.address) || self.address == "x"' },
        ],
        {
          address: { type: 'string', maxLength: 100 },
          items: {
            type: 'array',
            maxItems: 10,
            items: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self % 2 == 0' }] },
          },
        },
      ),
    )
    const rows: readonly (readonly [Record<string, unknown>, string])[] = [
      [{ size: 1, least: 2, name: 'a' }, 'spec: Invalid value: "object": too small'],
      [{ size: 3, least: 2, name: 'bad' }, 'spec.name: Invalid value: "object": a bad name: bad'],
      [{ size: 5, least: 2, name: 'a' }, 'spec.size: Forbidden: failed rule: self.size != 5'],
      [
        { size: 6, least: 2, name: 'a', items: [2, 3] },
        'spec.items[1]: Invalid value: "integer": failed rule: self % 2 == 0',
      ],
      [{ size: 6, name: 'a' }, 'spec: Invalid value: "object": no such key: least evaluating rule: too small'],
      [
        { size: 'x', least: 2, name: 'a' },
        '[spec.size: Invalid value: "string": spec.size in body must be of type integer: "string", <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]',
      ],
    ]
    for (const [own, problem] of rows) assert.equal(await problemOf(client, created(own)), problem)
    await client.create(widgets, widget('a', { size: 6, least: 2, name: 'a', items: [2, 4] }))
  }))

test('rules about changes compare with what was there', () =>
  withServer(async (client) => {
    const rules: ValidationRule[] = [
      { rule: 'self.size >= oldSelf.size', message: 'it only grows' },
      {
        rule: 'oldSelf.hasValue() || self.size < 10',
        optionalOldSelf: true,
        message: 'it starts small',
      },
    ]
    await define(client, ruled(rules))
    assert.equal(await problemOf(client, created({ size: 11 })), 'spec: Invalid value: "object": it starts small')
    await created({ size: 3 })(client)
    await changed({ size: 30 })(client)
    assert.equal(await problemOf(client, changed({ size: 29 })), 'spec: Invalid value: "object": it only grows')
  }))

test('a rule that comes later forgives what was there, with a warning', () =>
  withServer(async (client, { transport }) => {
    const first = await define(client, ruled([]))
    await created({ size: 3, name: 'a' })(client)
    await client.update(customResourceDefinitions, {
      ...first,
      spec: { ...first.spec, versions: ruled([{ rule: 'self.size > 5', message: 'too small' }]).spec.versions },
    })
    const { warnings } = await transport.send({
      method: 'PATCH',
      path: `${path}/a`,
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels: { x: 'y' } } },
    })
    assert.deepEqual(warnings, ['spec: Invalid value: "object": too small'])
    assert.equal(await problemOf(client, changed({ name: 'b' })), 'spec: Invalid value: "object": too small')
    await changed({ size: 6 })(client)
  }))

test('rules about the whole object are asked when the status is written', () =>
  withServer(async (client, { transport }) => {
    const openAPIV3Schema: JSONSchemaProps = {
      type: 'object',
      'x-kubernetes-validations': [
        { rule: '!has(self.status) || self.status.done <= self.spec.size', message: 'more done than there is' },
        { rule: 'self.metadata.name.startsWith("a")', message: 'names start with a' },
      ],
      properties: {
        spec: { type: 'object', properties: { size: { type: 'integer' } } },
        status: { type: 'object', properties: { done: { type: 'integer' } } },
      },
    }
    const own = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema }, subresources: { status: {} } }
    await define(client, definition([own]))
    const named = await refusal(() => client.create(widgets, widget('b', { size: 2 })))
    assert.equal(named, '422 Widget.example.com "b" is invalid: <nil>: Invalid value: "object": names start with a')
    await created({ size: 2 })(client)
    const write = (done: number) => (): Promise<unknown> =>
      transport.send({
        method: 'PATCH',
        path: `${path}/a/status`,
        contentType: 'application/merge-patch+json',
        body: { status: { done } },
      })
    await write(2)()
    assert.equal(await problemOf(client, write(3)), '<nil>: Invalid value: "object": more done than there is')
  }))

test('rules that could cost too much are refused, and defaults must keep rules', () =>
  withServer(async (client) => {
    const refused = async (own: CustomResourceDefinition): Promise<string> =>
      (await refusal(() => client.create(customResourceDefinitions, own))).replaceAll(
        'spec.validation.openAPIV3Schema',
        'SCHEMA',
      )
    const long: JSONSchemaProps = {
      type: 'array',
      items: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self.matches("a*b")' }] },
    }
    assert.match(await refused(ruled([], { long })), /^422 .*estimated rule cost exceeds budget by factor of/)
    assert.match(
      await refused(ruled([{ rule: 'self.nothing == 1' }])),
      /compilation failed: ERROR: <input>:1:5: undefined field 'nothing'/,
    )
    const even: JSONSchemaProps = {
      type: 'integer',
      default: 3,
      'x-kubernetes-validations': [{ rule: 'self % 2 == 0', message: 'odd' }],
    }
    assert.match(await refused(ruled([], { even })), /properties\[even\]\.default: Invalid value: .*odd/)
  }))
