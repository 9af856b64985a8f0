/** From a request to a certificate, and until the request is gone, under simulated time. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import {
  certificateSigningRequests,
  type CertificateSigningRequest,
  type CertificateSigningRequestSpec,
} from '#api/certificates/v1/certificateSigningRequest.ts'
import { clusterRoleBindings } from '#api/rbac/v1/clusterRoleBinding.ts'
import { clientOver, type Client } from '#client/client.ts'
import { generateKey, subjectOf, validityOf, type Subject } from '#lib/pki/certificate.ts'
import { createRequest } from '#lib/pki/request.ts'
import { isReason } from '#machinery/status.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { simulatedCluster } from '#simulation/simulatedCluster.ts'

const controllers = [
  'certificatesigningrequest-approving-controller',
  'certificatesigningrequest-signing-controller',
  'certificatesigningrequest-cleaner-controller',
]
const bare = { nodes: 0, scheduler: false, controllers, heartbeats: 'directly' } as const

const ask = (
  client: Client,
  name: string,
  subject: Subject,
  spec: Partial<CertificateSigningRequestSpec> = {},
): Promise<CertificateSigningRequest> => {
  const request = Buffer.from(createRequest(subject, {}, generateKey())).toString('base64')
  const usages = ['client auth', 'digital signature'] as const
  return client.create(certificateSigningRequests, {
    metadata: { name },
    spec: { request, signerName: 'kubernetes.io/kube-apiserver-client', usages: [...usages], ...spec },
  })
}

const find = (client: Client, name: string): Promise<CertificateSigningRequest> =>
  client.get(certificateSigningRequests, { name })

const isGone = async (client: Client, name: string): Promise<boolean> => {
  try {
    await find(client, name)
    return false
  } catch (error) {
    return isReason(error, 'NotFound')
  }
}

const decide = async (client: Client, name: string, type: 'Approved' | 'Denied'): Promise<void> => {
  const request = await find(client, name)
  const body = { ...request, status: { conditions: [{ type, status: 'True', reason: 'ByTest' }] } }
  await client.updateSubresource(certificateSigningRequests, { name }, 'approval', body)
}

const certificateOf = ({ status }: CertificateSigningRequest): X509Certificate | undefined =>
  status?.certificate === undefined ? undefined : new X509Certificate(Buffer.from(status.certificate, 'base64'))

test('who is approved gets a certificate, and the request is kept for an hour', async () => {
  await using cluster = await simulatedCluster(bare)
  const { client, clock } = cluster
  await ask(client, 'ada', { commonName: 'ada', organizations: ['dev'] }, { expirationSeconds: 86_400 })
  await clock.advance('5m')
  assert.equal((await find(client, 'ada')).status?.conditions, undefined)
  await decide(client, 'ada', 'Approved')
  await cluster.until(async () => certificateOf(await find(client, 'ada')) !== undefined)
  const certificate = certificateOf(await find(client, 'ada'))!
  assert.deepEqual(subjectOf(certificate), { commonName: 'ada', organizations: ['dev'] })
  const { notBefore, notAfter } = validityOf(certificate)
  assert.equal(notAfter - notBefore, 86_400_000)
  await clock.advance('59m')
  assert.equal(await isGone(client, 'ada'), false)
  await clock.advance('2m')
  assert.equal(await isGone(client, 'ada'), true)
  assert.deepEqual(cluster.problems, [])
})

test('what a signer does not sign fails, what nobody decides goes after a day, and what others sign stays', async () => {
  await using cluster = await simulatedCluster(bare)
  const { client, clock } = cluster
  await ask(client, 'serves', { commonName: 'ada' }, { usages: ['server auth'] })
  await ask(client, 'waits', { commonName: 'ada' })
  await ask(client, 'denied', { commonName: 'ada' })
  await ask(client, 'others', { commonName: 'ada' }, { signerName: 'example.com/mine' })
  await decide(client, 'serves', 'Approved')
  await decide(client, 'denied', 'Denied')
  await decide(client, 'others', 'Approved')
  await cluster.until(async () => ((await find(client, 'serves')).status?.conditions ?? []).length === 2)
  const { conditions } = (await find(client, 'serves')).status!
  const { type, status, reason, message } = conditions![1]!
  assert.deepEqual(
    { type, status, reason, message },
    {
      type: 'Failed',
      status: 'True',
      reason: 'SignerValidationFailure',
      message: 'invalid usage for client certificate: server auth',
    },
  )
  await clock.advance('61m')
  const names = async (): Promise<string> =>
    (await client.list(certificateSigningRequests)).items.map(({ metadata }) => metadata.name).join()
  assert.equal(await names(), 'others,waits')
  await clock.advance('24h')
  assert.equal(await names(), 'others')
})

test('a machine that may join is approved without a person, another one is not', async () => {
  await using cluster = await simulatedCluster(bare)
  const { client } = cluster
  const kubelet = { signerName: 'kubernetes.io/kube-apiserver-client-kubelet' }
  const node = { commonName: 'system:node:n9', organizations: ['system:nodes'] }
  for (const role of ['node-bootstrapper', 'certificates.k8s.io:certificatesigningrequests:nodeclient']) {
    await client.create(clusterRoleBindings, {
      metadata: { name: role },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: `system:${role}` },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'joining' }],
    })
  }
  const clientAs = (name: string, groups: readonly string[]): Client =>
    clientOver(inProcessTransport(cluster.server, { name, groups: [...groups, 'system:authenticated'] }))
  await client.create(clusterRoleBindings, {
    metadata: { name: 'may-ask' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:node-bootstrapper' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'stranger' }],
  })
  await ask(clientAs('newcomer', ['joining']), 'joins', node, kubelet)
  await ask(clientAs('stranger', []), 'stranger', node, kubelet)
  await cluster.until(async () => certificateOf(await find(client, 'joins')) !== undefined)
  const [approved] = (await find(client, 'joins')).status!.conditions!
  assert.deepEqual(
    [approved?.type, approved?.reason, approved?.message],
    ['Approved', 'AutoApproved', 'Auto approving kubelet client certificate after SubjectAccessReview.'],
  )
  assert.equal((await find(client, 'stranger')).status?.conditions, undefined)
  // Once a role lets it, it is approved at the next look.
  await client.patch(
    clusterRoleBindings,
    { name: 'certificates.k8s.io:certificatesigningrequests:nodeclient' },
    {
      type: 'merge',
      body: { subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'stranger' }] },
    },
  )
  await cluster.until(async () => certificateOf(await find(client, 'stranger')) !== undefined)
})
