import assert from 'node:assert/strict'
import { test } from 'node:test'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Resource } from '#api/resource.ts'
import { limitRanger } from './limitRanger.ts'
import { ask, clusterWith } from './testRequest.ts'

interface Row {
  readonly name: string
  readonly limits: readonly object[]
  readonly object: object
  readonly old?: object
  readonly subresource?: string
  readonly resource?: Resource<any>
  /** What is refused, or the object as it is then. */
  readonly is: string | object
}

const metadata = { name: 'p', namespace: 'n' }
const pod = (...containers: object[]): object => ({ metadata, spec: { containers } })
const box = (name: string, requests?: object, limits?: object): object => ({
  name,
  ...(requests === undefined && limits === undefined
    ? {}
    : { resources: { ...(requests && { requests }), ...(limits && { limits }) } }),
})
const claim = (storage: string): object => ({ metadata, spec: { resources: { requests: { storage } } } })
const bounds = { type: 'Container', min: { cpu: '100m' }, max: { cpu: '1', memory: '1Gi' } }

const rows: readonly Row[] = [
  {
    name: 'gives defaults and says so',
    limits: [{ type: 'Container', default: { memory: '64Mi', cpu: '1' }, defaultRequest: { cpu: '100m' } }],
    object: {
      metadata,
      spec: {
        containers: [box('a'), box('b', { cpu: '1' }, { cpu: '2', memory: '1Gi' })],
        initContainers: [box('i', {}, { cpu: '1' })],
      },
    },
    is: {
      metadata: {
        ...metadata,
        annotations: {
          'kubernetes.io/limit-ranger':
            'LimitRanger plugin set: cpu request for container a; cpu, memory limit for container a; cpu request for init container i; memory limit for init container i',
        },
      },
      spec: {
        containers: [
          box('a', { cpu: '100m' }, { memory: '64Mi', cpu: '1' }),
          box('b', { cpu: '1' }, { cpu: '2', memory: '1Gi' }),
        ],
        initContainers: [box('i', { cpu: '100m' }, { cpu: '1', memory: '64Mi' })],
      },
    },
  },
  {
    name: 'leaves alone what says everything',
    limits: [bounds],
    object: pod(box('a', { cpu: '100m' }, { cpu: '1', memory: '1Gi' })),
    is: pod(box('a', { cpu: '100m' }, { cpu: '1', memory: '1Gi' })),
  },
  {
    name: 'names everything that is wrong, each once',
    limits: [bounds],
    object: pod(box('a', { cpu: '50m' }, { cpu: '2' }), box('b', { cpu: '50m' }, { cpu: '2' })),
    is: 'pods "p" is forbidden: [minimum cpu usage per Container is 100m, but request is 50m, maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi.  No limit is specified]',
  },
  {
    name: 'misses a request',
    limits: [{ type: 'Container', min: { cpu: '100m' } }],
    object: pod(box('a')),
    is: 'pods "p" is forbidden: minimum cpu usage per Container is 100m.  No request is specified',
  },
  {
    name: 'adds up a pod, with the init container that needs most',
    limits: [{ type: 'Pod', max: { cpu: '1' } }],
    object: {
      metadata,
      spec: {
        containers: [box('a', {}, { cpu: '300m' }), box('b', {}, { cpu: '300m' })],
        initContainers: [{ ...box('s', {}, { cpu: '200m' }), restartPolicy: 'Always' }, box('i', {}, { cpu: '900m' })],
      },
    },
    is: 'pods "p" is forbidden: maximum cpu usage per Pod is 1, but limit is 1100m',
  },
  {
    name: 'compares limits with requests',
    limits: [{ type: 'Container', maxLimitRequestRatio: { cpu: '1500m', memory: '2' } }],
    object: pod(box('a', { cpu: '1', memory: '1Gi' }, { cpu: '2' })),
    is: 'pods "p" is forbidden: [cpu max limit to request ratio per Container is 1500m, but provided ratio is 2.000000, memory max limit to request ratio per Container is 2, but no limit is specified or limit is 0]',
  },
  {
    name: 'lets updates be',
    limits: [bounds],
    object: pod(box('a')),
    old: pod(box('a')),
    is: pod(box('a')),
  },
  {
    name: 'looks at a resize',
    limits: [{ type: 'Container', max: { cpu: '1' } }],
    object: pod(box('a', { cpu: '1' }, { cpu: '2' })),
    old: pod(box('a', { cpu: '1' }, { cpu: '1' })),
    subresource: 'resize',
    is: 'pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
  },
  {
    name: 'bounds claims from below',
    resource: persistentVolumeClaims,
    limits: [{ type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '10Gi' } }],
    object: claim('512Mi'),
    is: 'persistentvolumeclaims "p" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 512Mi',
  },
  {
    name: 'bounds claims from above, also when they grow',
    resource: persistentVolumeClaims,
    limits: [{ type: 'PersistentVolumeClaim', max: { storage: '10Gi' } }],
    object: claim('11Gi'),
    old: claim('5Gi'),
    is: 'persistentvolumeclaims "p" is forbidden: maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 11Gi',
  },
  {
    name: 'lets claims go that are being deleted',
    resource: persistentVolumeClaims,
    limits: [{ type: 'PersistentVolumeClaim', max: { storage: '1Gi' } }],
    object: claim('5Gi'),
    old: { ...claim('5Gi'), metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } },
    is: claim('5Gi'),
  },
]

for (const { name, limits, object, old, subresource, resource = pods, is } of rows) {
  test(`a limit range ${name}`, async () => {
    const cluster = clusterWith({
      limitranges: [
        { metadata: { name: 'l', namespace: 'n' }, spec: { limits } },
        {
          metadata: { name: 'elsewhere', namespace: 'm' },
          spec: { limits: [{ type: 'Container', max: { cpu: '0' } }] },
        },
      ],
    })
    const sketch = { object, ...(old && { old }), ...(subresource && { subresource }) }
    const verdict = await ask(limitRanger, resource, sketch, cluster)
    assert.deepEqual(verdict.refused ?? verdict.object, is)
  })
}
