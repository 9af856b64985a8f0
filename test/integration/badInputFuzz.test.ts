/**
 * Thousands of random requests, of every kind and in every encoding: each gets an answer, none of them a 5xx, and nothing in
 * the server breaks. `FUZZ_REQUESTS=50000 FUZZ_SEED=3 node --test …` searches longer.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { allResources } from '#api/index.ts'
import type { Resource } from '#api/resource.ts'
import { SimulatedClock, systemClock } from '#lib/clock.ts'
import { randomInteger, seededRandom, type Random } from '#lib/random.ts'
import { encodeProtobuf } from '#machinery/codec/protobuf.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import { allStrategies } from '#resources/index.ts'
import { startServer } from './apiServerFixture.ts'
import { listen } from './apiServerHttp.ts'
import { changeOneField, pick, randomValue, spoil } from './badInputObjects.ts'

const requests = Number(process.env['FUZZ_REQUESTS'] ?? 1_000)
const seed = Number(process.env['FUZZ_SEED'] ?? 1)

/** Milliseconds. Much more than anything takes; much less than for ever. */
const longestAnswer = 10_000

interface RandomRequest {
  readonly method: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: Buffer
}

const protobuf = 'application/vnd.kubernetes.protobuf'

const patchTypes = [
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/json-patch+json',
] as const

const names = [
  'a',
  'a',
  'a',
  'a',
  'a',
  'b',
  'default',
  'kube-system',
  'web',
  '..',
  'A',
  '%00',
  '__proto__',
  'a%2fb',
  'x'.repeat(260),
]

/** What this server answers with a 5xx because Kubernetes does. */
const upstreamFailures: readonly RegExp[] = [
  // A resourceVersion that is no number.
  /strconv\.ParseUint: parsing/,
  /resourceVersion should not be set on objects to be created/,
  // Strategic merge patches that contradict themselves, where Kubernetes knows no better code.
  /does not contain declared merge key|list element types are not identical/,
  /merging list cannot yet be specified in the patch|unknown patch type: |doesn't match \$setElementOrder list/,
]

const strategies = allStrategies({ addresses: '10.96.0.0/16', nodePorts: [30_000, 32_767] })
const served = strategies.flatMap(({ resource, versions = [] }) => [
  resource,
  ...versions.map((version) => version.resource),
])

const podSpec = {
  containers: [{ name: 'a', image: 'a', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: 'b' }] }],
}
const template = { metadata: { labels: { a: 'b' } }, spec: podSpec }
const selector = { matchLabels: { a: 'b' } }

/** Objects with nothing wrong, by the plural of their kind. */
const rightObjects: Readonly<Record<string, object>> = {
  configmaps: { metadata: { name: 'a', labels: { a: 'b' } }, data: { x: '1' } },
  secrets: { metadata: { name: 'a' }, data: { x: 'YQ==' } },
  services: { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }], selector: { a: 'b' } } },
  pods: { metadata: { name: 'a' }, spec: podSpec },
  nodes: { metadata: { name: 'a' }, spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } },
  namespaces: { metadata: { name: 'a' } },
  limitranges: { metadata: { name: 'a' }, spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } },
  resourcequotas: { metadata: { name: 'a' }, spec: { hard: { pods: '1' } } },
  persistentvolumeclaims: {
    metadata: { name: 'a' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
  persistentvolumes: {
    metadata: { name: 'a' },
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/a' } },
  },
  replicationcontrollers: { metadata: { name: 'a' }, spec: { selector: { a: 'b' }, template } },
  endpoints: { metadata: { name: 'a' }, subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] },
  endpointslices: {
    metadata: { name: 'a' },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'] }],
    ports: [{ name: '', port: 80 }],
  },
  leases: { metadata: { name: 'a' }, spec: { holderIdentity: 'a', leaseDurationSeconds: 10 } },
  storageclasses: { metadata: { name: 'a' }, provisioner: 'a' },
  volumeattributesclasses: { metadata: { name: 'a' }, driverName: 'a', parameters: { a: 'b' } },
  volumeattachments: {
    metadata: { name: 'a' },
    spec: { attacher: 'a', nodeName: 'a', source: { persistentVolumeName: 'a' } },
  },
  csidrivers: { metadata: { name: 'a' }, spec: { tokenRequests: [{ audience: 'a' }] } },
  csinodes: { metadata: { name: 'a' }, spec: { drivers: [{ name: 'a', nodeID: 'a', topologyKeys: ['a'] }] } },
  validatingadmissionpolicies: {
    metadata: { name: 'a' },
    spec: {
      matchConstraints: {
        resourceRules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }],
      },
      validations: [{ expression: 'true' }],
    },
  },
  deployments: { metadata: { name: 'a' }, spec: { selector, template, strategy: { type: 'RollingUpdate' } } },
  replicasets: { metadata: { name: 'a' }, spec: { selector, template } },
  statefulsets: { metadata: { name: 'a' }, spec: { serviceName: 'a', selector, template } },
  daemonsets: { metadata: { name: 'a' }, spec: { selector, template } },
}

