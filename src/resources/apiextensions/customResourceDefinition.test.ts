import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CustomResourceDefinition } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { createReport, problemMessage } from '#machinery/validate/report.ts'
import { customResourceDefinitionStrategy } from './customResourceDefinition.ts'

type Edit = (definition: any) => void

const schema =
  (own: object): Edit =>
  (definition) =>
    void (definition.spec.versions[0].schema = { openAPIV3Schema: own })
const spec = (own: object): object => ({ type: 'object', properties: { spec: own } })
const column =
  (own: object): Edit =>
  (definition) =>
    void (definition.spec.versions[0].additionalPrinterColumns = [
      { name: 'A', type: 'string', jsonPath: '.spec.a', ...own },
    ])

function made(): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { spec: { type: 'object', properties: { a: { type: 'string' }, n: { type: 'integer' } } } },
            },
          },
        },
      ],
      conversion: { strategy: 'None' },
    },
    status: { storedVersions: ['v1'] },
  }
}

function problemsOf(edit: Edit, before?: Edit): string[] {
  const definition = made()
  let old: CustomResourceDefinition | undefined
  if (before !== undefined) {
    old = made()
    old.status!.conditions = [{ type: 'Established', status: 'True' } as never]
    definition.status!.conditions = old.status!.conditions
    before(old)
    before(definition)
  }
  edit(definition)
  const { report, problems } = createReport()
  customResourceDefinitionStrategy.validate!(definition, old, report)
  return problems.map((problem) =>
    `${problem.field}: ${problemMessage(problem)}`
      .replaceAll('spec.validation.openAPIV3Schema', 'SCHEMA')
      .replace(/x{50,}/, 'xx'),
  )
}

