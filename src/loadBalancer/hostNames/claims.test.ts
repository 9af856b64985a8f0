import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Service } from '#api/core/v1/service.ts'
import {
  claimFor,
  claimsOf,
  idleClaimsOf,
  nameOf,
  readClaims,
  readIdleClaims,
  type Claim,
  type IdleClaim,
} from './claims.ts'

const service = (name: string, ip: string | undefined, ...ports: (number | string)[]): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: {
    type: 'LoadBalancer',
    ports: ports.map((port) => (typeof port === 'number' ? { port } : { port: Number(port), protocol: 'UDP' })),
  },
  status: { loadBalancer: ip === undefined ? {} : { ingress: [{ ip }] } },
})
const claim = (name: string, cluster = 'dev', port = 80): Claim => ({
  cluster,
  namespace: 'default',
  service: name,
  address: '192.0.2.1',
  port,
})
const idle = (cluster: string, port = 80): IdleClaim => ({
  cluster,
  namespace: 'kube-system',
  service: 'ingress',
  port,
})

test('each TCP port of a service with an address is claimed', () => {
  const claims = claimsOf('dev', [
    service('web', '192.0.2.1', 80, 443, '53'),
    service('pending', undefined, 80),
    { ...service('inside', '192.0.2.2', 80), spec: { type: 'ClusterIP', ports: [{ port: 80 }] } },
  ])
  assert.deepEqual(claims, [claim('web'), claim('web', 'dev', 443)])
  assert.equal(nameOf(claims[0]!), 'web.default.dev.localhost')
})

test('a service that is not there yet is claimed until it is', () => {
  const ingress = { namespace: 'kube-system', service: 'ingress', ports: [80, 443] }
  const entry = { ...claim('ingress'), namespace: 'kube-system' }
  assert.deepEqual(idleClaimsOf('dev', ingress, [claim('web'), claim('ingress')]), [idle('dev'), idle('dev', 443)])
  assert.deepEqual(idleClaimsOf('dev', ingress, [claim('web'), entry]), [])
})

describe('a connection is for', () => {
  const one = [claim('web')]
  const two = [claim('web'), claim('web', 'test')]
  const nobody = [idle('dev'), idle('test')]
  const rows: readonly [
    string,
    readonly Claim[],
    string | undefined,
    Claim | IdleClaim | undefined,
    idle?: readonly IdleClaim[],
  ][] = [
    ['the service that it names', two, 'web.default.test.localhost', two[1]],
    ['in any case, with a dot at the end', two, 'WEB.default.dev.LOCALHOST.', two[0]],
    ['the only one, as localhost', one, 'localhost', one[0]],
    ['the only one, by an address', one, '127.0.0.1', one[0]],
    ['the only one, without a name', one, undefined, one[0]],
    ['the only one, by the host of an ingress', one, 'shop.localhost', one[0]],
    ['nobody, when there are several', two, 'localhost', undefined],
    ['nobody, without a name', two, undefined, undefined],
    ['nobody, by the name of another', one, 'api.default.dev.localhost', undefined],
    ['nobody, where there is nobody', [], 'localhost', undefined],
    ['any that is not there yet, where there is no other', [], 'localhost', nobody[0], nobody],
    ['the same, by any name that is not ours', [], 'shop.example.com', nobody[0], nobody],
    ['the same, without a name', [], undefined, nobody[0], nobody],
    ['one that is not there yet, by its name', two, 'ingress.kube-system.test.localhost', nobody[1], nobody],
    ['the only one that is there', one, 'localhost', one[0], nobody],
    ['nobody, when there are several beside', two, 'localhost', undefined, nobody],
    ['nobody, by a name of a service', [], 'web.default.dev.localhost', undefined, nobody],
  ]
  for (const [name, claims, host, expected, idleOnes = []] of rows)
    test(name, () => assert.equal(claimFor(claims, idleOnes, host), expected))
})

test('claims of another process are read with care', () => {
  assert.deepEqual(readClaims('dev', [{ ...claim('web'), cluster: 'other', more: 1 }]), [claim('web')])
  const wrong: readonly [unknown, string][] = [
    ['web', 'claims must be a list'],
    [Array.from({ length: 10_001 }), 'there may be no more than 10000 claims'],
    [[claim('web'), null], 'claim 1 names no service with an address'],
    [[{ ...claim('web'), address: 'example.com' }], 'claim 0 names no service with an address'],
    [[{ ...claim('web'), service: 'a b' }], 'claim 0 names no service with an address'],
    [[{ ...claim('web'), port: 70_000 }], 'claim 0 has no port'],
  ]
  for (const [given, problem] of wrong) assert.equal(readClaims('dev', given), problem)
  assert.deepEqual(readIdleClaims('dev', [{ ...idle('other'), address: '192.0.2.1' }]), [idle('dev')])
  assert.equal(readIdleClaims('dev', {}), 'claims must be a list')
  assert.equal(readIdleClaims('dev', [idle('dev'), { port: 80 }]), 'claim 1 names no service')
  assert.equal(readIdleClaims('dev', [idle('dev', 0)]), 'claim 0 has no port')
})
