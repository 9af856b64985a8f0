import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps } from '#api/core/v1/configMap.ts'
import { secrets } from '#api/core/v1/secret.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import { clusterRoles } from '#api/rbac/v1/clusterRole.ts'
import { tokenCleaner } from '#controllers/bootstrapToken/controller.ts'
import { bootstrapSigner } from '#controllers/bootstrapToken/signer.ts'
import { clusterRoleAggregation } from '#controllers/clusterRoleAggregation/controller.ts'
import { serviceAccountTokenController } from '#controllers/serviceAccountToken/controller.ts'
import { isReason } from '#machinery/status.ts'
import { namespace, startCluster, type TestCluster } from './controllersCluster.ts'

async function isGone({ client }: TestCluster, name: string, at = namespace): Promise<boolean> {
  try {
    await client.get(secrets, { name, namespace: at })
    return false
  } catch (error) {
    if (isReason(error, 'NotFound')) return true
    throw error
  }
}

async function reviewed({ client }: TestCluster, token: string): Promise<any> {
  const body = { spec: { token } }
  const path = '/apis/authentication.k8s.io/v1/tokenreviews'
  return ((await client.transport.send({ method: 'POST', path, body })).body as { status: unknown }).status
}

test('a Secret gets the token of its account, which is good until one of them is gone', async () => {
  await using cluster = await startCluster({ controllers: [serviceAccountTokenController] })
  const { client } = cluster
  const account = await client.create(serviceAccounts, { metadata: { name: 'robot', namespace } })
  const tokenSecret = (name: string, of: string): Promise<unknown> =>
    client.create(secrets, {
      metadata: { name, namespace, annotations: { 'kubernetes.io/service-account.name': of } },
      type: 'kubernetes.io/service-account-token',
    })
  await tokenSecret('key', 'robot')
  await tokenSecret('lost', 'nobody')
  await cluster.until('the token is there and the other Secret is gone', async () => {
    const { data = {} } = await client.get(secrets, { name: 'key', namespace })
    return data['token'] !== undefined && (await isGone(cluster, 'lost'))
  })
  const { data = {}, metadata } = await client.get(secrets, { name: 'key', namespace })
  const text = (key: string): string => Buffer.from(data[key]!, 'base64').toString()
  assert.equal(text('ca.crt'), 'PEM')
  assert.equal(text('namespace'), namespace)
  assert.equal(metadata.annotations!['kubernetes.io/service-account.uid'], account.metadata.uid)
  const review = await reviewed(cluster, text('token'))
  assert.equal(review.authenticated, true)
  assert.deepEqual(review.user, {
    username: 'system:serviceaccount:default:robot',
    uid: account.metadata.uid,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
  })
  await tokenSecret('listed', 'robot')
  const named = [{ name: 'listed' }, { name: 'key' }]
  await client.update(serviceAccounts, { ...account, secrets: named })
  await cluster.until('it is filled', async () =>
    Object.hasOwn((await client.get(secrets, { name: 'listed', namespace })).data ?? {}, 'token'),
  )
  await client.delete(secrets, { name: 'listed', namespace })
  await cluster.until('its account lists it no more', async () => {
    const { secrets: left } = await client.get(serviceAccounts, { name: 'robot', namespace })
    return left?.map(({ name }) => name).join() === 'key'
  })
  await client.delete(serviceAccounts, { name: 'robot', namespace })
  await cluster.until('the Secret is gone', () => isGone(cluster, 'key'))
  assert.equal(
    (await reviewed(cluster, text('token'))).error,
    'invalid bearer token, service account token has been invalidated',
  )
})

test('bootstrap tokens go when their time is over', async () => {
  await using cluster = await startCluster({ controllers: [tokenCleaner] })
  const { client, clock } = cluster
  const create = (id: string, seconds?: number): Promise<unknown> => {
    const end = seconds === undefined ? '' : new Date(clock.now() + seconds * 1_000).toISOString()
    return client.create(secrets, {
      metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
      type: 'bootstrap.kubernetes.io/token',
      stringData: { 'token-id': id, ...(end === '' ? {} : { expiration: end }) },
    })
  }
  await create('aaaaaa', 30)
  await create('bbbbbb')
  await cluster.until('the first is gone', () => isGone(cluster, 'bootstrap-token-aaaaaa', 'kube-system'))
  assert.equal(await isGone(cluster, 'bootstrap-token-bbbbbb', 'kube-system'), false)
})

test('what machines may know before they are trusted is signed with each token', async () => {
  await using cluster = await startCluster({ controllers: [bootstrapSigner] })
  const { client } = cluster
  const at = { name: 'cluster-info', namespace: 'kube-public' }
  await client.create(configMaps, { metadata: at, data: { kubeconfig: 'x' } })
  const data = { 'token-id': 'aaaaaa', 'token-secret': '0123456789abcdef', 'usage-bootstrap-signing': 'true' }
  const name = 'bootstrap-token-aaaaaa'
  const type = 'bootstrap.kubernetes.io/token'
  await client.create(secrets, { metadata: { name, namespace: 'kube-system' }, type, stringData: data })
  const isSigned = async (): Promise<boolean> =>
    (await client.get(configMaps, at)).data?.['jws-kubeconfig-aaaaaa'] !== undefined
  await cluster.until('it is signed', isSigned)
  await client.delete(secrets, { name, namespace: 'kube-system' })
  await cluster.until('the signature went with the token', async () => !(await isSigned()))
})

test('the roles for people gather the rules of their parts', async () => {
  await using cluster = await startCluster({ controllers: [clusterRoleAggregation] })
  const { client } = cluster
  const ruleCount = async (name: string): Promise<number> =>
    (await client.get(clusterRoles, { name })).rules?.length ?? 0
  await cluster.until('all have their rules', async () => {
    const [view, edit, admin] = [await ruleCount('view'), await ruleCount('edit'), await ruleCount('admin')]
    return view > 0 && edit > view && admin > edit
  })
  const widgets = { verbs: ['get'], apiGroups: ['example.com'], resources: ['widgets'] }
  await client.create(clusterRoles, {
    metadata: { name: 'widgets', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
    rules: [widgets],
  })
  const has = async (name: string): Promise<boolean> =>
    (await client.get(clusterRoles, { name })).rules?.some(({ resources }) => resources?.[0] === 'widgets') === true
  await cluster.until('the new part came through to the widest', () => has('admin'))
  assert.deepEqual([await has('view'), await has('edit')], [true, true])
  await client.delete(clusterRoles, { name: 'widgets' })
  await cluster.until('it went again', async () => !(await has('admin')))
})
