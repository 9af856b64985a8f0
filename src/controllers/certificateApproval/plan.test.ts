import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CertificateSigningRequest, KeyUsage } from '#api/certificates/v1/certificateSigningRequest.ts'
import { generateKey } from '#lib/pki/certificate.ts'
import { createRequest } from '#lib/pki/request.ts'
import { approvalGrounds } from './plan.ts'

const keys = generateKey()

const rows: readonly {
  readonly name: string
  readonly username: string
  readonly node?: string
  readonly signer?: string
  readonly usages?: readonly KeyUsage[]
  readonly status?: CertificateSigningRequest['status']
  readonly grounds: readonly string[]
}[] = [
  { name: 'a machine that joins', username: 'system:bootstrap:abc', grounds: ['nodeclient'] },
  { name: 'a node that renews', username: 'system:node:n1', grounds: ['selfnodeclient', 'nodeclient'] },
  { name: 'a node that asks for another', username: 'system:node:n2', grounds: ['nodeclient'] },
  { name: 'to another signer', username: 'system:node:n1', signer: 'kube-apiserver-client', grounds: [] },
  { name: 'what no kubelet asks for', username: 'system:node:n1', usages: ['server auth'], grounds: [] },
  { name: 'of no node', username: 'ada', node: 'ada', grounds: [] },
  {
    name: 'decided already',
    username: 'system:node:n1',
    status: { conditions: [{ type: 'Denied', status: 'True' }] },
    grounds: [],
  },
]

for (const row of rows) {
  test(`approval: ${row.name}`, () => {
    const { username, node = 'system:node:n1', signer = 'kube-apiserver-client-kubelet', usages } = row
    const pem = createRequest({ commonName: node, organizations: ['system:nodes'] }, {}, keys)
    const request = Buffer.from(pem).toString('base64')
    const grounds = approvalGrounds({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'r' },
      spec: {
        request,
        username,
        signerName: `kubernetes.io/${signer}`,
        usages: [...(usages ?? (['client auth', 'digital signature', 'key encipherment'] as const))],
      },
      ...(row.status === undefined ? {} : { status: row.status }),
    })
    assert.deepEqual(
      grounds.map(({ subresource }) => subresource),
      row.grounds,
    )
  })
}
