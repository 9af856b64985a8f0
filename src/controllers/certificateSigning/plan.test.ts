import assert from 'node:assert/strict'
import { test } from 'node:test'
import type {
  CertificateSigningRequest,
  CertificateSigningRequestSpec,
  CertificateSigningRequestStatus,
  KeyUsage,
} from '#api/certificates/v1/certificateSigningRequest.ts'
import { generateKey, type AlternativeNames, type Subject } from '#lib/pki/certificate.ts'
import { createRequest } from '#lib/pki/request.ts'
import { planSigning } from './plan.ts'

const now = Date.UTC(2026, 0, 1)
const minute = 60_000
const day = 24 * 60 * minute
const keys = generateKey()
const node = { commonName: 'system:node:n1', organizations: ['system:nodes'] }
const asClient: readonly KeyUsage[] = ['client auth', 'digital signature']
const asServer: readonly KeyUsage[] = ['server auth', 'digital signature', 'key encipherment']
const ofKind = (type: string) => ({ type, status: 'True' }) as const
const approved: CertificateSigningRequestStatus = { conditions: [ofKind('Approved')] }

interface Row {
  readonly name: string
  readonly signer?: string
  readonly subject?: Subject
  readonly names?: AlternativeNames
  readonly usages?: readonly KeyUsage[]
  readonly spec?: Partial<CertificateSigningRequestSpec>
  readonly status?: CertificateSigningRequestStatus
  readonly plan: string
}

function requestOf({
  signer = 'kube-apiserver-client',
  subject = { commonName: 'ada' },
  ...row
}: Row): CertificateSigningRequest {
  const pem = createRequest(subject, row.names ?? {}, keys)
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'r' },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: signer.includes('/') ? signer : `kubernetes.io/${signer}`,
      usages: [...(row.usages ?? asClient)],
      ...row.spec,
    },
    status: row.status ?? approved,
  }
}

const rows: readonly Row[] = [
  { name: 'a client', plan: 'sign digitalSignature clientAuth' },
  { name: 'not decided', status: {}, plan: 'nothing' },
  { name: 'denied', status: { conditions: [ofKind('Denied')] }, plan: 'nothing' },
  { name: 'failed', status: { conditions: [ofKind('Approved'), ofKind('Failed')] }, plan: 'nothing' },
  { name: 'signed', status: { ...approved, certificate: 'eA==' }, plan: 'nothing' },
  { name: 'to a signer of somebody else', signer: 'example.com/mine', plan: 'nothing' },
  {
    name: 'a client that would serve',
    usages: ['client auth', 'server auth'],
    plan: 'fail invalid usage for client certificate: server auth',
  },
  {
    name: 'a client that would not be one',
    usages: ['digital signature'],
    plan: 'fail missing required usage for client certificate: client auth',
  },
  {
    name: 'a kubelet as client',
    signer: 'kube-apiserver-client-kubelet',
    subject: node,
    plan: 'sign digitalSignature clientAuth',
  },
  {
    name: 'a kubelet of no node',
    signer: 'kube-apiserver-client-kubelet',
    subject: { ...node, commonName: 'n1' },
    plan: 'fail subject common name does not begin with system:node:',
  },
  {
    name: 'a kubelet of other groups',
    signer: 'kube-apiserver-client-kubelet',
    subject: { ...node, organizations: ['system:nodes', 'system:masters'] },
    plan: 'fail subject organization is not system:nodes',
  },
  ...Object.entries({
    DNS: { dnsNames: ['n1'] },
    Email: { emails: ['a@b'] },
    IP: { addresses: ['10.0.0.1'] },
    URI: { uris: ['spiffe://a'] },
  }).map(([what, names]): Row => ({
    name: `a kubelet as client with another name: ${what}`,
    signer: 'kube-apiserver-client-kubelet',
    subject: node,
    names,
    plan: `fail ${what} subjectAltNames are not allowed`,
  })),
  {
    name: 'a kubelet as client for too much',
    signer: 'kube-apiserver-client-kubelet',
    subject: node,
    usages: asServer,
    plan: 'fail usages did not match [client auth digital signature key encipherment]',
  },
  {
    name: 'a kubelet that serves',
    signer: 'kubelet-serving',
    subject: node,
    names: { dnsNames: ['n1'], addresses: ['10.0.0.1'] },
    usages: asServer,
    plan: 'sign digitalSignature,keyEncipherment serverAuth',
  },
  {
    name: 'a kubelet that serves nowhere',
    signer: 'kubelet-serving',
    subject: node,
    usages: asServer,
    plan: 'fail DNS or IP subjectAltName is required',
  },
  {
    name: 'a kubelet that serves as a client',
    signer: 'kubelet-serving',
    subject: node,
    names: { dnsNames: ['n1'] },
    plan: 'fail usages did not match [digital signature key encipherment server auth]',
  },
  {
    name: 'whatever the oldest signer is asked for',
    signer: 'legacy-unknown',
    usages: ['signing', 'digital signature', 'cert sign', 'any', 's/mime', 'email protection', 'server auth'],
    plan: 'sign digitalSignature,certSign any,serverAuth,emailProtection',
  },
]

for (const row of rows) {
  test(`signing: ${row.name}`, () => {
    const plan = planSigning(requestOf(row), now + 3650 * day, now)
    const { keyUsages, extendedUsages } = plan.do === 'sign' ? plan.template : {}
    const rest =
      plan.do === 'fail' ? [plan.message] : plan.do === 'sign' ? [keyUsages!.join(), extendedUsages!.join()] : []
    assert.equal([plan.do, ...rest].join(' '), row.plan)
  })
}

const lives: readonly { name: string; seconds?: number; signerDays?: number; from: number; to: number }[] = [
  { name: 'a year unless told', from: -5 * minute, to: 365 * day - 5 * minute },
  { name: 'as asked', seconds: 86_400, from: -5 * minute, to: day - 5 * minute },
  { name: 'short ones to the end', seconds: 3600, from: -5 * minute, to: 60 * minute },
  { name: 'ten minutes at least', seconds: 1, from: -5 * minute, to: 10 * minute },
  { name: 'a year at most', seconds: 2 ** 31 - 1, from: -5 * minute, to: 365 * day - 5 * minute },
  { name: 'no longer than the signer', signerDays: 30, from: -5 * minute, to: 30 * day },
]

for (const { name, seconds, signerDays = 3650, from, to } of lives) {
  test(`signing: how long: ${name}`, () => {
    const spec = seconds === undefined ? {} : { expirationSeconds: seconds }
    const plan = planSigning(requestOf({ name, spec, plan: '' }), now + signerDays * day, now)
    assert.ok(plan.do === 'sign')
    const { notBefore, notAfter } = plan.template
    assert.deepEqual([notBefore - now, notAfter - now], [from, to])
  })
}

test('signing: a signer whose own time is over signs nothing', () => {
  assert.throws(() => planSigning(requestOf({ name: '', plan: '' }), now, now), /the signer has expired/)
})
