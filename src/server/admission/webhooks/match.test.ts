import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RuleWithOperations } from '#api/admissionregistration/v1/rules.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { deployments } from '#api/apps/v1/deployment.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { AdmissionRequest } from '../chain.ts'
import { clusterWith } from '../testRequest.ts'
import { matchForm, namespaceMatches, objectMatches, type Forms } from './match.ts'

const rule = (more: Partial<RuleWithOperations> = {}): RuleWithOperations => ({
  operations: ['*'],
  apiGroups: ['*'],
  apiVersions: ['*'],
  resources: ['*/*'],
  ...more,
})
const deploymentsBeta = { ...deployments, version: 'v1beta1' }

interface Row {
  readonly rule: RuleWithOperations
  readonly resource?: Resource<any>
  readonly subresource?: string
  readonly namespace?: string
  readonly operation?: AdmissionRequest['operation']
  readonly exact?: boolean
  /** The version under which it is shown. */
  readonly is: string | undefined
}

const rows: readonly Row[] = [
  { rule: rule(), is: 'v1' },
  { rule: rule({ operations: ['CREATE', 'UPDATE'] }), is: 'v1' },
  { rule: rule({ operations: ['UPDATE'] }), is: undefined },
  { rule: rule({ operations: ['CONNECT'] }), operation: 'CONNECT', subresource: 'exec', is: 'v1' },
  { rule: rule({ apiGroups: ['apps'] }), is: undefined },
  { rule: rule({ apiGroups: [''] }), is: 'v1' },
  { rule: rule({ resources: ['pods'] }), is: 'v1' },
  { rule: rule({ resources: ['pods'] }), subresource: 'status', is: undefined },
  { rule: rule({ resources: ['pods/status'] }), subresource: 'status', is: 'v1' },
  { rule: rule({ resources: ['pods/*'] }), subresource: 'status', is: 'v1' },
  { rule: rule({ resources: ['pods/*'] }), is: 'v1' },
  { rule: rule({ resources: ['*'] }), subresource: 'status', is: undefined },
  { rule: rule({ resources: ['*/scale'] }), resource: deployments, subresource: 'scale', is: 'v1' },
  { rule: rule({ scope: 'Namespaced' }), is: 'v1' },
  { rule: rule({ scope: 'Cluster' }), is: undefined },
  { rule: rule({ scope: 'Cluster' }), resource: nodes, namespace: '', is: 'v1' },
  { rule: rule({ scope: 'Namespaced' }), resource: namespaces, namespace: 'n', is: undefined },
  { rule: rule({ scope: 'Cluster' }), resource: namespaces, namespace: 'n', is: 'v1' },
  { rule: rule({ apiVersions: ['v1beta1'] }), resource: deployments, is: 'v1beta1' },
  { rule: rule({ apiVersions: ['v1beta1'] }), resource: deployments, exact: true, is: undefined },
  { rule: rule({ apiVersions: ['v2'] }), resource: deployments, is: undefined },
  { rule: {}, is: undefined },
]

for (const { rule: given, is, exact, ...row } of rows) {
  const { resource = pods, subresource = '', namespace = 'n', operation = 'CREATE' } = row
  const what = `${operation} ${resource.plural}${subresource === '' ? '' : `/${subresource}`} in "${namespace}"`
  test(`${JSON.stringify(given)} ${exact ? 'exactly ' : ''}${is === undefined ? 'leaves' : `takes as ${is}`} ${what}`, () => {
    const forms: Forms = resource === deployments ? [deployments, deploymentsBeta] : [resource]
    const matching = { rules: [given], matchPolicy: exact ? ('Exact' as const) : ('Equivalent' as const) }
    assert.equal(matchForm(matching, { operation, subresource, namespace, resource }, forms)?.version, is)
  })
}

test('a rule for the version that was asked for goes before others', () => {
  const rules = [rule({ apiVersions: ['v1beta1'] }), rule({ apiVersions: ['v1'] })]
  const request = { operation: 'CREATE', subresource: '', namespace: 'n', resource: deployments } as const
  assert.equal(matchForm({ rules }, request as never, [deployments, deploymentsBeta])?.version, 'v1')
})

test('selectors look at labels of the object, new or old, and of its namespace', () => {
  const object = (labels?: Record<string, string>): KubeObject => ({ metadata: { name: 'o', labels } }) as KubeObject
  const request = (more: object): AdmissionRequest =>
    ({
      operation: 'UPDATE',
      resource: pods,
      subresource: '',
      namespace: 'n',
      name: 'o',
      ...more,
    }) as unknown as AdmissionRequest
  const selector = { matchLabels: { a: '1' } }
  assert.ok(objectMatches({}, request({ object: object() })))
  assert.ok(objectMatches(selector, request({ object: object(), old: object({ a: '1' }) })))
  assert.ok(!objectMatches(selector, request({ object: object({ a: '2' }) })))
  const absent = { matchExpressions: [{ key: 'a', operator: 'DoesNotExist' as const }] }
  assert.ok(objectMatches(absent, request({ object: object() })))
  const cluster = clusterWith({ namespaces: [{ metadata: { name: 'n', labels: { a: '1' } } }] })
  assert.ok(namespaceMatches(selector, request({ object: object() }), cluster))
  assert.ok(!namespaceMatches({ matchLabels: { a: '2' } }, request({ object: object() }), cluster))
  assert.ok(namespaceMatches(selector, request({ resource: nodes, namespace: '' }), cluster))
  assert.ok(!namespaceMatches(selector, request({ resource: namespaces, namespace: '', object: object() }), cluster))
  assert.throws(
    () => namespaceMatches(selector, request({ namespace: 'gone' }), cluster),
    /namespaces "gone" not found/,
  )
})
