import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import protobuf from 'protobufjs'
import { ProtobufReader, ProtobufWriter } from '#lib/encoding/protobuf.ts'
import {
  decodeProtobuf,
  decodeWatchFrame,
  encodeList,
  encodeMessage,
  encodeProtobuf,
  encodeWatchFrame,
} from './protobuf.ts'
import { decodeValue } from './schemaDecoder.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import type { GroupVersionKind, JsonObject } from '#machinery/schema/model.ts'

const core = (kind: string): GroupVersionKind => ({ group: '', version: 'v1', kind })
const metadata = {
  name: 'a',
  namespace: 'default',
  labels: { 'é/x': 'y', a: 'b' },
  creationTimestamp: '2024-01-31T09:30:00Z',
}

/** Objects in their canonical form, chosen for the odd types in them. */
const objects: readonly JsonObject[] = [
  {
    kind: 'CustomResourceDefinition',
    apiVersion: 'apiextensions.k8s.io/v1',
    metadata: { name: 'a.b.c' },
    spec: {
      group: 'b.c',
      names: { plural: 'a', kind: 'A' },
      scope: 'Cluster',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              default: { a: null, b: [1] },
              minimum: 1.5,
              enum: [null, 1, 'a'],
              items: [{ type: 'string' }, { type: 'integer' }],
              properties: { a: { items: { type: 'string' }, additionalProperties: true } },
              additionalProperties: { type: 'string' },
              dependencies: { a: ['x', 'y'], b: { type: 'string' } },
              additionalItems: false,
            },
          },
          subresources: { status: {} },
        },
      ],
    },
    status: { conditions: null, acceptedNames: { plural: '', kind: '' }, storedVersions: [] },
  },
  {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      ...metadata,
      generation: 4503599627370497,
      deletionGracePeriodSeconds: 0,
      managedFields: [
        { manager: 'kubectl', operation: 'Update', time: '2024-01-31T09:30:00Z', fieldsV1: { 'f:spec': {} } },
      ],
    },
    spec: {
      volumes: [
        { name: 'v', emptyDir: { medium: 'Memory', sizeLimit: '1Gi' } },
        { name: 'w', configMap: { name: 'c', defaultMode: 420 } },
      ],
      containers: [
        {
          name: 'c',
          image: 'busybox',
          args: ['', 'x'.repeat(300)],
          ports: [{ containerPort: 80, protocol: 'TCP' }],
          resources: { limits: { cpu: '100m', memory: '64Mi' } },
          livenessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 10 },
          readinessProbe: { tcpSocket: { port: 8080 } },
        },
      ],
      ephemeralContainers: [{ name: 'e', resources: {}, targetContainerName: 'c' }],
      terminationGracePeriodSeconds: 0,
      tolerations: [{ key: 'k', operator: 'Exists', tolerationSeconds: -300 }],
    },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True', lastProbeTime: null, lastTransitionTime: '1969-12-31T23:59:59Z' }],
    },
  },
  {
    kind: 'Secret',
    apiVersion: 'v1',
    metadata,
    data: { '': '', a: 'AP+A', __proto__key: 'YQ==' },
    type: 'Opaque',
  },
  {
    kind: 'Lease',
    apiVersion: 'coordination.k8s.io/v1',
    metadata,
    spec: { holderIdentity: '', leaseDurationSeconds: 40, renewTime: '2024-01-31T09:30:00.000123Z' },
  },
  {
    kind: 'TokenReview',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {},
    spec: { token: 't' },
    status: { authenticated: true, user: { username: 'u', extra: { k: ['a', 'b'], none: [] } } },
  },
  {
    kind: 'ControllerRevision',
    apiVersion: 'apps/v1',
    metadata,
    data: { spec: { template: { $patch: 'replace', n: 1.5 } } },
    revision: 3,
  },
  { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, dryRun: ['All'], propagationPolicy: 'Foreground' },
]

const kindOf = (object: JsonObject): GroupVersionKind => {
  const parts = String(object['apiVersion']).split('/')
  return { group: parts.length === 2 ? parts[0]! : '', version: parts.at(-1)!, kind: String(object['kind']) }
}

