import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import protobuf from 'protobufjs'
import { descriptions } from './load.ts'
import { isObject, type JsonObject } from './model.ts'
import type { ServedResource } from './openapiModel.ts'
import { encodeOpenApiV2 } from './openapiProtobuf.ts'
import { openApiV2 } from './openapiV2.ts'
import { documentNames, openApiV3, openApiV3Index } from './openapiV3.ts'

const everyVerb = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
const core = (kind: string) => ({ group: '', version: 'v1', kind })
const status = ['get', 'patch', 'update']

const served: readonly ServedResource[] = [
  {
    kind: core('Binding'),
    plural: 'bindings',
    scope: 'Namespaced',
    verbs: ['create'],
    answersDeleted: false,
    subresources: [],
  },
  {
    kind: core('Pod'),
    plural: 'pods',
    scope: 'Namespaced',
    verbs: everyVerb,
    answersDeleted: true,
    subresources: [
      { name: 'attach', kind: core('PodAttachOptions'), verbs: ['connect'] },
      { name: 'binding', kind: core('Binding'), verbs: ['create'] },
      { name: 'ephemeralcontainers', kind: core('Pod'), verbs: status },
      { name: 'eviction', kind: { group: 'policy', version: 'v1', kind: 'Eviction' }, verbs: ['create'] },
      { name: 'exec', kind: core('PodExecOptions'), verbs: ['connect'] },
      { name: 'log', kind: core('Pod'), verbs: ['get'] },
      { name: 'portforward', kind: core('PodPortForwardOptions'), verbs: ['connect'] },
      { name: 'proxy', kind: core('PodProxyOptions'), verbs: ['connect'] },
      { name: 'resize', kind: core('Pod'), verbs: status },
      { name: 'status', kind: core('Pod'), verbs: status },
    ],
  },
  {
    kind: core('Namespace'),
    plural: 'namespaces',
    scope: 'Cluster',
    verbs: everyVerb.filter((verb) => verb !== 'deletecollection'),
    answersDeleted: false,
    subresources: [
      { name: 'finalize', kind: core('Namespace'), verbs: ['update'] },
      { name: 'status', kind: core('Namespace'), verbs: status },
    ],
  },
  {
    kind: core('ServiceAccount'),
    plural: 'serviceaccounts',
    scope: 'Namespaced',
    verbs: everyVerb,
    answersDeleted: true,
    subresources: [
      {
        name: 'token',
        kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
        verbs: ['create'],
      },
    ],
  },
  {
    kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
    plural: 'deployments',
    scope: 'Namespaced',
    verbs: everyVerb,
    answersDeleted: false,
    subresources: [
      { name: 'scale', kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: status },
      { name: 'status', kind: { group: 'apps', version: 'v1', kind: 'Deployment' }, verbs: status },
    ],
  },
]

// Taken from the official document of Kubernetes 1.34, without its sentences.
const official = JSON.parse(readFileSync(new URL('testdata/openapi-1.34.json', import.meta.url), 'utf8')) as {
  paths: Record<string, JsonObject>
  definitions: Record<string, JsonObject>
}

const words = await descriptions()
const whole: any = openApiV2(served, words, 'v1.34.0')

/** One operation as the recorded ones are written. */
function summary(item: any, method: string): JsonObject {
  const operation = item[method]
  const kind = operation['x-kubernetes-group-version-kind']
  const parameters = [...(operation.parameters ?? []), ...(item.parameters ?? [])].map((written: any) => {
    const shared = written.$ref?.replace('#/parameters/', '')
    const one = shared === undefined ? written : whole.parameters[shared]
    return `${one.in} ${one.name} ${one.type ?? one.schema.$ref.split('.').at(-1)}${one.required === true ? ' required' : ''}`
  })
  return {
    action: operation['x-kubernetes-action'] ?? '',
    answers: Object.fromEntries(
      Object.entries<any>(operation.responses).map(([code, { schema }]) => [
        code,
        schema?.$ref?.replace('#/definitions/', '') ?? schema?.type ?? '',
      ]),
    ),
    id: operation.operationId,
    kind: kind === undefined ? '' : `${kind.group}/${kind.version}/${kind.kind}`,
    parameters: parameters.sort(),
    tag: operation.tags[0],
  }
}