const creates: readonly (readonly [string, Edit, readonly string[]])[] = [
  ['a good one', () => {}, []],
  [
    'another name',
    (d) => void (d.metadata.name = 'widgets.example.org'),
    ['metadata.name: Invalid value: "widgets.example.org": must be spec.names.plural+"."+spec.group'],
  ],
  [
    'a group without a dot',
    (d) => {
      d.spec.group = 'example'
      d.metadata.name = 'widgets.example'
    },
    ['spec.group: Invalid value: "example": should be a domain with at least one dot'],
  ],
  [
    'a plural in capitals',
    (d) => {
      d.spec.names.plural = 'Widgets'
      d.metadata.name = 'Widgets.example.com'
    },
    [
      "spec.names.plural: Invalid value: \"Widgets\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    ],
  ],
  [
    'one kind for both',
    (d) => void (d.spec.names.listKind = 'Widget'),
    ['spec.names.listKind: Invalid value: "Widget": kind and listKind may not be the same'],
  ],
  [
    'a short name with a dot',
    (d) => void (d.spec.names.shortNames = ['w.d', 'ok']),
    [
      "spec.names.shortNames[0]: Invalid value: \"w.d\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    ],
  ],
  [
    'a category in capitals',
    (d) => void (d.spec.names.categories = ['All']),
    [
      "spec.names.categories[0]: Invalid value: \"All\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    ],
  ],
  ['no scope', (d) => void (d.spec.scope = ''), ['spec.scope: Required value']],
  [
    'a strange scope',
    (d) => void (d.spec.scope = 'Galaxy'),
    ['spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"'],
  ],
  [
    'no versions',
    (d) => void (d.spec.versions = []),
    [
      'spec.versions: Invalid value: []: must have exactly one version marked as storage version',
      'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions',
    ],
  ],
  [
    'two stored',
    (d) => void d.spec.versions.push({ ...d.spec.versions[0], name: 'v2' }),
    [
      'spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"v2","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]: must have exactly one version marked as storage version',
      'status.storedVersions: Invalid value: ["v1"]: must have the storage version v2',
    ],
  ],
  [
    'the same twice',
    (d) => void d.spec.versions.push({ ...d.spec.versions[0], storage: false }),
    [
      'spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"v1","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]: must contain unique version names',
    ],
  ],
  [
    'a version with a dot',
    (d) => {
      d.spec.versions[0].name = 'v1.1'
      d.status.storedVersions = ['v1.1']
    },
    [
      "spec.versions[0].name: Invalid value: \"v1.1\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      "spec.version: Invalid value: \"v1.1\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    ],
  ],
  [
    'no schema',
    (d) => void delete d.spec.versions[0].schema,
    ['spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required'],
  ],
  [
    'a warning without deprecation',
    (d) => void (d.spec.versions[0].deprecationWarning = 'old'),
    ['spec.versions[0].deprecationWarning: Invalid value: "old": can only be set for deprecated versions'],
  ],
  [
    'a long warning',
    (d) => void Object.assign(d.spec.versions[0], { deprecated: true, deprecationWarning: 'x'.repeat(257) }),
    ['spec.versions[0].deprecationWarning: Invalid value: "xx": must be <= 256 characters long'],
  ],
  [
    'a warning with lines',
    (d) => void Object.assign(d.spec.versions[0], { deprecated: true, deprecationWarning: 'a\nb' }),
    [
      'spec.versions[0].deprecationWarning: Invalid value: "a\\nb": must only contain printable UTF-8 characters; non-printable character found at index 1',
    ],
  ],
  [
    'a group of the community',
    (d) => {
      d.spec.group = 'x.k8s.io'
      d.metadata.name = 'widgets.x.k8s.io'
    },
    [
      'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
    ],
  ],
  [
    'webhooks without one',
    (d) => void (d.spec.conversion = { strategy: 'Webhook' }),
    [
      'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook',
      'spec.conversion.conversionReviewVersions: Required value',
    ],
  ],
  [
    'a webhook for nothing',
    (d) =>
      void (d.spec.conversion = {
        strategy: 'None',
        webhook: { clientConfig: { url: 'https://a/' }, conversionReviewVersions: ['v1'] },
      }),
    [
      'spec.conversion.webhookClientConfig: Forbidden: should not be set when strategy is not set to Webhook',
      'spec.conversion.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook',
    ],
  ],
  [
    'a webhook over http',
    (d) =>
      void (d.spec.conversion = {
        strategy: 'Webhook',
        webhook: { clientConfig: { url: 'http://a/' }, conversionReviewVersions: ['v1'] },
      }),
    [
      'spec.conversion.webhookClientConfig.url: Invalid value: "http": \'https\' is the only allowed URL scheme; desired format: https://host[/path]',
    ],
  ],
  [
    'a webhook that speaks nothing',
    (d) =>
      void (d.spec.conversion = {
        strategy: 'Webhook',
        webhook: { clientConfig: { url: 'https://a/' }, conversionReviewVersions: ['v9'] },
      }),
    ['spec.conversion.conversionReviewVersions: Invalid value: ["v9"]: must include at least one of v1, v1beta1'],
  ],
  [
    'another conversion',
    (d) => void (d.spec.conversion = { strategy: 'Magic' }),
    ['spec.conversion.strategy: Unsupported value: "Magic": supported values: "None", "Webhook"'],
  ],
  ['a column without a name', column({ name: '' }), ['spec.additionalPrinterColumns[0].name: Required value']],
  [
    'a column of a strange type',
    column({ type: 'money', format: 'euro' }),
    [
      'spec.additionalPrinterColumns[0].type: Invalid value: "money": must be one of boolean,date,integer,number,string',
      'spec.additionalPrinterColumns[0].format: Invalid value: "euro": must be one of byte,date,date-time,double,float,int32,int64,password',
    ],
  ],
  ['a column whose path does not end', column({ jsonPath: '.spec[' }), []],
  [
    'a column whose path does not begin',
    column({ jsonPath: 'spec' }),
    ['spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec": must be a simple json path starting with .'],
  ],
  [
    'a scale without paths',
    (d) => void (d.spec.versions[0].subresources = { scale: { specReplicasPath: '', statusReplicasPath: '' } }),
    [
      'spec.subresources.scale.specReplicasPath: Required value',
      'spec.subresources.scale.statusReplicasPath: Required value',
    ],
  ],
  [
    'a scale elsewhere',
    (d) =>
      void (d.spec.versions[0].subresources = {
        scale: { specReplicasPath: '.status.n', statusReplicasPath: '.spec.n', labelSelectorPath: '.x' },
      }),
    [
      'spec.subresources.scale.specReplicasPath: Invalid value: ".status.n": should be a json path under .spec',
      'spec.subresources.scale.statusReplicasPath: Invalid value: ".spec.n": should be a json path under .status',
      'spec.subresources.scale.labelSelectorPath: Invalid value: ".x": should be a json path under either .spec or .status',
    ],
  ],
  [
    'a selectable field that is not there',
    (d) => void (d.spec.versions[0].selectableFields = [{ jsonPath: '.spec.b' }]),
    [
      'spec.selectableFields[0].jsonPath: Invalid value: ".spec.b": is an invalid path: does not refer to a valid field',
    ],
  ],
  [
    'the same selectable fields of versions with different schemas',
    (d) => {
      const fields = { selectableFields: [{ jsonPath: '.spec.a' }] }
      const schema = { openAPIV3Schema: { ...d.spec.versions[0].schema.openAPIV3Schema, description: 'another' } }
      d.spec.versions = [
        { ...d.spec.versions[0], ...fields },
        { ...d.spec.versions[0], ...fields, name: 'v2', storage: false, schema },
      ]
    },
    ['spec.selectableFields: Invalid value: "": selectableFields may only be set when validations.schema is included'],
  ],
  [
    'selectable fields of one of two versions with the same schema',
    (d) => {
      const [first] = d.spec.versions
      const second = { ...first, name: 'v2', storage: false }
      d.spec.versions = [{ ...first, selectableFields: [{ jsonPath: '.spec.a' }] }, second]
    },
    [
      'spec.versions[0].selectableFields: Invalid value: "": selectableFields may only be set when version.schema.openAPIV3Schema is not included',
    ],
  ],
  [
    'a selectable field twice',
    (d) => void (d.spec.versions[0].selectableFields = [{ jsonPath: '.spec.a' }, { jsonPath: '.spec.a' }]),
    ['spec.selectableFields[1].jsonPath: Duplicate value: ".spec.a"'],
  ],
  [
    'a selectable object',
    (d) => void (d.spec.versions[0].selectableFields = [{ jsonPath: '.spec' }]),
    [
      'spec.selectableFields[0].jsonPath: Invalid value: ".spec": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
    ],
  ],
  [
    'selectable metadata',
    (d) => void (d.spec.versions[0].selectableFields = [{ jsonPath: '.metadata.name' }]),
    [
      'spec.selectableFields[0].jsonPath: Invalid value: ".metadata.name": is an invalid path: does not refer to a valid field',
    ],
  ],
  [
    'nine selectable fields',
    (d) => void (d.spec.versions[0].selectableFields = Array.from({ length: 9 }, () => ({ jsonPath: '.spec.a' }))),
    [
      'spec.selectableFields[1].jsonPath: Duplicate value: ".spec.a"',
      'spec.selectableFields[2].jsonPath: Duplicate value: ".spec.a"',
      'spec.selectableFields[3].jsonPath: Duplicate value: ".spec.a"',
      'spec.selectableFields[4].jsonPath: Duplicate value: ".spec.a"',
      'spec.selectableFields[5].jsonPath: Duplicate value: ".spec.a"',
      'spec.selectableFields[6].jsonPath: Duplicate value: ".spec.a"',
      'spec.selectableFields[7].jsonPath: Duplicate value: ".spec.a"',
      'spec.selectableFields[8].jsonPath: Duplicate value: ".spec.a"',
    ],
  ],
  ['a root without type', schema({}), ['SCHEMA.type: Required value: must not be empty at the root']],
  [
    'a root that is a text',
    schema({ type: 'string' }),
    ['SCHEMA.type: Invalid value: "string": must be object at the root'],
  ],
  [
    'a field without type',
    schema(spec({})),
    ['SCHEMA.properties[spec].type: Required value: must not be empty for specified object fields'],
  ],
  [
    'a list without items',
    schema(spec({ type: 'array' })),
    ['SCHEMA.properties[spec].items: Required value: must be specified'],
  ],
  [
    'a list of kinds of items',
    schema(spec({ type: 'array', items: [{ type: 'string' }] })),
    ['SCHEMA.properties[spec].items: Forbidden: items must be a schema object and not an array'],
  ],
  [
    'a strange type',
    schema(spec({ type: 'money' })),
    [
      'SCHEMA.properties[spec].type: Unsupported value: "money": supported values: "array", "boolean", "integer", "number", "object", "string"',
    ],
  ],
  ['a reference', schema(spec({ $ref: '#/x' })), ['SCHEMA.properties[spec].$ref: Forbidden: $ref is not supported']],
  [
    'unique items',
    schema(spec({ type: 'array', items: { type: 'string' }, uniqueItems: true })),
    [
      'SCHEMA.properties[spec].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
    ],
  ],
  [
    'both properties and a map',
    schema(spec({ type: 'object', properties: { a: { type: 'string' } }, additionalProperties: { type: 'string' } })),
    [
      'SCHEMA.properties[spec].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive',
    ],
  ],
  ['no additional properties', schema(spec({ type: 'object', additionalProperties: false })), []],
  [
    'types in a junctor',
    schema(
      spec({
        type: 'object',
        properties: { a: { type: 'string' } },
        anyOf: [{ type: 'object', description: 'x', properties: { b: { minLength: 1 } } }],
      }),
    ),
    [
      'SCHEMA.properties[spec].anyOf[0].description: Forbidden: must be empty to be structural',
      'SCHEMA.properties[spec].anyOf[0].type: Forbidden: must be empty to be structural',
    ],
  ],
  [
    'a default in a junctor',
    schema(
      spec({ type: 'object', properties: { a: { type: 'string' } }, anyOf: [{ properties: { a: { default: 'x' } } }] }),
    ),
    ['SCHEMA.properties[spec].anyOf[0].properties[a].default: Forbidden: must be undefined to be structural'],
  ],
  [
    'rules about metadata',
    schema({
      type: 'object',
      properties: {
        metadata: {
          type: 'object',
          properties: { name: { type: 'string', pattern: '^a' }, labels: { type: 'object' } },
        },
      },
    }),
    [
      'SCHEMA.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified',
    ],
  ],
  [
    'a pattern that does not compile',
    schema(spec({ type: 'string', pattern: '(' })),
    [
      'SCHEMA.properties[spec].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing regexp: missing closing ): `(`',
    ],
  ],
  [
    'a pattern of other engines',
    schema(spec({ type: 'string', pattern: '(?=a)b' })),
    [
      'SCHEMA.properties[spec].pattern: Invalid value: "(?=a)b": must be a valid regular expression, but isn\'t: error parsing regexp: invalid or unsupported Perl syntax: `(?=`',
    ],
  ],
  [
    'a list type without keys',
    schema(spec({ type: 'array', 'x-kubernetes-list-type': 'map', items: { type: 'object' } })),
    [
      'SCHEMA.properties[spec].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map',
    ],
  ],
  [
    'a list type with keys that may be absent',
    schema(
      spec({
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['a'],
        items: { type: 'object', properties: { a: { type: 'string' } } },
      }),
    ),
    [
      'SCHEMA.properties[spec].items.properties[a].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
    ],
  ],
  [
    'a set of objects',
    schema(
      spec({
        type: 'array',
        'x-kubernetes-list-type': 'set',
        items: { type: 'object', properties: { a: { type: 'string' } } },
      }),
    ),
    [
      'SCHEMA.properties[spec].items.x-kubernetes-map-type: Invalid value: "null": must be atomic as item of a list with x-kubernetes-list-type=set',
    ],
  ],
  [
    'a strange list type',
    schema(spec({ type: 'array', 'x-kubernetes-list-type': 'heap', items: { type: 'string' } })),
    [
      'SCHEMA.properties[spec].x-kubernetes-list-type: Unsupported value: "heap": supported values: "atomic", "set", "map"',
    ],
  ],
  [
    'a map type of a text',
    schema(spec({ type: 'string', 'x-kubernetes-map-type': 'atomic' })),
    ['SCHEMA.properties[spec].type: Invalid value: "string": must be object if x-kubernetes-map-type is specified'],
  ],
  [
    'a wrong default',
    schema(spec({ type: 'integer', default: 'x' })),
    ['SCHEMA.properties[spec].default: Invalid value: "string":  in body must be of type integer: "string"'],
  ],
  [
    'a default with more than there is',
    schema(spec({ type: 'object', properties: { a: { type: 'string' } }, default: { b: 1 } })),
    ['SCHEMA.properties[spec].default: Invalid value: {"b":1}: must not have unknown fields'],
  ],
  [
    'a default out of bounds',
    schema(spec({ type: 'integer', minimum: 5, default: 3 })),
    ['SCHEMA.properties[spec].default: Invalid value: 3:  in body should be greater than or equal to 5'],
  ],
  ['int-or-string with a type', schema(spec({ type: 'string', 'x-kubernetes-int-or-string': true })), []],
  [
    'an embedded text',
    schema(spec({ type: 'string', 'x-kubernetes-embedded-resource': true })),
    [
      'SCHEMA.properties[spec].properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      'SCHEMA.properties[spec].type: Invalid value: "string": must be object if x-kubernetes-embedded-resource is true',
    ],
  ],
  [
    'an embedded object without fields',
    schema(spec({ type: 'object', 'x-kubernetes-embedded-resource': true })),
    [
      'SCHEMA.properties[spec].properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
    ],
  ],
  ['unknown fields of a text', schema(spec({ type: 'string', 'x-kubernetes-preserve-unknown-fields': true })), []],
  [
    'a disagreeing preservation',
    schema(spec({ type: 'object', 'x-kubernetes-preserve-unknown-fields': false })),
    ['SCHEMA.properties[spec].x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined'],
  ],
  [
    'preserving at the top',
    (d) => void (d.spec.preserveUnknownFields = true),
    [
      'spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    ],
  ],
]

const updates: readonly (readonly [string, Edit, Edit, readonly string[]])[] = [
  [
    'another scope',
    () => {},
    (d) => void (d.spec.scope = 'Cluster'),
    ['spec.scope: Invalid value: "Cluster": field is immutable'],
  ],
  [
    'another kind',
    () => {},
    (d) => void (d.spec.names.kind = 'Other'),
    ['spec.names.kind: Invalid value: "Other": field is immutable'],
  ],
  [
    'a stored version goes',
    (d) => void d.spec.versions.push({ ...d.spec.versions[0], name: 'v2', storage: false }),
    (d) => {
      d.spec.versions = [{ ...d.spec.versions[1], storage: true }]
    },
    [
      'status.storedVersions: Invalid value: ["v1"]: must have the storage version v2',
      'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions',
    ],
  ],
  [
    'a schema without structure cannot stay where fields are pruned',
    schema(spec({ type: 'array' })),
    (d) => void (d.metadata.labels = { a: 'b' }),
    ['SCHEMA.properties[spec].items: Required value: must be specified'],
  ],
  [
    'a group without approval stays',
    (d) => {
      d.spec.group = 'x.k8s.io'
      d.metadata.name = 'widgets.x.k8s.io'
    },
    (d) => void (d.metadata.labels = { a: 'b' }),
    [],
  ],
  [
    'a wrong default comes',
    () => {},
    schema(spec({ type: 'integer', default: 'x' })),
    ['SCHEMA.properties[spec].default: Invalid value: "string":  in body must be of type integer: "string"'],
  ],
]

describe('definitions that are made', () => {
  for (const [name, edit, expected] of creates) test(name, () => assert.deepEqual(problemsOf(edit), expected))
})

describe('definitions that are changed', () => {
  for (const [name, before, edit, expected] of updates)
    test(name, () => assert.deepEqual(problemsOf(edit, before), expected))
})
