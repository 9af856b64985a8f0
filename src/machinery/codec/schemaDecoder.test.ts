import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeOwnValue, decodeValue } from './schemaDecoder.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'

const deployment = { group: 'apps', version: 'v1', kind: 'Deployment' }
const core = (kind: string) => ({ group: '', version: 'v1', kind })
const decode = (kind: { group: string; version: string; kind: string }, value: unknown) =>
  decodeValue(schemaOfKind(kind)!, value)
const podWith = (container: unknown) => ({ spec: { containers: [container] } })

describe('wrong types', () => {
  const rows: readonly (readonly [string, ReturnType<typeof core>, unknown, string])[] = [
    [
      'text for a number',
      deployment,
      { spec: { replicas: '3' } },
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'a fraction for a number',
      deployment,
      { spec: { replicas: 1.5 } },
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'a number beyond 32 bits',
      deployment,
      { spec: { replicas: 3000000000 } },
      'json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'text for a boolean',
      deployment,
      { spec: { paused: 'yes' } },
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool',
    ],
    [
      'a list for a map',
      core('ConfigMap'),
      { data: [] },
      'json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string',
    ],
    [
      'a number in a map of texts',
      core('ConfigMap'),
      { data: { a: 1 } },
      'json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
    [
      'a boolean for a name',
      core('ConfigMap'),
      { metadata: { name: true } },
      'json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.name of type string',
    ],
    [
      'an object for a list of structs',
      core('Pod'),
      { spec: { containers: {} } },
      'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      'text for a struct in a list',
      core('Pod'),
      { spec: { containers: ['x'] } },
      'json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type v1.Container',
    ],
    [
      'a number for a named text',
      core('Pod'),
      { spec: { restartPolicy: 1 } },
      'json: cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy',
    ],
    [
      'the first of two',
      core('Pod'),
      podWith({ name: 1, image: [] }),
      'json: cannot unmarshal number into Go struct field Container.spec.containers.name of type string',
    ],
    [
      'text that is no quantity',
      core('Pod'),
      podWith({ resources: { limits: { cpu: 'x' } } }),
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    ['text that is no base64', core('Secret'), { data: { a: 'YWJj!' } }, 'illegal base64 data at input byte 4'],
    [
      'text that is no base64 at all',
      core('ConfigMap'),
      { binaryData: { a: '!' } },
      'illegal base64 data at input byte 0',
    ],
    [
      'text that is no time',
      core('Pod'),
      { metadata: { deletionTimestamp: 'soon' } },
      'parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006"',
    ],
    [
      'a boolean for a number or text',
      core('Pod'),
      podWith({ livenessProbe: { httpGet: { port: true } } }),
      'json: cannot unmarshal bool into Go value of type int32',
    ],
  ]
  for (const [name, kind, value, problem] of rows) {
    it(`refuses ${name}`, () => assert.deepEqual(decode(kind, value), { problem }))
  }
})

describe('decoding', () => {
  it('drops what means nothing, fills what is always there, and orders keys', () => {
    const decoded = decode(core('Pod'), {
      spec: {
        hostNetwork: false,
        containers: [
          { image: 'b', name: 'a', args: [], stdin: false, env: null, ports: [{ containerPort: 80, hostPort: 0 }] },
        ],
        nodeName: '',
        terminationGracePeriodSeconds: 0,
      },
      metadata: { labels: { b: '2', a: '1' }, name: 'x', annotations: {}, creationTimestamp: null },
      kind: 'Pod',
      apiVersion: 'v1',
    })
    const expected = {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'x', labels: { a: '1', b: '2' } },
      spec: {
        containers: [{ name: 'a', image: 'b', ports: [{ containerPort: 80 }], resources: {} }],
        terminationGracePeriodSeconds: 0,
      },
      status: {},
    }
    assert.equal(JSON.stringify('value' in decoded && decoded.value), JSON.stringify(expected))
  })

  it('writes quantities, times and bytes in one form', () => {
    const decoded = decode(core('Secret'), {
      metadata: { creationTimestamp: '2024-01-31T23:30:00.5-02:00' },
      data: { a: 'YW\nJj' },
    })
    assert.deepEqual('value' in decoded && decoded.value, {
      metadata: { creationTimestamp: '2024-02-01T01:30:00Z' },
      data: { a: 'YWJj' },
    })
    const quota = decode(core('ResourceQuota'), { spec: { hard: { cpu: 0.5, memory: '1024Ki', pods: '1000' } } })
    assert.deepEqual('value' in quota && quota.value['spec'], { hard: { cpu: '500m', memory: '1Mi', pods: '1k' } })
  })

  it('names unknown fields and reads on', () => {
    const decoded = decode(core('Pod'), {
      bogus: 1,
      spec: { containers: [{ name: 'a', bad: {}, Image: 'x' }], nope: null },
    })
    assert.deepEqual('complaints' in decoded && decoded.complaints, [
      'unknown field "bogus"',
      'unknown field "spec.containers[0].bad"',
      'unknown field "spec.containers[0].Image"',
      'unknown field "spec.nope"',
    ])
    assert.deepEqual('value' in decoded && decoded.value['spec'], { containers: [{ name: 'a', resources: {} }] })
  })

  it('takes a null in a list for an empty item', () => {
    const decoded = decode(core('Pod'), { spec: { containers: [null], tolerations: [null] } })
    assert.deepEqual('value' in decoded && decoded.value['spec'], {
      containers: [{ name: '', resources: {} }],
      tolerations: [{}],
    })
  })

  it('writes null for an empty list that is always written, and an empty list where it means something', () => {
    const slice = { group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice' }
    const none = { metadata: {}, addressType: '', endpoints: null, ports: null }
    for (const given of [{}, { endpoints: null, ports: null }, { endpoints: [], ports: [] }]) {
      const decoded = decode(slice, given)
      assert.equal(JSON.stringify('value' in decoded && decoded.value), JSON.stringify(none))
      // Members in another order take another way.
      const { ports, ...others } = given as { ports?: unknown }
      const turned = decode(slice, ports === undefined ? { addressType: '', ...others } : { ports, ...others })
      assert.deepEqual('value' in turned && turned.value, none)
    }
    const stored = Object.freeze({ ...none, metadata: Object.freeze({}) })
    const again = decodeOwnValue(schemaOfKind(slice)!, stored)
    assert.equal('value' in again && again.value, stored)
    const empty = decode(core('Pod'), { spec: {} })
    assert.deepEqual('value' in empty && empty.value['spec'], { containers: [] })
  })

  it('keeps __proto__ as data', () => {
    const decoded = decode(core('ConfigMap'), JSON.parse('{"data":{"__proto__":"a","b":"c"},"__proto__":{"x":1}}'))
    assert.ok('value' in decoded)
    assert.equal(JSON.stringify(decoded.value), '{"metadata":{},"data":{"__proto__":"a","b":"c"}}')
    assert.deepEqual(decoded.complaints, ['unknown field "__proto__"'])
    assert.equal(({} as { x?: number }).x, undefined)
  })

  it('leaves its input alone', () => {
    const input = Object.freeze({ data: Object.freeze({ b: '1', a: '2' }) })
    decode(core('ConfigMap'), input)
    assert.deepEqual(Object.keys(input.data), ['b', 'a'])
  })
})

describe('decodeOwnValue', () => {
  const pod = schemaOfKind(core('Pod'))!
  const rows: readonly (readonly [string, unknown])[] = [
    [
      'all in order',
      { kind: 'Pod', metadata: { name: 'a', labels: { a: '1', b: '2' } }, spec: { containers: [], nodeName: 'n' } },
    ],
    [
      'members out of order',
      { spec: { nodeName: 'n', containers: [{ image: 'i', name: 'c' }] }, metadata: { name: 'a' } },
    ],
    [
      'order lost behind members that change',
      {
        spec: {
          volumes: [],
          containers: [{ name: 'c', command: [], image: '', env: [{ value: 'v', name: 'e' }] }],
          hostNetwork: false,
          restartPolicy: 'Always',
          nodeName: null,
        },
      },
    ],
    ['labels out of order', { metadata: { labels: { b: '2', a: '1' }, name: 'a' } }],
    [
      'unknown fields',
      { metadata: { name: 'a', more: 1 }, spec: { containers: [{ odd: 1, name: 'c' }] }, extra: true },
    ],
    ['quantities', { spec: { containers: [{ name: 'c', resources: { limits: { cpu: '1000m', memory: '64Mi' } } }] } }],
    ['nulls in lists', { metadata: { finalizers: ['a', null] }, spec: { containers: [null] } }],
    ['a wrong type', { metadata: { name: 'a' }, spec: { containers: [{ name: 3 }] } }],
  ]
  for (const [name, value] of rows) {
    it(`reads as decodeValue does and leaves the input alone: ${name}`, () => {
      const before = JSON.stringify(value)
      const shared = decodeOwnValue(pod, value)
      assert.equal(JSON.stringify(shared), JSON.stringify(decodeValue(pod, value)))
      assert.equal(JSON.stringify(value), before)
    })
  }

  it('gives back a value that is as it should be', () => {
    const first = decodeValue(pod, { metadata: { name: 'a' }, spec: { containers: [{ name: 'c' }] } })
    assert.ok('value' in first)
    const again = decodeOwnValue(pod, first.value)
    assert.ok('value' in again && again.value === first.value)
  })

  it('keeps parts that a known object has in the same place without a look at them, and looks at all others', () => {
    const [tolerations, container, labels] = [[{ key: 1 }], { image: 1 }, { app: 1 }] as const
    const known = { metadata: { labels }, spec: { containers: [container], tolerations } }
    const metadata = { labels, name: 'a' }
    const read = decodeOwnValue(pod, { spec: { tolerations, containers: [container, { name: 'b' }] }, metadata }, known)
    assert.ok('value' in read)
    assert.deepEqual(read, {
      value: {
        metadata: { name: 'a', labels },
        spec: { containers: [container, { name: 'b', resources: {} }], tolerations },
        status: {},
      },
      complaints: [],
    })
    for (const moved of [{ containers: [{ name: 'b' }, container] }, { tolerations: structuredClone(tolerations) }]) {
      assert.ok('problem' in decodeOwnValue(pod, { metadata, spec: { containers: [], ...moved } }, known))
    }
  })
})
