import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import protobuf from 'protobufjs'
import { descriptions } from './load.ts'
import type { ServedResource } from './openapiModel.ts'
import { encodeOpenApiV3 } from './openapiProtobufV3.ts'
import { openApiV3 } from './openapiV3.ts'

/** As gnostic has them: of its messages those that are looked at here. */
const { root } = protobuf.parse(`
syntax = "proto3";
message Any { string yaml = 2; }
message NamedAny { string name = 1; Any value = 2; }
message Reference { string _ref = 1; }
message Default { oneof one { double number = 1; bool boolean = 2; string string = 3; } }
message Items { repeated SchemaOrReference schema_or_reference = 1; }
message Additional { oneof one { SchemaOrReference schema_or_reference = 1; bool boolean = 2; } }
message Schema { bool nullable = 1; double maximum = 11; repeated string required = 23; string type = 25; repeated SchemaOrReference all_of = 26;
  Items items = 30; Schemas properties = 31; Additional additional_properties = 32; Default default = 33; string format = 35; repeated NamedAny extension = 36; }
message SchemaOrReference { oneof one { Schema schema = 1; Reference reference = 2; } }
message NamedSchema { string name = 1; SchemaOrReference value = 2; }
message Schemas { repeated NamedSchema entries = 1; }
message MediaType { SchemaOrReference schema = 1; }
message NamedMediaType { string name = 1; MediaType value = 2; }
message MediaTypes { repeated NamedMediaType entries = 1; }
message Parameter { string name = 1; string in = 2; bool required = 4; SchemaOrReference schema = 10; }
message ParameterOrReference { Parameter parameter = 1; }
message Body { MediaTypes content = 2; }
message BodyOrReference { Body body = 1; }
message Response { string description = 1; MediaTypes content = 3; }
message ResponseOrReference { Response response = 1; }
message NamedResponse { string name = 1; ResponseOrReference value = 2; }
message Responses { repeated NamedResponse entries = 2; }
message Operation { repeated string tags = 1; string operation_id = 5; repeated ParameterOrReference parameters = 6; BodyOrReference body = 7;
  Responses responses = 8; repeated NamedAny extension = 13; }
message PathItem { Operation get = 4; Operation put = 5; Operation post = 6; Operation delete = 7; Operation patch = 10; repeated ParameterOrReference parameters = 13; }
message NamedPath { string name = 1; PathItem value = 2; }
message Paths { repeated NamedPath entries = 1; }
message Security { string type = 1; string name = 3; string in = 4; }
message SecurityOrReference { Security scheme = 1; }
message NamedSecurity { string name = 1; SecurityOrReference value = 2; }
message Securities { repeated NamedSecurity entries = 1; }
message Components { Schemas schemas = 1; Securities security_schemes = 7; }
message Info { string title = 1; string version = 6; }
message Document { string openapi = 1; Info info = 2; Paths paths = 4; Components components = 5; }`)

const served: readonly ServedResource[] = [
  {
    kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
    plural: 'deployments',
    scope: 'Namespaced',
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    answersDeleted: false,
    subresources: [],
  },
]

describe('a document of version 3 in protobuf', async () => {
  const document: any = openApiV3('apis/apps/v1', served, await descriptions(), 'v1.34.0')
  const type = root.lookupType('Document')
  const decoded: any = type.toObject(type.decode(encodeOpenApiV3(document)))
  const entry = (list: any, name: string): any => list.entries.find((one: any) => one.name === name)?.value

  test('has the same paths, schemas and words about itself', () => {
    assert.deepEqual([decoded.openapi, decoded.info], ['3.0.0', { title: 'Kubernetes', version: 'v1.34.0' }])
    assert.deepEqual(
      decoded.paths.entries.map(({ name }: any) => name),
      Object.keys(document.paths),
    )
    assert.deepEqual(
      decoded.components.schemas.entries.map(({ name }: any) => name),
      Object.keys(document.components.schemas),
    )
    assert.deepEqual(decoded.components.securitySchemes.entries[0].value.scheme, {
      type: 'apiKey',
      name: 'authorization',
      in: 'header',
    })
  })

  test('has the whole of an operation', () => {
    const { patch, parameters } = entry(decoded.paths, '/apis/apps/v1/namespaces/{namespace}/deployments/{name}')
    assert.equal(patch.operationId, 'patchAppsV1NamespacedDeployment')
    assert.deepEqual(patch.extension[0], { name: 'x-kubernetes-action', value: { yaml: '"patch"\n' } })
    assert.deepEqual(parameters[0].parameter, {
      name: 'name',
      in: 'path',
      required: true,
      schema: { schema: { type: 'string' } },
    })
    assert.deepEqual(entry(patch.body.body.content, 'application/json-patch+json').schema.reference, {
      _ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.Patch',
    })
    assert.deepEqual(
      patch.responses.entries.map(({ name }: any) => name),
      ['200', '201', '401'],
    )
  })

  test('has the whole of a schema', () => {
    const { schema } = entry(decoded.components.schemas, 'io.k8s.api.apps.v1.DeploymentSpec')
    assert.deepEqual(schema.required, ['selector', 'template'])
    assert.deepEqual(entry(schema.properties, 'replicas').schema, {
      type: 'integer',
      format: 'int32',
      default: { number: 1 },
    })
    assert.match(entry(schema.properties, 'template').schema.allOf[0].reference._ref, /PodTemplateSpec$/)
    const labels = entry(decoded.components.schemas, 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta').schema
    assert.deepEqual(entry(labels.properties, 'labels').schema, {
      type: 'object',
      additionalProperties: { schemaOrReference: { schema: { type: 'string', default: { string: '' } } } },
    })
  })

  test('has defaults that are one value as such, even where they have no form', () => {
    const encoded = encodeOpenApiV3({ components: { schemas: { a: { default: ['x'] }, b: { default: false } } } })
    const { components } = type.toObject(type.decode(encoded)) as any
    assert.deepEqual(entry(components.schemas, 'a').schema, { default: {} })
    assert.deepEqual(entry(components.schemas, 'b').schema, { default: { boolean: false } })
  })

  test('refuses what has no place in it', () =>
    assert.throws(() => encodeOpenApiV3({ unknown: 1 }), /Cannot write "unknown" in the OpenAPI document/))
})
