import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import {
  certificatePem,
  createAuthority,
  generateKey,
  issueCertificate,
  privateKeyPem,
  subjectOf,
} from '#lib/pki/certificate.ts'
import { makeDefaultCertificate } from './certificates.ts'
import { ingressOf, planned, rule, secretOf, toldOf, type World } from './planned.ts'

const now = Date.UTC(2026, 0, 1)
const day = 24 * 3_600_000
const validity = { notBefore: now - day, notAfter: now + 30 * day }
const authority = createAuthority({ commonName: 'ca' }, { notBefore: 0, notAfter: now + 1_000 * day })

function pair(dnsNames: readonly string[], when = validity): Record<string, string> {
  const keys = generateKey()
  const certificate = issueCertificate(authority, {
    subject: { commonName: dnsNames[0]! },
    publicKey: keys.publicKey,
    extendedUsages: ['serverAuth'],
    dnsNames,
    ...when,
  })
  return { 'tls.crt': certificatePem(certificate), 'tls.key': privateKeyPem(keys.privateKey) }
}

const good = pair(['a.example'])
const wildcard = pair(['*.shop.example'])

const rows: readonly {
  readonly name: string
  readonly hosts?: readonly string[]
  readonly tls: readonly { readonly hosts?: string[]; readonly secretName?: string }[]
  readonly world: Partial<World>
  /** `host -> certificate`. */
  readonly serverNames: readonly string[]
  readonly told?: readonly string[]
  /** When all must be looked at again, in milliseconds of Unix time. */
  readonly again?: number
}[] = [
  {
    name: 'a good one',
    tls: [{ hosts: ['a.example'], secretName: 'cert' }],
    world: { secrets: [secretOf('cert', good)] },
    serverNames: ['a.example -> shop/cert'],
    again: now + 30 * day + 1,
  },
  {
    name: 'one that is good for the host although the entry names none',
    tls: [{ secretName: 'cert' }],
    world: { secrets: [secretOf('cert', good)] },
    serverNames: ['a.example -> shop/cert'],
    again: now + 30 * day + 1,
  },
  {
    name: 'one for a wildcard',
    hosts: ['*.shop.example', 'b.shop.example'],
    tls: [{ hosts: ['*.shop.example'], secretName: 'cert' }],
    world: { secrets: [secretOf('cert', wildcard)] },
    serverNames: ['b.shop.example -> shop/cert', '*.shop.example -> shop/cert'],
    again: now + 30 * day + 1,
  },
  { name: 'none is asked for', tls: [], world: {}, serverNames: [] },
  { name: 'the default one', tls: [{ hosts: ['a.example'] }], world: {}, serverNames: ['a.example -> default'] },
  {
    name: 'no Secret',
    tls: [{ hosts: ['a.example'], secretName: 'cert' }],
    world: {},
    serverNames: ['a.example -> default'],
    told: ['there is no such Secret'],
  },
  {
    name: 'a Secret of another namespace',
    tls: [{ hosts: ['a.example'], secretName: 'cert' }],
    world: { secrets: [secretOf('cert', good, 'kube-system')] },
    serverNames: ['a.example -> default'],
    told: ['there is no such Secret'],
  },
  {
    name: 'for another host',
    tls: [{ hosts: ['a.example'], secretName: 'cert' }],
    world: { secrets: [secretOf('cert', pair(['b.example']))] },
    serverNames: ['a.example -> default'],
    told: ['its certificate is not for a.example'],
    again: now + 30 * day + 1,
  },
  {
    name: 'for one host instead of all of a wildcard',
    hosts: ['*.shop.example'],
    tls: [{ hosts: ['*.shop.example'], secretName: 'cert' }],
    world: { secrets: [secretOf('cert', pair(['x.shop.example']))] },
    serverNames: ['*.shop.example -> default'],
    told: ['its certificate is not for *.shop.example'],
    again: now + 30 * day + 1,
  },
  {
    name: 'expired',
    tls: [{ hosts: ['a.example'], secretName: 'cert' }],
    world: { secrets: [secretOf('cert', pair(['a.example'], { notBefore: now - 9 * day, notAfter: now - day }))] },
    serverNames: ['a.example -> default'],
    told: ['its certificate has expired at 2025-12-31T00:00:00.000Z'],
  },
  {
    name: 'not yet good',
    tls: [{ hosts: ['a.example'], secretName: 'cert' }],
    world: { secrets: [secretOf('cert', pair(['a.example'], { notBefore: now + day, notAfter: now + 2 * day }))] },
    serverNames: ['a.example -> default'],
    told: ['its certificate is not valid before 2026-01-02T00:00:00.000Z'],
    again: now + day,
  },
  ...(
    [
      ['no certificate', { 'tls.key': good['tls.key']! }, 'it has no tls.crt'],
      ['no key', { 'tls.crt': good['tls.crt']! }, 'it has no tls.key'],
      ['broken', { ...good, 'tls.crt': 'x' }, 'its tls.crt is not a certificate in PEM'],
      ['a broken key', { ...good, 'tls.key': 'x' }, 'its tls.key is not a private key in PEM'],
      ['the key of another', { ...good, 'tls.key': wildcard['tls.key']! }, 'its tls.key is not the key of its tls.crt'],
    ] as const
  ).map(([name, data, problem]) => ({
    name,
    tls: [{ hosts: ['a.example'], secretName: 'cert' }],
    world: { secrets: [secretOf('cert', data)] },
    serverNames: ['a.example -> default'],
    told: [problem],
  })),
]

