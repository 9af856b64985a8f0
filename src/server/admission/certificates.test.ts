import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificateSigningRequests } from '#api/certificates/v1/certificateSigningRequest.ts'
import { podCertificateRequests } from '#api/certificates/v1alpha1/podCertificateRequest.ts'
import { clusterTrustBundles } from '#api/certificates/v1beta1/clusterTrustBundle.ts'
import type { Resource } from '#api/resource.ts'
import { generateKey } from '#lib/pki/certificate.ts'
import { createRequest } from '#lib/pki/request.ts'
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  clusterTrustBundleAttest,
  type MaySign,
} from './certificates.ts'
import type { AdmissionPlugin } from './chain.ts'
import { ask, type RequestSketch } from './testRequest.ts'

/** Somebody who may do everything with one signer and everything but attest with all of a domain. */
const may: MaySign = (_caller, verb, signer) => signer === 'a.b/one' || (signer === 'all.b/*' && verb !== 'attest')

const keys = generateKey()
const request = (organizations: readonly string[]): string =>
  Buffer.from(createRequest({ commonName: 'n', organizations }, {}, keys)).toString('base64')
const csr = (signerName: string, status: object = {}, text = ''): object => ({
  metadata: { name: 'r' },
  spec: { signerName, request: text },
  status,
})
const bundle = (signerName?: string, trustBundle = 'x'): object => ({
  metadata: { name: 'b' },
  spec: { trustBundle, ...(signerName && { signerName }) },
})
const approved = { conditions: [{ type: 'Approved', status: 'True' }] }
const clientSigner = 'kubernetes.io/kube-apiserver-client'

const rows: readonly {
  readonly name: string
  readonly plugin: AdmissionPlugin
  readonly resource?: Resource<any>
  readonly ask: RequestSketch
  /** Absent: may. */
  readonly not?: string
}[] = [
  {
    name: 'approve for the signer',
    plugin: certificateApproval(may),
    ask: { object: csr('a.b/one', approved), old: csr('a.b/one'), subresource: 'approval' },
  },
  {
    name: 'approve for a signer of the domain',
    plugin: certificateApproval(may),
    ask: { object: csr('all.b/x', approved), old: csr('all.b/x'), subresource: 'approval' },
  },
  {
    name: 'approve for another signer',
    plugin: certificateApproval(may),
    ask: { object: csr('a.b/two', approved), old: csr('a.b/two'), subresource: 'approval' },
    not: 'certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to approve requests with signerName "a.b/two"',
  },
  {
    name: 'write a certificate for another signer',
    plugin: certificateSigning(may),
    ask: { object: csr('a.b/two', { certificate: 'eA==' }), old: csr('a.b/two'), subresource: 'status' },
    not: 'certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to sign requests with signerName "a.b/two"',
  },
  {
    name: 'write a status that decides nothing',
    plugin: certificateSigning(may),
    ask: { object: csr('a.b/two', approved), old: csr('a.b/two', approved), subresource: 'status' },
  },
  {
    name: 'issue a certificate of a pod',
    plugin: certificateSigning(may),
    resource: podCertificateRequests,
    ask: { object: csr('a.b/one', approved), old: csr('a.b/one'), subresource: 'status' },
  },
  {
    name: 'issue a certificate of a pod for another signer',
    plugin: certificateSigning(may),
    resource: podCertificateRequests,
    ask: { object: csr('a.b/two', approved), old: csr('a.b/two'), subresource: 'status' },
    not: 'PodCertificateRequest.certificates.k8s.io "r" is invalid: spec.signerName: Forbidden: User "somebody" is not permitted to "sign" for signer "a.b/two"',
  },
  {
    name: 'attest for the signer',
    plugin: clusterTrustBundleAttest(may),
    resource: clusterTrustBundles,
    ask: { object: bundle('a.b/one') },
  },
  {
    name: 'attest for a domain that was only given for signing',
    plugin: clusterTrustBundleAttest(may),
    resource: clusterTrustBundles,
    ask: { object: bundle('all.b/x') },
    not: 'clustertrustbundles.certificates.k8s.io "b" is forbidden: user not permitted to attest for signerName "all.b/x"',
  },
  {
    name: 'write a bundle of no signer',
    plugin: clusterTrustBundleAttest(may),
    resource: clusterTrustBundles,
    ask: { object: bundle() },
  },
  {
    name: 'ask for a certificate of a user',
    plugin: certificateSubjectRestriction,
    ask: { object: csr(clientSigner, {}, request(['team'])) },
  },
  {
    name: 'ask for a certificate of the masters',
    plugin: certificateSubjectRestriction,
    ask: { object: csr(clientSigner, {}, request(['team', 'system:masters'])) },
    not: 'certificatesigningrequests.certificates.k8s.io "r" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
  },
  {
    name: 'ask another signer for it',
    plugin: certificateSubjectRestriction,
    ask: { object: csr('a.b/one', {}, request(['system:masters'])) },
  },
]

for (const { name, plugin, resource = certificateSigningRequests, ask: sketch, not } of rows) {
  test(`${plugin.name}: one may ${not === undefined ? '' : 'not '}${name}`, async () => {
    assert.equal((await ask(plugin, resource, sketch)).refused, not)
  })
}

test('what is no request for a certificate is refused', async () => {
  const verdict = await ask(certificateSubjectRestriction, certificateSigningRequests, {
    object: csr(clientSigner, {}, 'eA=='),
  })
  assert.match(verdict.refused!, /is forbidden: failed to parse CSR: /)
})