/** The kinds of these, in the version that is stored. */
const usual = strategies.map(({ resource }) => resource).filter(({ plural }) => Object.hasOwn(rightObjects, plural))

function collectionOf({ group, version, plural, scope }: Resource, namespace = 'default'): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  return scope === 'Namespaced' ? `${root}/namespaces/${namespace}/${plural}` : `${root}/${plural}`
}

function kindOf({ group, version, kind }: Resource): { group: string; version: string; kind: string } {
  return { group, version, kind }
}

/** A request that a client might send by mistake or by intent. */
function randomRequest(random: Random): RandomRequest {
  // Half of the requests meet objects that there are.
  const resource = pick(random, random.next() < 0.5 ? usual : served)
  const collection = collectionOf(resource)
  const object = `${collection}/${pick(random, names)}`
  const wrong = pick(random, [0, 0.005, 0.05, 0.3])
  switch (randomInteger(random, 8)) {
    case 0:
    case 1:
      return { method: 'POST', path: `${collection}${query(random)}`, ...randomBody(random, resource, wrong) }
    case 2:
      return { method: 'PUT', path: `${object}${subresource(random)}`, ...randomBody(random, resource, wrong) }
    case 3:
    case 4:
      return {
        method: 'PATCH',
        path: `${object}${subresource(random)}${query(random)}`,
        ...randomPatch(random, resource, wrong),
      }
    case 5: {
      const options = schemaOfKind({ group: 'meta.k8s.io', version: 'v1', kind: 'DeleteOptions' })
      const body = json(randomValue(random, options, wrong))
      const path = random.next() < 0.3 ? `${collection}?${randomQuery(random)}` : object
      return { method: 'DELETE', path, headers: { 'content-type': 'application/json' }, body }
    }
    case 6:
      return {
        method: pick(random, ['GET', 'HEAD', 'OPTIONS', 'POST', 'TRACE', 'PURGE']),
        path: pick(random, [collection, object, `/${pick(random, names)}`, `${object}/${pick(random, names)}`]),
        headers: randomHeaders(random),
      }
    default:
      return { method: 'GET', path: `${collection}?${randomQuery(random)}`, headers: randomHeaders(random) }
  }
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value) ?? '')

/** JSON has numbers that JavaScript cannot hold. */
function hugeNumbers(random: Random, bytes: Buffer): Buffer {
  if (random.next() < 0.9) return bytes
  const number = pick(random, ['1e400', '-1e400', '123456789012345678901234567890', '1e-400', '0.1e1'])
  return Buffer.from(bytes.toString().replaceAll(/(?<=:)\d+(?=[,}])/g, number))
}

function subresource(random: Random): string {
  return random.next() < 0.7
    ? ''
    : `/${pick(random, ['status', 'scale', 'binding', 'eviction', 'token', 'finalize', 'x'])}`
}

function query(random: Random): string {
  return pick(random, [
    '',
    '',
    '?dryRun=All',
    '?fieldValidation=Strict',
    '?fieldValidation=x',
    '?dryRun=',
    '?fieldManager=%00',
  ])
}

function randomHeaders(random: Random): Record<string, string> {
  return {
    accept: pick(random, [
      'application/json',
      protobuf,
      'application/yaml',
      '*/*',
      ';;;,,,q=',
      'application/json;as=Table;g=meta.k8s.io;v=v1',
      'application/json;as=Nothing;g=;v=',
      'x'.repeat(5_000),
    ]),
    ...(random.next() < 0.2 ? { 'accept-encoding': 'gzip;q=x,,,deflate' } : {}),
    ...(random.next() < 0.1 ? { 'impersonate-user': 'somebody' } : {}),
  }
}

function randomQuery(random: Random): string {
  const names = [
    'labelSelector',
    'fieldSelector',
    'limit',
    'continue',
    'resourceVersion',
    'resourceVersionMatch',
    'pretty',
    'includeObject',
    'sendInitialEvents',
    'allowWatchBookmarks',
    'timeoutSeconds',
    'propagationPolicy',
    'gracePeriodSeconds',
    'orphanDependents',
    '__proto__',
  ]
  const values = [
    '',
    'a',
    '-1',
    '0',
    '1',
    '5',
    'true',
    'a=b',
    'a in (',
    'a in (b,c)',
    '!a',
    'a notin ()',
    'a>1',
    '%zz',
    '%00',
    'metadata.name=a',
    'spec.nope=1',
    'metadata.name',
    'x'.repeat(3_000),
    'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi8uLiJ9',
    '[]',
    '99999999999999999999',
    'Exact',
    'NotOlderThan',
    'Orphan',
  ]
  return Array.from(
    { length: 1 + randomInteger(random, 3) },
    () => `${pick(random, names)}=${pick(random, values).replaceAll(' ', '%20')}`,
  ).join('&')
}