for (const { name, hosts = ['a.example'], tls, world, serverNames, told = [], again } of rows) {
  test(`certificate: ${name}`, () => {
    const ingress = ingressOf('web', { rules: hosts.map((host) => rule(host, '/ -> web')), tls: [...tls] })
    const plan = planned({ ingresses: [ingress], now, ...world })
    const { routing } = plan
    assert.deepEqual(
      routing.serverNames.map(
        ({ host, certificate }) =>
          `${host.kind === 'exact' ? host.name : host.kind === 'wildcard' ? `*.${host.name}` : '*'} -> ${certificate}`,
      ),
      serverNames,
    )
    assert.deepEqual(
      toldOf(plan),
      told.map(
        (problem) =>
          `shop/web InvalidCertificate: Secret cert cannot be used for TLS of ${hosts[0]}: ${problem}; the default certificate is used`,
      ),
    )
    assert.equal(plan.again, again)
    assert.ok(routing.serverNames.every(({ certificate }) => routing.certificates.has(certificate)))
    // Who has TLS is sent there; only who has a certificate of his own promises that it will always be so.
    const { requireTls, responseHeaders } = routing.routes[0]!.rules
    assert.deepEqual(requireTls, serverNames.length === 0 ? undefined : { status: 308, port: 443 })
    assert.equal(responseHeaders !== undefined, serverNames[0]?.endsWith('/cert') === true)
  })
}

test('certificate: ssl-redirect can be turned off', () => {
  const ingress = ingressOf(
    'web',
    { rules: [rule('a.example', '/ -> web')], tls: [{ hosts: ['a.example'] }] },
    { 'ssl-redirect': 'false' },
  )
  assert.equal(planned({ ingresses: [ingress] }).routing.routes[0]!.rules.requireTls, undefined)
})

test('certificate: the default one is known by its names', () => {
  const { chain, key } = makeDefaultCertificate(now)
  const certificate = new X509Certificate(chain)
  assert.deepEqual(subjectOf(certificate), {
    commonName: 'Kubernetes Ingress Controller Fake Certificate',
    organizations: ['Acme Co'],
  })
  assert.equal(certificate.issuer, certificate.subject)
  assert.ok(certificate.checkPrivateKey(createPrivateKey(key)))
  assert.ok(certificate.verify(certificate.publicKey))
  assert.ok(certificate.checkHost('ingress.local'))
})
