import assert from 'node:assert/strict'
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { clientOver } from '#client/client.ts'
import { startServer } from '../integration/apiServerFixture.ts'
import { listen, type HttpAnswer } from '../integration/apiServerHttp.ts'
import { define, definition } from '../integration/customResourcesFixture.ts'
import { conformance } from './conformance.ts'

/** Sends one body with strict field validation, to a server that may know a custom kind with this schema. */
async function send(method: string, path: string, body: string, schema?: JSONSchemaProps): Promise<HttpAnswer> {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  if (schema !== undefined) {
    const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }
    await define(clientOver(fixture.transport), definition([version]))
  }
  const headers = method === 'PATCH' ? { 'content-type': 'application/apply-patch+yaml' } : {}
  const answer = await http.ask(method, `${path}?fieldManager=test&fieldValidation=Strict`, { headers, body })
  assert.deepEqual(fixture.bugs, [])
  return answer
}

const deployment = (metadata: string, spec: string): Promise<HttpAnswer> =>
  send(
    'POST',
    '/apis/apps/v1/namespaces/default/deployments',
    `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d",${metadata}"labels":{"app":"a"}},"spec":{${spec}
      "selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"a"}},
      "spec":{"containers":[{"name":"c","image":"i"}]}}}}`,
  )

conformance(
  '[sig-api-machinery] FieldValidation should detect unknown and duplicate fields of a typed object',
  async () => {
    const { code, text } = await deployment('', '"unknownField":"foo","replicas":2,"replicas":3,')
    assert.equal(code, 400)
    const { message } = JSON.parse(text)
    assert.ok(
      message.includes('strict decoding error: unknown field "spec.unknownField", duplicate field "spec.replicas"'),
      message,
    )
  },
)

conformance('[sig-api-machinery] FieldValidation should detect unknown metadata fields of a typed object', async () => {
  const { code, text } = await deployment('"unknownMeta":"foo",', '')
  assert.equal(code, 400)
  const { message } = JSON.parse(text)
  assert.ok(message.includes('strict decoding error: unknown field "metadata.unknownMeta"'), message)
})

const spec: JSONSchemaProps = {
  type: 'object',
  properties: {
    foo: { type: 'string' },
    cronSpec: { type: 'string', pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$' },
    ports: {
      type: 'array',
      'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
      'x-kubernetes-list-type': 'map',
      items: {
        type: 'object',
        required: ['containerPort', 'protocol'],
        properties: {
          containerPort: { type: 'integer', format: 'int32' },
          name: { type: 'string' },
          protocol: { type: 'string' },
        },
      },
    },
  },
}
const strict: JSONSchemaProps = { type: 'object', properties: { spec } }
const open = (properties: Record<string, JSONSchemaProps> = {}): JSONSchemaProps => ({
  type: 'object',
  properties: {
    spec: { ...spec, 'x-kubernetes-preserve-unknown-fields': true, properties: { ...spec.properties, ...properties } },
  },
})

/** Applies a custom object; each part is lines of YAML. */
const apply = (schema: JSONSchemaProps, parts: { meta?: string; root?: string; spec: string }): Promise<HttpAnswer> =>
  send(
    'PATCH',
    '/apis/example.com/v1/namespaces/default/widgets/mytest',
    `
apiVersion: example.com/v1
kind: Widget
metadata:
  name: mytest
${parts.meta ?? ''}  finalizers:
  - example.com/test-finalizer
${parts.root ?? ''}spec:
${parts.spec}  cronSpec: "* * * * */5"
  ports:
  - name: x
    containerPort: 80
    protocol: TCP`,
    schema,
  )

conformance(
  '[sig-api-machinery] FieldValidation should create/apply a valid CR for CRD with validation schema',
  async () => {
    const { code, text } = await apply(strict, { spec: '  foo: foo1\n' })
    assert.equal(code, 201, text)
  },
)

conformance(
  '[sig-api-machinery] FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema',
  async () => {
    const anything: JSONSchemaProps = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
    const { code, text } = await apply(anything, { spec: '  unknown: uk1\n' })
    assert.equal(code, 201, text)
    assert.equal(JSON.parse(text).spec.unknown, 'uk1')
  },
)

conformance(
  '[sig-api-machinery] FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema',
  async () => {
    const { code, text } = await apply(strict, { root: 'unknownField: unknown\n', spec: '  foo: foo1\n' })
    assert.ok(code >= 400)
    assert.ok(text.includes('.unknownField: field not declared in schema'), text)
  },
)

conformance(
  '[sig-api-machinery] FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR',
  async () => {
    const metadata: JSONSchemaProps = { type: 'object', properties: { name: { type: 'string' } } }
    const template: JSONSchemaProps = {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      properties: { metadata, spec: { type: 'object' } },
    }
    const { code, text } = await apply(open({ template }), {
      meta: '  unknownMeta: unknown\n',
      spec: `  template:
    apiversion: foo/v1
    kind: Sub
    metadata:
        unknownSubMeta: unknown
        name: subobject
        namespace: default
  foo: foo1
`,
    })
    assert.ok(code >= 400)
    assert.match(
      text,
      /\.(spec\.template\.metadata\.unknownSubMeta|metadata\.unknownMeta): field not declared in schema/,
    )
  },
)

conformance(
  '[sig-api-machinery] FieldValidation should detect duplicates in a CR when preserving unknown fields',
  async () => {
    const { code, text } = await apply(open(), { spec: '  unknown: uk1\n  foo: foo1\n  foo: foo2\n' })
    assert.ok(code >= 400)
    assert.ok(JSON.parse(text).message.includes('line 11: key "foo" already set in map'), text)
  },
)
