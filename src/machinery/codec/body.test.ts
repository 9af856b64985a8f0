import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeBody, decodeParsed, type BodyOptions } from './body.ts'
import { encodeEnvelope, encodeMessage, encodeProtobuf } from './protobuf.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import { StatusError } from '#machinery/status.ts'

const configMap = { group: '', version: 'v1', kind: 'ConfigMap' }
const read = (text: string, options: Partial<BodyOptions> = {}) =>
  decodeBody(new TextEncoder().encode(text), { kind: configMap, mediaType: 'json', ...options })

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error))
    return `${error.code} ${error.message}`
  }
  return 'none'
}

const meta = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
const unrecognized = '400 the object provided is unrecognized (must be of type ConfigMap)'

describe('a body', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    [
      'nothing',
      '',
      `${unrecognized}: couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)`,
    ],
    [
      'broken JSON',
      '{"a":',
      `${unrecognized}: couldn't get version/kind; json parse error: unexpected end of JSON input ({"a":)`,
    ],
    [
      'a list',
      '[]',
      `${unrecognized}: couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type ${meta} (5b5d)`,
    ],
    [
      'another kind',
      '{"apiVersion":"v1","kind":"Secret"}',
      '400 Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
    ],
    [
      'a version that does not exist',
      '{"apiVersion":"v2","kind":"ConfigMap"}',
      '400 ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:31"',
    ],
    [
      'a wrong type',
      '{"data":{"a":1}}',
      '400 ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
  ]
  for (const [name, text, expected] of rows)
    it(`refuses ${name}`, () =>
      assert.equal(
        refusal(() => read(text)),
        expected,
      ))

  it('refuses what is too large with 413', () => {
    assert.match(
      refusal(() => read('{"data":{}}', { maxBytes: 5 })),
      /^413 Request entity too large: limit is 5/,
    )
  })

  it('takes a body without a kind for what the path names', () => {
    assert.deepEqual(read('{"metadata":{"name":"a"}}'), {
      object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a' } },
      warnings: [],
    })
  })

  const odd =
    '{"apiVersion":"v1","kind":"ConfigMap","bogus":1,"data":{"a":"1","a":"2"},"metadata":{"nope":{"x":1,"x":2}}}'
  const complaints = ['unknown field "bogus"', 'unknown field "metadata.nope"', 'duplicate field "data.a"']

  it('warns, refuses or is silent about unknown and repeated fields', () => {
    assert.deepEqual(read(odd).warnings, complaints)
    assert.deepEqual(read(odd, { fieldValidation: 'Ignore' }).warnings, [])
    assert.equal(
      refusal(() => read(odd, { fieldValidation: 'Strict' })),
      `400 ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: ${complaints.join(', ')}`,
    )
  })

  it('may be YAML', () => {
    const yaml = 'kind: ConfigMap\napiVersion: v1\ndata:\n  a: "1"\n  b: x\n  a: "2"\n'
    assert.deepEqual(read(yaml, { mediaType: 'yaml' }), {
      object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: {}, data: { a: '2', b: 'x' } },
      warnings: ['yaml: unmarshal errors:\n  line 6: key "a" already set in map'],
    })
  })

  it('may be protocol buffers', () => {
    const bytes = encodeProtobuf(configMap, { metadata: { name: 'a' }, data: { b: '1', a: '2' } })
    const { object } = decodeBody(bytes, { kind: configMap, mediaType: 'protobuf' })
    assert.equal(
      JSON.stringify(object),
      '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":{"a":"2","b":"1"}}',
    )
  })

  it('reads options in the version of their resource where they are welcome', () => {
    const kind = { group: '', version: 'v1', kind: 'DeleteOptions' }
    const accepts = ({ kind: name }: { kind: string }) => name === 'DeleteOptions'
    const object = { kind: 'DeleteOptions', apiVersion: 'apps/v1', gracePeriodSeconds: 0 }
    const bytes = new TextEncoder().encode(JSON.stringify(object))
    assert.deepEqual(decodeBody(bytes, { kind, accepts, mediaType: 'json' }).object, object)
    const message = encodeEnvelope({ ...kind, group: 'apps' }, encodeMessage(schemaOfKind(kind)!, object))
    assert.deepEqual(decodeBody(message, { kind, accepts, mediaType: 'protobuf' }).object, object)
    assert.match(
      refusal(() => decodeBody(message, { kind, mediaType: 'protobuf' })),
      /^400 DeleteOptions in version "v1" cannot be handled as a DeleteOptions: no kind "DeleteOptions" is registered for version "apps\/v1"/,
    )
  })

  it('prunes custom objects by their own schema, and their metadata by that of all objects', () => {
    const kind = { group: 'example.com', version: 'v1', kind: 'Thing' }
    const value = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'a', bad: 1 }, spec: { n: null } }
    assert.deepEqual(decodeParsed(value, { kind, schema: { type: 'object' } }), {
      object: { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'a' } },
      warnings: ['unknown field "metadata.bad"', 'unknown field "spec"'],
    })
  })
})
