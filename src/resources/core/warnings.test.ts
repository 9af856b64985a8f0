import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import type { PersistentVolumeSpec } from '#api/core/v1/persistentVolume.ts'
import type { ServiceSpec } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import { certificatePem, createAuthority, generateKey } from '#lib/pki/certificate.ts'
import { endpointSliceStrategy } from '#resources/discovery/endpointSlice.ts'
import { csiStorageCapacityStrategy } from '#resources/storage/csiStorageCapacity.ts'
import { storageClassStrategy } from '#resources/storage/storageClass.ts'
import { endpointsStrategy } from './endpoints.ts'
import { nodeStrategy } from './node.ts'
import { persistentVolumeStrategy } from './persistentVolume.ts'
import { podStrategy } from './pod/strategy.ts'
import { secretStrategy } from './secret.ts'
import { serviceWarnings } from './service/warnings.ts'
import { serviceAccountStrategy } from './serviceAccount.ts'

const metadata: ObjectMeta = { name: 'a' }
const meta = { apiVersion: '', kind: '', metadata }
const annotated = (annotations: Record<string, string>): typeof meta => ({
  ...meta,
  metadata: { ...metadata, annotations },
})

describe('who writes a service is told', () => {
  const rows: readonly [string, ServiceSpec, readonly string[]][] = [
    [
      'nothing of an ordinary one',
      { type: 'ClusterIP', clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], sessionAffinity: 'None' },
      [],
    ],
    [
      'nothing of a headless one',
      { type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'], sessionAffinity: 'None' },
      [],
    ],
    [
      'what a headless one ignores',
      {
        type: 'ClusterIP',
        clusterIP: 'None',
        clusterIPs: ['None'],
        loadBalancerIP: '1.2.3.4',
        externalIPs: ['1.2.3.4'],
        sessionAffinity: 'ClientIP',
      },
      [
        'spec.loadBalancerIP is ignored for headless services',
        'spec.externalIPs is ignored for headless services',
        'spec.SessionAffinity is ignored for headless services',
      ],
    ],
    [
      'of addresses and blocks in other forms',
      {
        type: 'LoadBalancer',
        clusterIP: '::ffff:10.0.0.1',
        clusterIPs: ['::ffff:10.0.0.1'],
        externalIPs: ['2001:DB8::1'],
        loadBalancerSourceRanges: ['10.0.0.1/8'],
      },
      [
        'spec.clusterIPs[0]: non-standard IP address "::ffff:10.0.0.1" will be considered invalid in a future Kubernetes release: use "10.0.0.1"',
        'spec.externalIPs[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
        'spec.loadBalancerSourceRanges[0]: CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)',
      ],
    ],
    [
      'of addresses for another name',
      { type: 'ExternalName', externalName: 'x.y', externalIPs: ['1.2.3.4'] },
      ['spec.externalIPs is ignored when spec.type is "ExternalName"'],
    ],
    [
      'of a name for addresses',
      { type: 'ClusterIP', externalName: 'x.y' },
      ['spec.externalName is ignored when spec.type is not "ExternalName"'],
    ],
  ]
  for (const [name, spec, expected] of rows) {
    test(name, () => assert.deepEqual(serviceWarnings({ ...meta, spec }), expected))
  }
  test('of an annotation that another replaced', () =>
    assert.deepEqual(
      serviceWarnings({ ...annotated({ 'service.kubernetes.io/topology-aware-hints': 'auto' }), spec: {} }),
      [
        'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead',
      ],
    ))
})

