import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatusError } from '#machinery/status.ts'
import { inProcessTransport, type InProcessTransport } from '#server/inProcess.ts'
import { administrator, startServer } from './apiServerFixture.ts'

const rbac = '/apis/rbac.authorization.k8s.io/v1'
const authorization = '/apis/authorization.k8s.io/v1'

function post(transport: InProcessTransport, path: string, body: object): Promise<any> {
  return transport.send({ method: 'POST', path, body }).then((reply) => reply.body)
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    if (error instanceof StatusError) return `${error.code} ${error.message}`
    throw error
  }
  return 'accepted'
}

const role = { metadata: { name: 'reader' }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }] }
const reader = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' }

test('reviews tell what is allowed and why', async () => {
  await using fixture = await startServer({ roles: true })
  const { transport, server } = fixture
  await post(transport, `${rbac}/clusterroles`, role)
  await post(transport, `${rbac}/namespaces/default/rolebindings`, {
    metadata: { name: 'readers' },
    roleRef: reader,
    subjects: [
      { kind: 'User', name: 'jane' },
      { kind: 'ServiceAccount', name: 'robot' },
    ],
  })
  await post(transport, `${rbac}/clusterrolebindings`, {
    metadata: { name: 'lost' },
    roleRef: { ...reader, name: 'gone' },
    subjects: [{ kind: 'Group', name: 'losers' }],
  })
  await fixture.store.revision()
  const ask = async (spec: object): Promise<object> =>
    (await post(transport, `${authorization}/subjectaccessreviews`, { spec })).status
  const pods = { verb: 'list', resource: 'pods', namespace: 'default' }
  const of = 'RBAC: allowed by RoleBinding "readers/default" of ClusterRole "reader" to'
  assert.deepEqual(await ask({ user: 'jane', resourceAttributes: pods }), {
    allowed: true,
    reason: `${of} User "jane"`,
  })
  assert.deepEqual(await ask({ user: 'system:serviceaccount:default:robot', resourceAttributes: pods }), {
    allowed: true,
    reason: `${of} ServiceAccount "robot/default"`,
  })
  assert.deepEqual(await ask({ user: 'jane', resourceAttributes: { ...pods, namespace: 'kube-system' } }), {
    allowed: false,
  })
  assert.deepEqual(await ask({ user: 'jane', resourceAttributes: { ...pods, namespace: '' } }), { allowed: false })
  assert.deepEqual(await ask({ user: 'x', groups: ['losers'], resourceAttributes: pods }), {
    allowed: false,
    reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
  })
  assert.deepEqual(await ask({ groups: ['system:masters'], nonResourceAttributes: { verb: 'get', path: '/x' } }), {
    allowed: true,
  })
  const jane = inProcessTransport(server, { name: 'jane', groups: ['system:authenticated'] })
  const rules = await post(jane, `${authorization}/selfsubjectrulesreviews`, { spec: { namespace: 'default' } })
  assert.deepEqual(rules.status, {
    resourceRules: [
      {
        verbs: ['create'],
        apiGroups: ['authorization.k8s.io'],
        resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
      },
      { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
      { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] },
    ],
    nonResourceRules: [
      {
        verbs: ['get'],
        nonResourceURLs:
          '/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/'.split(' '),
      },
      { verbs: ['get'], nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version', '/version/'] },
    ],
    incomplete: false,
  })
})

test('wrong questions are refused as upstream does', async () => {
  await using fixture = await startServer()
  const { transport } = fixture
  const pods = { verb: 'list', resource: 'pods' }
  const rows: [string, object, string][] = [
    [
      'subjectaccessreviews',
      { spec: {} },
      '422 .authorization.k8s.io "" is invalid: [spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified, spec.user: Invalid value: "": at least one of user or group must be specified]',
    ],
    [
      'selfsubjectaccessreviews',
      { spec: { resourceAttributes: pods, nonResourceAttributes: { path: '/x', verb: 'get' } } },
      '422 .authorization.k8s.io "" is invalid: spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: cannot be specified in combination with resourceAttributes',
    ],
    [
      'namespaces/default/localsubjectaccessreviews',
      { spec: { user: 'a', resourceAttributes: { ...pods, namespace: 'other' } } },
      '422 .authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace',
    ],
    [
      'namespaces/default/localsubjectaccessreviews',
      { metadata: { namespace: 'other' }, spec: { user: 'a', resourceAttributes: pods } },
      '400 the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      'subjectaccessreviews',
      { spec: { user: 'a', resourceAttributes: { ...pods, fieldSelector: {} } } },
      '422 .authorization.k8s.io "" is invalid: spec.resourceAttributes.fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required',
    ],
    ['selfsubjectrulesreviews', { spec: {} }, '400 no namespace on request'],
  ]
  for (const [path, body, expected] of rows) {
    assert.equal(await refusal(post(transport, `${authorization}/${path}`, body)), expected)
  }
})

test('names of roles are path segments and what they refer to cannot be changed', async () => {
  await using fixture = await startServer()
  const transport = inProcessTransport(fixture.server, administrator)
  await post(transport, `${rbac}/clusterroles`, { metadata: { name: 'Odd:name' } })
  await post(transport, `${rbac}/clusterrolebindings`, { metadata: { name: 'b' }, roleRef: reader })
  const change = transport.send({
    method: 'PATCH',
    path: `${rbac}/clusterrolebindings/b`,
    contentType: 'application/merge-patch+json',
    body: { roleRef: { name: 'x' } },
  })
  assert.equal(
    await refusal(change),
    '422 ClusterRoleBinding.rbac.authorization.k8s.io "b" is invalid: roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"x"}: cannot change roleRef',
  )
})
