// Whose policies may have parameters: those of people who may read them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatusError } from '#machinery/status.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { startServer } from './apiServerFixture.ts'

const group = '/apis/admissionregistration.k8s.io'
const rbac = '/apis/rbac.authorization.k8s.io/v1'
const matchConstraints = {
  resourceRules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
}
const jane = { name: 'jane', groups: ['system:authenticated'] }
const who = '&{jane  [system:authenticated] map[]}'

const validating = (name: string, kind = 'ConfigMap') => ({
  metadata: { name },
  spec: { paramKind: { apiVersion: 'v1', kind }, matchConstraints, validations: [{ expression: 'true' }] },
})
const mutating = (name: string) => ({
  metadata: { name },
  spec: {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    matchConstraints,
    reinvocationPolicy: 'Never',
    mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "remove", path: "/spec"}]' } }],
  },
})
const binding = (name: string, policyName: string, paramRef: object, validationActions?: string[]) => ({
  metadata: { name },
  spec: {
    policyName,
    paramRef: { parameterNotFoundAction: 'Deny', ...paramRef },
    ...(validationActions === undefined ? {} : { validationActions }),
  },
})

test('who writes policies and bindings must be able to read the parameters', async () => {
  await using server = await startServer({ roles: true })
  const root = server.transport
  const asJane = inProcessTransport(server.server, jane)
  const post = async (path: string, body: object, transport = asJane): Promise<string> => {
    try {
      await transport.send({ method: 'POST', path, body })
      return 'created'
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      return `${error.code} ${error.status.message}`
    }
  }
  const give = async (name: string, rule: object): Promise<void> => {
    const role = { kind: 'ClusterRole', apiGroup: 'rbac.authorization.k8s.io', name }
    const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }]
    assert.equal(await post(`${rbac}/clusterroles`, { metadata: { name }, rules: [rule] }, root), 'created')
    const bound = { metadata: { name }, roleRef: role, subjects }
    assert.equal(await post(`${rbac}/clusterrolebindings`, bound, root), 'created')
  }
  await give('policies', { apiGroups: ['admissionregistration.k8s.io'], resources: ['*'], verbs: ['*'] })

  const policies = `${group}/v1/validatingadmissionpolicies`
  const bindings = `${group}/v1/validatingadmissionpolicybindings`
  const mutatingPolicies = `${group}/v1beta1/mutatingadmissionpolicies`
  const mutatingBindings = `${group}/v1alpha1/mutatingadmissionpolicybindings`
  assert.equal(
    await post(policies, validating('a')),
    `422 ValidatingAdmissionPolicy.admissionregistration.k8s.io "a" is invalid: spec.paramKind: Forbidden: user ${who} must have "get" permission on all objects of the referenced paramKind (kind=ConfigMap, apiVersion=v1)`,
  )
  assert.equal(
    await post(mutatingPolicies, mutating('a')),
    `422 MutatingAdmissionPolicy.admissionregistration.k8s.io "a" is invalid: spec.paramKind: Forbidden: user ${who} must have "get" permission on all objects of the referenced paramKind (kind=ConfigMap, apiVersion=v1)`,
  )
  for (const [path, policy] of [
    [policies, validating('a')],
    [policies, validating('odd', 'Nothing')],
    [mutatingPolicies, mutating('a')],
  ] as const) {
    assert.equal(await post(path, policy, root), 'created')
  }
  const subject = 'is invalid: spec.paramRef: Forbidden:'
  const rows: [string, object, string][] = [
    [
      bindings,
      binding('b', 'a', { name: 'x', namespace: 'default' }, ['Deny']),
      `422 ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io "b" ${subject} user ${who} does not have "get" permission on the object referenced by paramRef`,
    ],
    [
      mutatingBindings,
      binding('b', 'a', { selector: {} }),
      `422 MutatingAdmissionPolicyBinding.admissionregistration.k8s.io "b" ${subject} user list does not have "${who}" permission on the object referenced by paramRef`,
    ],
    [
      bindings,
      binding('b', 'none', { selector: {} }, ['Deny']),
      `422 ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io "b" ${subject} unable to get policy none to determine minimum required permissions and user ${who} does not have "list" permission for all groups, versions and resources`,
    ],
    [
      bindings,
      binding('b', 'odd', { name: 'x' }, ['Deny']),
      `422 ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io "b" ${subject} unable to resolve paramKind &{v1 Nothing} to determine minimum required permissions and user ${who} does not have "get" permission for all groups, versions and resources`,
    ],
  ]
  for (const [path, body, expected] of rows) assert.equal(await post(path, body), expected)

  await give('configmaps', { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] })
  assert.equal(await post(policies, validating('own')), 'created')
  assert.equal(await post(bindings, binding('named', 'own', { name: 'x' }, ['Deny'])), 'created')
  assert.match(
    await post(bindings, binding('all', 'own', { selector: {} }, ['Deny'])),
    /does not have "list" permission/,
  )

  // What stays as it was needs no permission.
  const stored = (await root.send({ method: 'GET', path: `${policies}/odd` })).body as object
  const labelled = { ...stored, metadata: { ...(stored as { metadata: object }).metadata, labels: { a: 'b' } } }
  await asJane.send({ method: 'PUT', path: `${policies}/odd`, body: labelled })
  assert.deepEqual(server.bugs, [])
})