describe('who writes endpoints is told of addresses in other forms', () => {
  const odd = '::ffff:10.0.0.1'
  const text = (place: string): string =>
    `${place}: non-standard IP address "${odd}" will be considered invalid in a future Kubernetes release: use "10.0.0.1"`
  test('in Endpoints', () => {
    const subsets = [{ addresses: [{ ip: '10.0.0.1' }, { ip: odd }], notReadyAddresses: [{ ip: odd }] }]
    assert.deepEqual(endpointsStrategy.warnings!({ ...meta, subsets }, undefined), [
      text('subsets[0].addresses[1].ip'),
      text('subsets[0].notReadyAddresses[0].ip'),
    ])
    const labels = { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' }
    assert.deepEqual(
      endpointsStrategy.warnings!({ ...meta, metadata: { ...metadata, labels }, subsets }, undefined),
      [],
    )
  })
  test('in slices, and that names are going', () => {
    const slice = (addressType: 'IPv4' | 'FQDN', addresses: string[]): EndpointSlice => ({
      ...meta,
      addressType,
      endpoints: [{ addresses }],
    })
    const { warnings } = endpointSliceStrategy
    assert.deepEqual(warnings!(slice('IPv4', [odd]), undefined), [text('endpoints[0].addresses[0]')])
    const names = slice('FQDN', ['a.b'])
    assert.deepEqual(warnings!(names, undefined), ['spec.addressType: FQDN endpoints are deprecated'])
    assert.deepEqual(warnings!(names, names), [])
  })
  test('in the status of a pod', () => {
    const { warnings } = podStrategy.subresources!['status']!
    const status = { podIPs: [{ ip: '10.0.0.1' }, { ip: odd }], hostIPs: [{ ip: odd }] }
    const pod = { ...meta, spec: { containers: [] }, status }
    assert.deepEqual(warnings!(pod), [text('status.podIPs[1].ip'), text('status.hostIPs[0].ip')])
  })
})

test('who writes a node is told of what is gone and of blocks in other forms', () => {
  const node: Node = { ...meta, spec: { externalID: 'x', configSource: {}, podCIDRs: ['10.0.0.1/8'] } }
  assert.deepEqual(nodeStrategy.warnings!(node, undefined), [
    'spec.configSource: the feature is removed',
    'spec.externalID: this field is deprecated, and is unused by Kubernetes',
    'spec.podCIDRs[0]: CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)',
  ])
})

const oldZone = 'failure-domain.beta.kubernetes.io/zone'
const ofZone = 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'

test('who writes a volume is told of what is deprecated', () => {
  const spec: PersistentVolumeSpec = {
    persistentVolumeReclaimPolicy: 'Recycle',
    nodeAffinity: {
      required: { nodeSelectorTerms: [{ matchExpressions: [{ key: oldZone, operator: 'In', values: ['a'] }] }] },
    },
    cephfs: { monitors: [] },
    storageos: {},
    rbd: { monitors: [], image: '' },
  }
  const volume = { ...annotated({ 'volume.beta.kubernetes.io/mount-options': 'ro' }), spec }
  assert.deepEqual(persistentVolumeStrategy.warnings!(volume, undefined), [
    'metadata.annotations[volume.beta.kubernetes.io/mount-options]: deprecated since v1.31; use "mountOptions" attribute instead',
    'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
    `spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: ${oldZone} is ${ofZone}`,
    'spec.cephfs: deprecated in v1.28, non-functional in v1.31+',
    'spec.storageOS: deprecated in v1.22, non-functional in v1.25+',
    'spec.rbd: deprecated in v1.28, non-functional in v1.31+',
  ])
})

test('who asks for places by labels that others replaced is told', () => {
  const storageClass = {
    ...meta,
    provisioner: 'p',
    allowedTopologies: [{ matchLabelExpressions: [{ key: oldZone, values: ['a'] }] }],
  }
  assert.deepEqual(storageClassStrategy.warnings!(storageClass, undefined), [
    `allowedTopologies[0].matchLabelExpressions[0].key: ${ofZone}`,
  ])
  const capacity = { ...meta, storageClassName: 's', nodeTopology: { matchLabels: { [oldZone]: 'a' } } }
  assert.deepEqual(csiStorageCapacityStrategy.warnings!(capacity, undefined), [
    `nodeTopology.matchLabels.${oldZone}: ${ofZone}`,
  ])
})

test('who limits the secrets of an account for the first time is told of a better way', () => {
  const account = annotated({ 'kubernetes.io/enforce-mountable-secrets': 'true' })
  assert.deepEqual(serviceAccountStrategy.warnings!(account, meta), [
    'metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets',
  ])
  assert.deepEqual(serviceAccountStrategy.warnings!(account, account), [])
})

describe('who writes a certificate with its key is told', () => {
  const [keys, others] = [generateKey(), generateKey()]
  const validity = { notBefore: 0, notAfter: 1_000_000_000 }
  const certificate = certificatePem(createAuthority({ commonName: 'a' }, validity, keys).certificate)
  const pem = ({ privateKey }: typeof keys): string => privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const rows: readonly [string, string, string, readonly string[]][] = [
    ['nothing of a pair', certificate, pem(keys), []],
    ['of another key', certificate, pem(others), ['tls: private key does not match public key']],
    ['of no certificate', 'x', pem(keys), ['tls: failed to find any PEM data in certificate input']],
    [
      'of two that changed places',
      pem(keys),
      certificate,
      [
        'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched',
      ],
    ],
    ['of no key', certificate, '', ['tls: failed to find any PEM data in key input']],
  ]
  for (const [name, first, second, expected] of rows) {
    test(name, () => {
      const data = { 'tls.crt': btoa(first), 'tls.key': btoa(second) }
      assert.deepEqual(secretStrategy.warnings!({ ...meta, type: 'kubernetes.io/tls', data }, undefined), expected)
    })
  }
})