/** Without sentences and without what only a running server adds. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf)
  if (!isObject(value)) return value
  const kept = Object.entries(value).filter(
    ([name, content]) => name !== 'enum' && !(name === 'description' && typeof content === 'string'),
  )
  return Object.fromEntries(kept.map(([name, content]) => [name, shapeOf(content)]))
}

/** The names that references with this beginning have. */
function namesAfter(beginning: string, text: string): string[] {
  return text
    .split(`"${beginning}`)
    .slice(1)
    .map((rest) => rest.slice(0, rest.indexOf('"')))
}

describe('the whole document', () => {
  test('has the paths of the official one', () => {
    assert.deepEqual(Object.keys(whole.paths).sort(), Object.keys(official.paths).sort())
  })

  for (const [path, item] of Object.entries(official.paths)) {
    test(`${path} has the operations of the official one`, () => {
      const ours = Object.keys(whole.paths[path]).filter((key) => key !== 'parameters')
      assert.deepEqual(Object.fromEntries(ours.map((method) => [method, summary(whole.paths[path], method)])), item)
    })
  }

  for (const [name, definition] of Object.entries(official.definitions)) {
    test(`${name} is the official one`, () => {
      assert.deepEqual(shapeOf(whole.definitions[name]), definition)
    })
  }

  test('names the values of an enumeration in order', () => {
    assert.deepEqual(whole.definitions['io.k8s.api.core.v1.PodSpec'].properties.restartPolicy.enum, [
      'Always',
      'Never',
      'OnFailure',
    ])
  })

  test('names no values where Kubernetes does not', () => {
    const fieldOf = (definition: string, field: string) => whole.definitions[`io.k8s.${definition}`].properties[field]
    for (const [definition, field] of [
      ['api.core.v1.PodCondition', 'status'],
      ['apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement', 'operator'],
      ['api.core.v1.Container', 'restartPolicy'],
    ] as const) {
      assert.equal(fieldOf(definition, field).enum, undefined, `${definition} ${field}`)
    }
    assert.deepEqual(fieldOf('api.core.v1.PodSpec', 'dnsPolicy').enum?.length, 4)
  })

  test('says of options that they belong to every version of every group', () => {
    assert.deepEqual(
      whole.definitions['io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions']['x-kubernetes-group-version-kind'],
      [
        { group: '', version: 'v1', kind: 'DeleteOptions' },
        { group: 'apps', version: 'v1', kind: 'DeleteOptions' },
      ],
    )
  })

  test('keeps what kubectl looks for at the operation itself', () => {
    const { parameters } = whole.paths['/api/v1/namespaces/{namespace}/pods/{name}'].patch
    const inline = parameters
      .filter((parameter: JsonObject) => parameter['in'] === 'query')
      .map(({ name }: any) => name)
    assert.deepEqual(inline, ['dryRun', 'fieldValidation'])
  })

  test('names no definition that it does not have', () => {
    const text = JSON.stringify(whole)
    for (const name of namesAfter('#/definitions/', text)) assert.ok(name in whole.definitions, name)
    for (const name of namesAfter('#/parameters/', text)) assert.ok(name in whole.parameters, name)
  })
})

