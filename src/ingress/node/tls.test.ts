import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAuthority, certificatePem, generateKey, privateKeyPem } from '#lib/pki/certificate.ts'
import type { Certificate, Routing } from '#ingress/routing.ts'
import { prepareCertificates } from './tls.ts'

const identity = (name: string): Certificate => {
  const keys = generateKey()
  const { certificate } = createAuthority({ commonName: name }, { notBefore: 0, notAfter: 4_000_000_000_000 }, keys)
  return { chain: certificatePem(certificate), key: privateKeyPem(keys.privateKey) }
}
const certificates = new Map(['default', 'exact', 'one', 'some'].map((name) => [name, identity(name)]))
const routing: Routing = {
  routes: [],
  pools: new Map(),
  certificates,
  serverNames: [
    { host: { kind: 'exact', name: 'a.test' }, certificate: 'exact' },
    { host: { kind: 'wildcard', name: 'test', labels: 'one' }, certificate: 'one' },
    { host: { kind: 'wildcard', name: 'wide.test', labels: 'some' }, certificate: 'some' },
  ],
  defaultCertificate: 'default',
  fallback: { kind: 'respond', status: 404, body: '' },
}

test('names get the most specific certificate, others the default', () => {
  const ready = prepareCertificates(routing, new Map())
  const contexts = new Map(
    [...certificates].map(([name, { chain, key }]) => [ready.made.get(`${chain}\n${key}`), name] as const),
  )
  const rows: readonly (readonly [string, string])[] = [
    ['a.test', 'exact'],
    ['A.TEST.', 'exact'],
    ['b.test', 'one'],
    ['wide.test', 'one'],
    ['x.wide.test', 'some'],
    ['x.y.wide.test', 'some'],
    ['x.a.test', 'default'],
    ['test', 'default'],
    ['', 'default'],
  ]
  for (const [name, expected] of rows) assert.equal(contexts.get(ready.find(name)), expected, name)
})

test('contexts of certificates that stay are kept, and those that are gone are forgotten', () => {
  const before = prepareCertificates(routing, new Map())
  const changed = new Map(certificates).set('exact', identity('renewed'))
  const after = prepareCertificates({ ...routing, certificates: changed }, before.made)
  assert.equal(after.find('b.test'), before.find('b.test'))
  assert.notEqual(after.find('a.test'), before.find('a.test'))
  assert.equal(after.made.size, 4)
})

test('a certificate that cannot be used is named', () => {
  const { key } = identity('other')
  const broken = new Map(certificates).set('exact', { chain: certificates.get('exact')!.chain, key })
  assert.throws(
    () => prepareCertificates({ ...routing, certificates: broken }, new Map()),
    /^Error: Cannot use certificate exact: /,
  )
  assert.throws(
    () => prepareCertificates({ ...routing, defaultCertificate: 'none' }, new Map()),
    /^Error: Cannot find certificate none among those of the routing$/,
  )
})
