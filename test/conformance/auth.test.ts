import assert from 'node:assert/strict'
import { tokenReviews } from '#api/authentication/v1/tokenReview.ts'
import { localSubjectAccessReviews } from '#api/authorization/v1/localSubjectAccessReview.ts'
import { subjectAccessReviews } from '#api/authorization/v1/subjectAccessReview.ts'
import { certificateSigningRequests } from '#api/certificates/v1/certificateSigningRequest.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import { roles } from '#api/rbac/v1/role.ts'
import { roleBindings } from '#api/rbac/v1/roleBinding.ts'
import { clientOver } from '#client/client.ts'
import { certificatePem, createAuthority, generateKey } from '#lib/pki/certificate.ts'
import { createRequest } from '#lib/pki/request.ts'
import { isReason } from '#machinery/status.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { startServer } from '../integration/apiServerFixture.ts'
import { conformance } from './conformance.ts'
import { namespace, showLifeCycle, withServer } from './lifeCycle.ts'

const at = { name: 'shown', namespace }
const base64 = (text: string): string => Buffer.from(text).toString('base64')

conformance('[sig-auth] Certificates API should support CSR API operations', async () => {
  const request = base64(createRequest({ commonName: 'a.example.com' }, { dnsNames: ['a.example.com'] }, generateKey()))
  const validity = { notBefore: Date.UTC(2026, 0, 1), notAfter: Date.UTC(2027, 0, 1) }
  const certificate = base64(certificatePem(createAuthority({ commonName: 'a.example.com' }, validity).certificate))
  await showLifeCycle(certificateSigningRequests, {
    object: () => ({
      spec: {
        request,
        signerName: 'example.com/shown',
        expirationSeconds: 3600,
        usages: ['digital signature' as const, 'key encipherment' as const, 'server auth' as const],
      },
    }),
    status: { certificate },
    async also(client, created) {
      const where = { name: created.metadata.name! }
      assert.equal(created.spec.expirationSeconds, 3600)
      const selected = await client.list(certificateSigningRequests, {
        fieldSelector: 'spec.signerName=example.com/shown',
      })
      assert.equal(selected.items.length, 3)
      const read = await client.getSubresource<typeof created>(certificateSigningRequests, where, 'approval')
      assert.equal(read.metadata.uid, created.metadata.uid)
      const patched = await client.patchSubresource<typeof created>(certificateSigningRequests, where, 'approval', {
        type: 'merge',
        body: {
          metadata: { annotations: { approval: 'patched' } },
          status: { conditions: [{ type: 'ApprovalPatch', status: 'True', reason: 'Shown' }] },
        },
      })
      assert.equal(patched.metadata.annotations?.['approval'], 'patched')
      const approved = { type: 'Approved', status: 'True', reason: 'Shown', message: 'by a test' } as const
      const conditions = [...patched.status!.conditions!, approved]
      await client.updateSubresource(certificateSigningRequests, where, 'approval', {
        ...patched,
        status: { ...patched.status, conditions },
      })
      const decided = await client.get(certificateSigningRequests, where)
      assert.deepEqual(
        decided.status?.conditions?.map(({ type }) => type),
        ['ApprovalPatch', 'Approved'],
      )
      const told = [...decided.status!.conditions!, { ...approved, type: 'StatusUpdate' }]
      const updated = await client.updateStatus(certificateSigningRequests, {
        ...decided,
        status: { ...decided.status, conditions: told },
      })
      assert.equal(updated.status?.conditions?.at(-1)?.type, 'StatusUpdate')
    },
  })
})

conformance('[sig-auth] ServiceAccounts should run through the lifecycle of a ServiceAccount', () =>
  showLifeCycle(serviceAccounts, {
    object: () => ({}),
    async also(client, { metadata }) {
      const body = { automountServiceAccountToken: false }
      await client.patch(serviceAccounts, { name: metadata.name!, namespace }, { type: 'strategic', body })
      const { items } = await client.list(serviceAccounts, { labelSelector: `name=${metadata.name}` })
      assert.equal(items[0]?.automountServiceAccountToken, false)
    },
  }),
)

conformance('[sig-auth] ServiceAccounts should update a ServiceAccount', () =>
  withServer(async (client) => {
    const created = await client.create(serviceAccounts, { metadata: at, automountServiceAccountToken: false })
    await client.update(serviceAccounts, { ...created, automountServiceAccountToken: true })
    assert.equal((await client.get(serviceAccounts, at)).automountServiceAccountToken, true)
  }),
)

conformance('[sig-auth] ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview', () =>
  withServer(async (client) => {
    await client.create(serviceAccounts, { metadata: at })
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec: {} }
    const { status } = await client.createSubresource<object, { readonly status: { readonly token: string } }>(
      serviceAccounts,
      at,
      'token',
      body,
    )
    assert.notEqual(status.token, '')
    const review = await client.create(tokenReviews, { metadata: {}, spec: { token: status.token } })
    assert.equal(review.status?.error, undefined)
    assert.equal(review.status?.authenticated, true)
    assert.equal(review.status?.user?.username, `system:serviceaccount:${namespace}:${at.name}`)
  }),
)

conformance('[sig-auth] SubjectReview should support SubjectReview API operations', async () => {
  await using fixture = await startServer({ roles: true })
  const client = clientOver(fixture.transport)
  const account = await client.create(serviceAccounts, { metadata: at })
  const user = `system:serviceaccount:${namespace}:${at.name}`
  const groups = ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${namespace}`]
  const resourceAttributes = { verb: 'list', resource: 'configmaps', namespace, version: 'v1' }
  const spec = { resourceAttributes, user, groups, uid: account.metadata.uid! }
  const asAccount = clientOver(inProcessTransport(fixture.server, { name: user, groups }))
  const isAllowed = async (): Promise<boolean> => {
    try {
      await asAccount.list(configMaps, { namespace })
      return true
    } catch (error) {
      if (!isReason(error, 'Forbidden')) throw error
      return false
    }
  }
  const expect = async (allowed: boolean): Promise<void> => {
    assert.equal(await isAllowed(), allowed)
    const review = await client.create(subjectAccessReviews, { metadata: {}, spec })
    assert.equal(review.status?.allowed, allowed)
    const local = await client.create(localSubjectAccessReviews, { metadata: { namespace }, spec })
    assert.equal(local.status?.allowed, allowed)
  }
  await expect(false)
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }]
  await client.create(roles, { metadata: { name: 'lister', namespace }, rules })
  await client.create(roleBindings, {
    metadata: { name: 'listers', namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'lister' },
    subjects: [{ kind: 'ServiceAccount', name: at.name, namespace }],
  })
  await fixture.store.revision()
  await expect(true)
  assert.deepEqual(fixture.bugs, [])
})