describe('the documents of groups', () => {
  test('are one for each group, each version and the roots', () => {
    assert.deepEqual(documentNames(served), ['api', 'api/v1', 'apis', 'apis/apps', 'apis/apps/v1', 'version'])
    assert.deepEqual(
      openApiV3Index(served.slice(0, 1), (name) => name.length.toString()),
      {
        paths: {
          api: { serverRelativeURL: '/openapi/v3/api?hash=3' },
          'api/v1': { serverRelativeURL: '/openapi/v3/api/v1?hash=6' },
          apis: { serverRelativeURL: '/openapi/v3/apis?hash=4' },
          version: { serverRelativeURL: '/openapi/v3/version?hash=7' },
        },
      },
    )
    for (const name of ['', 'apis/batch/v1', 'api/v2', 'apis/apps/v1/deployments']) {
      assert.equal(openApiV3(name, served, words, 'v1.34.0'), undefined)
    }
  })

  const part: any = openApiV3('apis/apps/v1', served, words, 'v1.34.0')

  test('have the paths of their version alone, and every schema that these name', () => {
    assert.deepEqual(
      Object.keys(part.paths),
      Object.keys(official.paths)
        .filter((path) => path.startsWith('/apis/apps/v1/'))
        .sort(),
    )
    for (const name of namesAfter('#/components/schemas/', JSON.stringify(part))) {
      assert.ok(name in part.components.schemas, name)
    }
    assert.ok(!('io.k8s.api.core.v1.PodList' in part.components.schemas))
  })

  const deployments = part.paths['/apis/apps/v1/namespaces/{namespace}/deployments']
  const rows: [string, unknown, unknown][] = [
    [
      'body',
      deployments.post.requestBody,
      {
        content: { '*/*': { schema: { $ref: '#/components/schemas/io.k8s.api.apps.v1.Deployment' } } },
      },
    ],
    [
      'media types of a list',
      Object.keys(deployments.get.responses['200'].content),
      [
        'application/json',
        'application/json;stream=watch',
        'application/vnd.kubernetes.protobuf',
        'application/vnd.kubernetes.protobuf;stream=watch',
        'application/yaml',
      ],
    ],
    [
      'default of a struct',
      shapeOf(part.components.schemas['io.k8s.api.apps.v1.Deployment'].properties.spec),
      {
        default: {},
        allOf: [{ $ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec' }],
      },
    ],
    [
      'default of a required text',
      shapeOf(part.components.schemas['io.k8s.api.core.v1.Container'].properties.name),
      {
        type: 'string',
        default: '',
      },
    ],
    [
      'default that is a tag',
      shapeOf(part.components.schemas['io.k8s.api.core.v1.ContainerPort'].properties.protocol),
      {
        type: 'string',
        default: 'TCP',
      },
    ],
    [
      'moment',
      shapeOf(part.components.schemas['io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'].properties.creationTimestamp),
      {
        allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.Time' }],
      },
    ],
    [
      'number or text',
      shapeOf(part.components.schemas['io.k8s.apimachinery.pkg.util.intstr.IntOrString']),
      {
        format: 'int-or-string',
        oneOf: [{ type: 'integer' }, { type: 'string' }],
      },
    ],
    [
      'map of structs',
      shapeOf(part.components.schemas['io.k8s.api.core.v1.ResourceRequirements'].properties.limits),
      {
        type: 'object',
        additionalProperties: { $ref: '#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity' },
      },
    ],
  ]
  for (const [name, ours, expected] of rows) test(`write ${name}`, () => assert.deepEqual(ours, expected))
})

// The part of gnostic's OpenAPIv2.proto that clients read.
const proto = `syntax = "proto3";
message Any { string yaml = 2; }
message NamedAny { string name = 1; Any value = 2; }
message Schema { string ref = 1; string format = 2; string description = 4; repeated string required = 19; repeated Any enum = 20;
  AdditionalPropertiesItem additional_properties = 21; TypeItem type = 22; ItemsItem items = 23; Properties properties = 25;
  repeated NamedAny vendor_extension = 31; }
message AdditionalPropertiesItem { Schema schema = 1; }
message TypeItem { repeated string value = 1; }
message ItemsItem { repeated Schema schema = 1; }
message NamedSchema { string name = 1; Schema value = 2; }
message Properties { repeated NamedSchema additional_properties = 1; }
message Query { string in = 2; string name = 4; string type = 6; bool unique_items = 20; }
message Path { bool required = 1; string in = 2; string name = 4; string type = 5; bool unique_items = 19; }
message Body { string name = 2; string in = 3; bool required = 4; Schema schema = 5; }
message NonBody { Query query = 3; Path path = 4; }
message Parameter { Body body = 1; NonBody non_body = 2; }
message Reference { string ref = 1; }
message ParametersItem { Parameter parameter = 1; Reference reference = 2; }
message SchemaItem { Schema schema = 1; }
message Response { string description = 1; SchemaItem schema = 2; }
message ResponseValue { Response response = 1; }
message NamedResponseValue { string name = 1; ResponseValue value = 2; }
message Responses { repeated NamedResponseValue response_code = 1; }
message Operation { repeated string tags = 1; string operation_id = 5; repeated string produces = 6; repeated string consumes = 7;
  repeated ParametersItem parameters = 8; Responses responses = 9; repeated string schemes = 10; repeated NamedAny vendor_extension = 13; }
message PathItem { Operation get = 2; Operation patch = 8; repeated ParametersItem parameters = 9; }
message NamedPathItem { string name = 1; PathItem value = 2; }
message Paths { repeated NamedPathItem path = 2; }
message Definitions { repeated NamedSchema additional_properties = 1; }
message NamedParameter { string name = 1; Parameter value = 2; }
message Parameters { repeated NamedParameter additional_properties = 1; }
message Info { string title = 1; string version = 2; }
message StringArray { repeated string value = 1; }
message NamedStringArray { string name = 1; StringArray value = 2; }
message Requirement { repeated NamedStringArray additional_properties = 1; }
message ApiKey { string type = 1; string name = 2; string in = 3; string description = 4; }
message Security { ApiKey api_key_security = 2; }
message NamedSecurity { string name = 1; Security value = 2; }
message SecurityDefinitions { repeated NamedSecurity additional_properties = 1; }
message Document { string swagger = 1; Info info = 2; Paths paths = 8; Definitions definitions = 9; Parameters parameters = 10;
  repeated Requirement security = 12; SecurityDefinitions security_definitions = 13; }`

describe('the whole document in protobuf', () => {
  const type = protobuf.parse(proto).root.lookupType('Document')
  const decoded: any = type.toObject(type.decode(encodeOpenApiV2(whole)))
  const named = (list: any[], name: string): any => list.find((one) => one.name === name)?.value

  test('has the same paths, definitions and parameters', () => {
    assert.deepEqual(
      decoded.paths.path.map(({ name }: any) => name),
      Object.keys(whole.paths),
    )
    assert.deepEqual(
      decoded.definitions.additionalProperties.map(({ name }: any) => name),
      Object.keys(whole.definitions),
    )
    assert.deepEqual(
      decoded.parameters.additionalProperties.map(({ name }: any) => name),
      Object.keys(whole.parameters),
    )
    assert.deepEqual([decoded.swagger, decoded.info], ['2.0', { title: 'Kubernetes', version: 'v1.34.0' }])
    assert.deepEqual(decoded.security, [{ additionalProperties: [{ name: 'BearerToken', value: {} }] }])
    assert.equal(decoded.securityDefinitions.additionalProperties[0].value.apiKeySecurity.in, 'header')
  })

  test('has the whole of an operation', () => {
    const { patch, parameters } = named(decoded.paths.path, '/api/v1/namespaces/{namespace}/pods/{name}')
    assert.equal(patch.operationId, 'patchCoreV1NamespacedPod')
    assert.deepEqual(patch.vendorExtension, [
      { name: 'x-kubernetes-action', value: { yaml: '"patch"\n' } },
      {
        name: 'x-kubernetes-group-version-kind',
        value: { yaml: '{"group":"","kind":"Pod","version":"v1"}\n' },
      },
    ])
    assert.deepEqual(patch.parameters[1], {
      parameter: { nonBody: { query: { uniqueItems: true, type: 'string', name: 'dryRun', in: 'query' } } },
    })
    assert.deepEqual(
      patch.parameters[0].parameter.body.schema.ref,
      '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Patch',
    )
    assert.deepEqual(parameters[0], {
      parameter: { nonBody: { path: { uniqueItems: true, type: 'string', name: 'name', in: 'path', required: true } } },
    })
    assert.deepEqual(parameters[1], { reference: { ref: '#/parameters/namespace-1' } })
    assert.deepEqual(
      patch.responses.responseCode.map(({ name, value }: any) => [name, value.response.schema?.schema.ref]),
      [
        ['200', '#/definitions/io.k8s.api.core.v1.Pod'],
        ['201', '#/definitions/io.k8s.api.core.v1.Pod'],
        ['401', undefined],
      ],
    )
  })

  test('has the whole of a definition', () => {
    const spec = named(decoded.definitions.additionalProperties, 'io.k8s.api.core.v1.PodSpec')
    assert.deepEqual(spec.required, ['containers'])
    const { description: _, ...containers } = named(spec.properties.additionalProperties, 'containers')
    assert.deepEqual(containers, {
      type: { value: ['array'] },
      items: { schema: [{ ref: '#/definitions/io.k8s.api.core.v1.Container' }] },
      vendorExtension: [
        { name: 'x-kubernetes-list-type', value: { yaml: '"map"\n' } },
        { name: 'x-kubernetes-list-map-keys', value: { yaml: '["name"]\n' } },
        { name: 'x-kubernetes-patch-merge-key', value: { yaml: '"name"\n' } },
        { name: 'x-kubernetes-patch-strategy', value: { yaml: '"merge"\n' } },
      ],
    })
  })
})
