import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { certificatePem, createAuthority } from '#lib/pki/certificate.ts'
import { ingressOf, planned, rule, secretOf, toldOf } from './planned.ts'

describe('certificates of clients', () => {
  const { certificate } = createAuthority({ commonName: 'Clients' }, { notBefore: 0, notAfter: 4_000_000_000_000 })
  const authority = certificatePem(certificate)
  const secrets = [
    secretOf('clients', { 'ca.crt': authority }),
    secretOf('empty', { 'tls.crt': 'x' }),
    secretOf('odd', { 'ca.crt': authority, 'ca.crl': 'none' }),
  ]
  const of = (name: string, annotations: Readonly<Record<string, string>>, age = 0, host = 'a.example') =>
    ingressOf(name, { rules: [rule(host, `/${name} -> web`)] }, annotations, age)
  const asks = (...ingresses: ReturnType<typeof of>[]) => planned({ ingresses, secrets })

  it('are asked for all paths of the host as its oldest ingress says', () => {
    const plan = asks(
      of('old', { 'auth-tls-secret': 'clients' }, 2),
      of('new', { 'auth-tls-secret': 'clients', 'auth-tls-verify-client': 'optional' }, 1),
      of('other', {}, 0, 'b.example'),
    )
    assert.deepEqual(
      plan.routing.serverNames.map(({ host, certificate: name, clients }) => [host, name, clients]),
      [[{ kind: 'exact', name: 'a.example' }, 'default', { authority }]],
    )
    assert.deepEqual(
      plan.routing.routes.map(({ rules }) => rules.clientCertificate?.demand),
      ['required', 'required', undefined, undefined, undefined],
    )
    assert.deepEqual(toldOf(plan), [
      'shop/new ConflictingHost: Certificates of clients of a.example are checked as the older Ingress shop/old says',
    ])
  })

  for (const [annotations, host, problem] of [
    [{ 'auth-tls-secret': 'empty' }, 'a.example', 'Secret empty has no ca.crt with certificates in PEM'],
    [{ 'auth-tls-secret': 'odd' }, 'a.example', 'the ca.crl of Secret odd has no lists in PEM'],
    [{ 'auth-tls-secret': 'clients' }, '', 'auth-tls-secret needs a host that clients can ask for'],
  ] as const)
    it(`cannot be checked: ${problem}`, () => {
      const plan = asks(of('web', annotations, 0, host))
      assert.deepEqual(toldOf(plan), [`shop/web InvalidAnnotation: Requests get 503 because ${problem}`])
      const [first] = plan.routing.routes
      assert.deepEqual([first!.rules, first!.action.kind === 'respond' && first!.action.status], [{}, 503])
      assert.deepEqual(plan.routing.serverNames, [])
    })
})
