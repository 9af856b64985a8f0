// Policies in CEL, from their creation to the requests that they refuse and change.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatusError } from '#machinery/status.ts'
import { validatingAdmissionPolicies } from '#api/admissionregistration/v1/validatingAdmissionPolicy.ts'
import { validatingPolicyStatusController } from '#controllers/validatingPolicyStatus/controller.ts'
import { startCluster } from './controllersCluster.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'

const group = '/apis/admissionregistration.k8s.io'
const maps = '/api/v1/namespaces/default/configmaps'
const resourceRules = [
  { operations: ['CREATE', 'UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
]

async function send({ transport }: ServerFixture, path: string, body: object): Promise<any> {
  try {
    return (await transport.send({ method: 'POST', path, body })).body
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    const { message, reason, details } = error.status
    return { message, reason, code: error.code, causes: details?.causes }
  }
}

test('a policy refuses what breaks it, with the parameters of its binding', async () => {
  await using server = await startServer()
  await send(server, maps, { metadata: { name: 'limits' }, data: { most: '2' } })
  await send(server, `${group}/v1/validatingadmissionpolicies`, {
    metadata: { name: 'size' },
    spec: {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConstraints: { resourceRules },
      validations: [
        {
          expression: 'object.data.size() <= int(params.data.most)',
          messageExpression: '"at most " + params.data.most + " entries"',
        },
      ],
    },
  })
  await send(server, `${group}/v1/validatingadmissionpolicybindings`, {
    metadata: { name: 'size-here' },
    spec: {
      policyName: 'size',
      paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' },
      validationActions: ['Deny'],
    },
  })
  const allowed = await send(server, maps, { metadata: { name: 'small' }, data: { a: '1' } })
  assert.equal(allowed.metadata.name, 'small')
  const message = "ValidatingAdmissionPolicy 'size' with binding 'size-here' denied request: at most 2 entries"
  assert.deepEqual(await send(server, maps, { metadata: { name: 'large' }, data: { a: '1', b: '2', c: '3' } }), {
    message: `configmaps "large" is forbidden: ${message}`,
    reason: 'Invalid',
    code: 422,
    causes: [{ message }],
  })
})

test('a policy with an expression that does not compile is refused', async () => {
  await using server = await startServer()
  const { message } = await send(server, `${group}/v1/validatingadmissionpolicies`, {
    metadata: { name: 'wrong' },
    spec: {
      matchConstraints: { resourceRules },
      validations: [{ expression: 'object.data.size( > 1' }, { expression: '1 + 1' }],
    },
  })
  assert.equal(
    message,
    'ValidatingAdmissionPolicy.admissionregistration.k8s.io "wrong" is invalid: [' +
      'spec.validations[0].expression: Invalid value: "object.data.size( > 1": compilation failed: ERROR: <input>:1:19: Syntax error: extraneous input \'>\' expecting ' +
      "{'[', '{', '(', ')', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | object.data.size( > 1\n | ..................^\n" +
      "ERROR: <input>:1:22: Syntax error: mismatched input '<EOF>' expecting ')'\n | object.data.size( > 1\n | .....................^, " +
      'spec.validations[1].expression: Invalid value: "1 + 1": must evaluate to bool but got int]',
  )
})

test('a mutating policy changes what is created, and a validating one sees it', async () => {
  await using server = await startServer()
  await send(server, `${group}/v1beta1/mutatingadmissionpolicies`, {
    metadata: { name: 'label' },
    spec: {
      matchConstraints: { resourceRules },
      reinvocationPolicy: 'Never',
      failurePolicy: 'Fail',
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: {
            expression:
              'Object{metadata: Object.metadata{labels: Object.metadata.labels{owner: request.userInfo.username}}}',
          },
        },
        {
          patchType: 'JSONPatch',
          jsonPatch: { expression: '[JSONPatch{op: "add", path: "/data/added", value: "yes"}]' },
        },
      ],
    },
  })
  await send(server, `${group}/v1beta1/mutatingadmissionpolicybindings`, {
    metadata: { name: 'label-all' },
    spec: { policyName: 'label' },
  })
  await send(server, `${group}/v1/validatingadmissionpolicies`, {
    metadata: { name: 'owned' },
    spec: { matchConstraints: { resourceRules }, validations: [{ expression: 'has(object.metadata.labels.owner)' }] },
  })
  await send(server, `${group}/v1/validatingadmissionpolicybindings`, {
    metadata: { name: 'owned-all' },
    spec: { policyName: 'owned', validationActions: ['Deny'] },
  })
  const { metadata, data } = await send(server, maps, { metadata: { name: 'a' }, data: { x: '1' } })
  assert.deepEqual(
    { labels: metadata.labels, data },
    { labels: { owner: 'kubernetes-admin' }, data: { added: 'yes', x: '1' } },
  )
  assert.deepEqual(server.bugs, [])
})

test('the status of a policy tells of types that do not fit', async () => {
  await using cluster = await startCluster({ controllers: [validatingPolicyStatusController] })
  const { client, until } = cluster
  await client.create(validatingAdmissionPolicies, {
    metadata: { name: 'typed' },
    spec: {
      matchConstraints: { resourceRules: [{ ...resourceRules[0], operations: ['CREATE'] }] },
      validations: [{ expression: 'object.dataa.size() > 0' }],
    },
  })
  await until('the policy was checked', async () => {
    const { status } = await client.get(validatingAdmissionPolicies, { name: 'typed' })
    return status?.observedGeneration === 1 && status.typeChecking?.expressionWarnings?.length === 1
  })
  assert.deepEqual(cluster.reported, [])
})