describe('objects as protocol buffers', () => {
  for (const object of objects) {
    it(`brings a ${String(object['kind'])} there and back`, () => {
      const kind = kindOf(object)
      const decoded = decodeProtobuf(encodeProtobuf(kind, object))
      assert.ok('object' in decoded, JSON.stringify(decoded))
      assert.deepEqual(decoded.kind, kind)
      const { kind: _, apiVersion: __, ...expected } = object
      const canonical = decodeValue(schemaOfKind(kind)!, decoded.object)
      assert.deepEqual('value' in canonical && canonical.value, expected)
    })
  }

  // The same messages written by hand for another implementation.
  const oracle = protobuf.parse(`
    syntax = "proto2";
    message TypeMeta { optional string apiVersion = 1; optional string kind = 2; }
    message Unknown { optional TypeMeta typeMeta = 1; optional bytes raw = 2; optional string contentEncoding = 3; optional string contentType = 4; }
    message Quantity { optional string string = 1; }
    message IntOrString { optional int64 type = 1; optional int32 intVal = 2; optional string strVal = 3; }
    message Time { optional int64 seconds = 1; optional int32 nanos = 2; }
    message ObjectMeta { optional string name = 1; optional string generateName = 2; optional string namespace = 3; optional int64 generation = 7; optional Time creationTimestamp = 8; map<string, string> labels = 11; }
    message ServicePort { optional string name = 1; optional string protocol = 2; optional int32 port = 3; optional IntOrString targetPort = 4; optional int32 nodePort = 5; }
    message ServiceSpec { repeated ServicePort ports = 1; map<string, string> selector = 2; optional string clusterIP = 3; optional string type = 4; repeated string clusterIPs = 18; }
    message Service { optional ObjectMeta metadata = 1; optional ServiceSpec spec = 2; }
    message EmptyDir { optional string medium = 1; optional Quantity sizeLimit = 2; }
    message VolumeSource { optional EmptyDir emptyDir = 2; }
    message Volume { optional string name = 1; optional VolumeSource volumeSource = 2; }
    message PodSpec { repeated Volume volumes = 1; optional int64 terminationGracePeriodSeconds = 4; optional bool hostNetwork = 11; }
    message Pod { optional ObjectMeta metadata = 1; optional PodSpec spec = 2; }
  `).root

  it('is understood by another implementation', () => {
    const service = {
      metadata,
      spec: {
        ports: [
          { port: 80, targetPort: 'http' },
          { port: 443, targetPort: 8443 },
        ],
        selector: { b: '2', a: '1' },
        clusterIPs: ['10.96.0.1'],
      },
    }
    const unknown = oracle
      .lookupType('Unknown')
      .decode(encodeProtobuf(core('Service'), service).subarray(4))
      .toJSON()
    assert.deepEqual(unknown['typeMeta'], { apiVersion: 'v1', kind: 'Service' })
    const read = oracle
      .lookupType('Service')
      .decode(encodeMessage(schemaOfKind(core('Service'))!, service))
      .toJSON()
    assert.deepEqual(read['metadata'], {
      name: 'a',
      generateName: '',
      namespace: 'default',
      generation: '0',
      creationTimestamp: { seconds: '1706693400', nanos: 0 },
      labels: metadata.labels,
    })
    assert.deepEqual(read['spec'].ports[0].targetPort, { type: '1', intVal: 0, strVal: 'http' })
    assert.deepEqual(read['spec'].ports[1].targetPort, { type: '0', intVal: 8443, strVal: '' })
    assert.deepEqual(read['spec'].selector, { a: '1', b: '2' })
    assert.deepEqual(read['spec'].clusterIPs, ['10.96.0.1'])
  })

  it('understands another implementation, and passes over fields it does not know', () => {
    const pod = oracle
      .lookupType('Pod')
      .encode({
        metadata: { name: 'x', generateName: '', generation: -1 },
        spec: {
          volumes: [{ name: 'v', volumeSource: { emptyDir: { sizeLimit: { string: '1Gi' } } } }],
          terminationGracePeriodSeconds: 0,
          hostNetwork: false,
        },
      })
      .finish()
    // Field 1000, a text, behind the message.
    const raw = Buffer.concat([pod, Buffer.from([0xc2, 0x3e, 1, 0x61])])
    const envelope = oracle
      .lookupType('Unknown')
      .encode({ typeMeta: { apiVersion: 'v1', kind: 'Pod' }, raw })
      .finish()
    const decoded = decodeProtobuf(Buffer.concat([Buffer.from('k8s\0'), envelope]))
    assert.ok('object' in decoded)
    const canonical = decodeValue(schemaOfKind(core('Pod'))!, decoded.object)
    assert.deepEqual('value' in canonical && canonical.value, {
      metadata: { name: 'x', generation: -1 },
      spec: {
        volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Gi' } }],
        containers: [],
        terminationGracePeriodSeconds: 0,
      },
      status: {},
    })
  })

  it('makes lists of messages that were written before', () => {
    const schema = schemaOfKind(core('ConfigMap'))!
    const items = [{ metadata: { name: 'a' }, data: { k: 'v' } }, { metadata: { name: 'b' } }]
    const list = encodeList(
      core('ConfigMapList'),
      { resourceVersion: '7' },
      items.map((item) => encodeMessage(schema, item)),
    )
    assert.deepEqual(list, encodeProtobuf(core('ConfigMapList'), { metadata: { resourceVersion: '7' }, items }))
  })

  it('frames the events of a watch', () => {
    const object = encodeProtobuf(core('ConfigMap'), { metadata: { name: 'a' } })
    const frame = encodeWatchFrame('ADDED', object)
    assert.equal(new DataView(frame.buffer, frame.byteOffset).getUint32(0), frame.length - 4)
    assert.deepEqual(decodeWatchFrame(frame.subarray(4)), { type: 'ADDED', object })
  })

  const good = encodeProtobuf(core('ConfigMap'), { metadata: { name: 'a' }, data: { k: 'v' } })
  const wrap = (raw: number[]): Uint8Array => {
    const envelope = oracle
      .lookupType('Unknown')
      .encode({ typeMeta: { apiVersion: 'v1', kind: 'ConfigMap' }, raw: Uint8Array.from(raw) })
    return Buffer.concat([Buffer.from('k8s\0'), envelope.finish()])
  }
  const problems: readonly (readonly [string, Uint8Array, string])[] = [
    ['JSON', Buffer.from('{}'), 'provided data does not appear to be a protobuf message, expected prefix 6b 38 73 00'],
    ['cut bytes', good.subarray(0, good.length - 8), 'unexpected EOF'],
    ['a length beyond the end', wrap([0x0a, 0x7f]), 'unexpected EOF'],
    ['a number where a message belongs', wrap([0x08, 0x01]), 'proto: wrong wireType = 0 for field Metadata'],
    ['field zero', wrap([0x02, 0x00]), 'proto: illegal tag 0 (wire type 2)'],
    ['a group', wrap([0x1b]), 'proto: wrong wireType = 3 for field BinaryData'],
    ['an endless number', wrap([...Array(11).fill(0x80)]), 'proto: integer overflow'],
    ['text that is no UTF-8', wrap([0x0a, 0x03, 0x0a, 0x01, 0xff]), 'string field contains invalid UTF-8'],
  ]
  for (const [name, bytes, problem] of problems) {
    it(`refuses ${name}`, () => assert.deepEqual(decodeProtobuf(bytes), { problem }))
  }

  it('refuses kinds it does not know and bodies beyond the limit', () => {
    assert.deepEqual(decodeProtobuf(encodeEnvelopeOf('apps/v9', 'Deployment')), {
      problem: 'no kind "Deployment" is registered for version "apps/v9"',
    })
    assert.deepEqual(decodeProtobuf(good, undefined, { maxBytes: 10 }), {
      problem: `limit is 10 bytes, and the message has ${good.length}`,
      tooLarge: true,
    })
  })

  function encodeEnvelopeOf(apiVersion: string, kind: string): Uint8Array {
    const envelope = oracle.lookupType('Unknown').encode({ typeMeta: { apiVersion, kind } }).finish()
    return Buffer.concat([Buffer.from('k8s\0'), envelope])
  }
})

describe('numbers on the wire', () => {
  for (const value of [0, 1, 127, 128, 300, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -1, -300, -(2 ** 53 - 1)]) {
    it(`brings ${value} there and back`, () => {
      const writer = new ProtobufWriter()
      writer.varint(value)
      const expected = protobuf.Writer.create().int64(value).finish()
      assert.deepEqual(Buffer.from(writer.finish()), Buffer.from(expected))
      assert.equal(new ProtobufReader(writer.finish()).int64(), value)
    })
  }

  it('refuses numbers that would lose digits', () => {
    const bytes = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)
    assert.throws(() => new ProtobufReader(bytes).int64(), /number 9223372036854775807 cannot be kept exactly/)
  })
})