/** An object of a kind, right or wrong, in one of the encodings, whole or spoiled. */
function randomBody(
  random: Random,
  resource: Resource,
  wrong: number,
): { headers: Record<string, string>; body: Buffer } {
  const kind = kindOf(resource)
  const object = randomObject(random, resource, wrong)
  const isObject = typeof object === 'object' && object !== null && !Array.isArray(object)
  if (isObject && random.next() < 0.9) {
    const metadata = (object as { metadata?: unknown }).metadata
    const named = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata) ? metadata : {}
    const name = pick(random, ['a', 'b', 'web', ''])
    Object.assign(object, { metadata: { ...named, name, namespace: 'default', resourceVersion: undefined } })
    Object.assign(object, {
      apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`,
      kind: kind.kind,
    })
  }
  const asProtobuf = random.next() < 0.3 ? encoded(kind, object) : undefined
  const bytes = asProtobuf ?? hugeNumbers(random, json(object))
  const contentType =
    asProtobuf !== undefined
      ? protobuf
      : pick(random, ['application/json', 'application/json', 'application/yaml', 'text/plain'])
  return {
    headers: { 'content-type': contentType },
    body: random.next() < 0.2 ? spoil(random, bytes) : Buffer.from(bytes),
  }
}

function randomObject(random: Random, resource: Resource, wrong: number): unknown {
  const schema = schemaOfKind(kindOf(resource))
  const right = rightObjects[resource.plural]
  if (right === undefined || random.next() < 0.3) return randomValue(random, schema, wrong)
  return changeOneField(random, schema, right, wrong)
}

/** Undefined for what cannot be written. */
function encoded(kind: { group: string; version: string; kind: string }, object: unknown): Uint8Array | undefined {
  try {
    return encodeProtobuf(kind, object)
  } catch {
    return undefined
  }
}

function randomPatch(
  random: Random,
  resource: Resource,
  wrong: number,
): { headers: Record<string, string>; body: Buffer } {
  const type = pick(random, patchTypes)
  const object = randomObject(random, resource, wrong)
  const value =
    type === 'application/json-patch+json'
      ? Array.from({ length: randomInteger(random, 4) }, () => ({
          op: pick(random, ['add', 'remove', 'replace', 'move', 'copy', 'test', 'nonsense', undefined]),
          path: pick(random, [
            '/metadata/labels',
            '/metadata/labels/a',
            '/spec',
            '',
            '/',
            '/spec/containers/-',
            '/spec/containers/99',
            '/__proto__/x',
            '/metadata/name',
            '~',
            '/a~2',
          ]),
          from: pick(random, ['/metadata', '', '/spec', undefined]),
          value: randomValue(random, undefined, wrong),
        }))
      : object
  const bytes = json(value)
  return { headers: { 'content-type': type }, body: random.next() < 0.2 ? spoil(random, bytes) : bytes }
}

test('random requests are answered, and never with a 5xx', async (t) => {
  const random = seededRandom(seed)
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await using http = await listen(fixture.server)
  // What patches and replacements meet.
  for (const resource of usual) {
    const { code } = await http.ask('POST', collectionOf(resource), { body: rightObjects[resource.plural]! })
    assert.equal(code, 201, resource.kind)
  }
  const codes = new Map<number, number>()
  for (let count = 0; count < requests; count++) {
    const { method, path, ...options } = randomRequest(random)
    const say = `request ${count} of seed ${seed}: ${method} ${path} ${JSON.stringify(options.headers)} ${options.body?.toString('latin1').slice(0, 2_000)}`
    let done = false
    const asked = http.ask(method, path, options).finally(() => (done = true))
    const began = systemClock.now()
    while (!done) {
      await clock.advance(50)
      if (systemClock.now() - began > longestAnswer) assert.fail(`no answer to ${say}`)
    }
    const { code, text } = await asked
    codes.set(code, (codes.get(code) ?? 0) + 1)
    const isUpstream = upstreamFailures.some((failure) => failure.test(text.replaceAll(/\s+/g, ' ')))
    assert.deepEqual(fixture.bugs, [], say)
    assert.ok(code < 500 || isUpstream, `${code} for ${say}: ${text.slice(0, 500)}`)
  }
  assert.equal(({} as { polluted?: unknown }).polluted, undefined, 'the prototype of objects is as it was')
  assert.equal((await http.ask('GET', '/readyz')).text, 'ok')
  for (const code of [200, 201, 400, 404, 405, 409, 415, 422]) assert.ok(codes.has(code), `some answers are ${code}`)
  t.diagnostic(
    [...codes]
      .toSorted(([a], [b]) => a - b)
      .map(([code, times]) => `${times} × ${code}`)
      .join(', '),
  )
})

test('the random requests reach every kind', () => {
  for (const { kind, group, version } of allResources) assert.ok(schemaOfKind({ kind, group, version }), kind)
})
