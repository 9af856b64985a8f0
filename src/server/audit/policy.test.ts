import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSettings, SettingsError } from '#lib/settings/settingsFile.ts'
import { parseRequestInfo } from '../requestInfo.ts'
import { auditPolicySettings, AuditRules } from './policy.ts'

const head = 'apiVersion: audit.k8s.io/v1\nkind: Policy\n'
const policyOf = (content: string) => readSettings(auditPolicySettings, head + content, 'p')

const jane = { name: 'jane', groups: ['readers', 'system:authenticated'] }

/** What one rule says of requests: its level where it matches, nothing where it does not. */
const rows: readonly (readonly [string, string, Readonly<Record<string, boolean>>])[] = [
  ['every request', '{}', { 'GET /version': true, 'GET /api/v1/nodes': true }],
  ['a user', '{ users: [jane] }', { 'GET /version': true }],
  ['another user', '{ users: [joe] }', { 'GET /version': false }],
  ['a group', '{ userGroups: [writers, readers] }', { 'GET /version': true }],
  ['another group', '{ userGroups: [writers] }', { 'GET /version': false }],
  [
    'verbs',
    '{ verbs: [get, watch] }',
    { 'GET /version': true, 'GET /api/v1/nodes': false, 'GET /api/v1/watch/nodes': true },
  ],
  [
    'a namespace',
    '{ namespaces: [a] }',
    { 'GET /api/v1/namespaces/a/pods': true, 'GET /api/v1/pods': false, 'GET /version': false },
  ],
  ['no namespace', '{ namespaces: [""] }', { 'GET /api/v1/nodes': true, 'GET /api/v1/namespaces/a/pods': false }],
  [
    'a group of the API',
    '{ resources: [{ group: apps }] }',
    { 'GET /apis/apps/v1/deployments': true, 'GET /api/v1/pods': false, 'GET /version': false },
  ],
  [
    'a resource, without what is below it',
    '{ resources: [{ resources: [pods] }] }',
    { 'GET /api/v1/pods': true, 'GET /api/v1/namespaces/a/pods/p/log': false, 'GET /api/v1/nodes': false },
  ],
  [
    'what is below a resource',
    '{ resources: [{ resources: [pods/*] }] }',
    { 'GET /api/v1/namespaces/a/pods/p/log': true, 'GET /api/v1/pods': true, 'GET /api/v1/nodes': false },
  ],
  [
    'one part of all resources',
    '{ resources: [{ resources: ["*/status"] }] }',
    { 'GET /api/v1/nodes/n/status': true, 'GET /api/v1/nodes/n': false },
  ],
  [
    'all resources of a group',
    '{ resources: [{ resources: ["*"] }] }',
    { 'GET /api/v1/nodes/n/status': true, 'GET /apis/apps/v1/deployments': false },
  ],
  [
    'names',
    '{ resources: [{ resources: [nodes], resourceNames: [n1] }] }',
    { 'GET /api/v1/nodes/n1': true, 'GET /api/v1/nodes/m': false, 'GET /api/v1/nodes': false },
  ],
  [
    'paths',
    '{ nonResourceURLs: [/version, "/healthz*"] }',
    { 'GET /version': true, 'GET /healthz/ping': true, 'GET /version/x': false, 'GET /api/v1/nodes': false },
  ],
  ['all paths', '{ nonResourceURLs: ["*"] }', { 'GET /version': true, 'GET /api/v1/nodes': false }],
]

for (const [what, rule, requests] of rows) {
  test(`a rule for ${what} matches what it says`, () => {
    const rules = new AuditRules(policyOf(`rules: [${rule.replace('{', '{ level: Metadata, ').replace(', }', ' }')}]`))
    const found = Object.keys(requests).map((request) => {
      const [method = '', path = ''] = request.split(' ')
      return [request, rules.decide(jane, parseRequestInfo(method, path, false)) !== undefined]
    })
    assert.deepEqual(Object.fromEntries(found), requests)
  })
}

test('the first rule that matches decides, and what it leaves out adds to what the policy leaves out', () => {
  const rules = new AuditRules(
    policyOf(`
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- { level: None, users: [joe] }
- { level: Request, verbs: [get], omitStages: [Panic], omitManagedFields: false }
- { level: RequestResponse }
`),
  )
  const info = (path: string) => parseRequestInfo('GET', path, false)
  assert.equal(rules.decide({ name: 'joe', groups: [] }, info('/version')), undefined)
  assert.deepEqual(rules.decide(jane, info('/version')), {
    level: 'Request',
    omitStages: new Set(['RequestReceived', 'Panic']),
    omitManagedFields: false,
  })
  assert.deepEqual(rules.decide(undefined, info('/api/v1/nodes')), {
    level: 'RequestResponse',
    omitStages: new Set(['RequestReceived']),
    omitManagedFields: true,
  })
})

const mistakes: readonly (readonly [string, string, string])[] = [
  [
    'no rules',
    '',
    'p: rules is missing; it must be a list; each is level, users, userGroups, verbs, resources, namespaces, nonResourceURLs, omitStages, omitManagedFields',
  ],
  ['an empty list of rules', 'rules: []', 'p:3: rules is []; it must have at least 1'],
  [
    'a rule without a level',
    'rules: [{}]',
    'p:3: rules[0].level is missing; it must be one of "None", "Metadata", "Request", "RequestResponse"',
  ],
  [
    'an unknown level',
    'rules: [{ level: All }]',
    'p:3: rules[0].level is "All"; it must be one of "None", "Metadata", "Request", "RequestResponse"',
  ],
  [
    'an unknown stage',
    'rules: [{ level: None, omitStages: [Begin] }]',
    'p:3: rules[0].omitStages[0] is "Begin"; it must be one of "RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"',
  ],
  [
    'an unknown field',
    'rules:\n- level: None\n  user: [a]',
    'p:5: rules[0].user is no setting; there are level, users, userGroups, verbs, resources, namespaces, nonResourceURLs, omitStages, omitManagedFields',
  ],
  [
    'a path that is none',
    'rules: [{ level: None, nonResourceURLs: [version] }]',
    `p:3: rules[0].nonResourceURLs[0] is "version"; it must be a path that begins with '/', or '*'`,
  ],
  [
    'a star in a path',
    'rules: [{ level: None, nonResourceURLs: ["/a*b"] }]',
    `p:3: rules[0].nonResourceURLs[0] is "/a*b"; it may have '*' only as its last character`,
  ],
  [
    'paths and resources',
    'rules: [{ level: None, nonResourceURLs: [/a], namespaces: [b] }]',
    'p:3: rules[0].nonResourceURLs cannot be said together with resources or namespaces',
  ],
  [
    'names without resources',
    'rules: [{ level: None, resources: [{ resourceNames: [a] }] }]',
    'p:3: rules[0].resources[0].resourceNames needs at least one of resources',
  ],
  [
    'a group with its version',
    'rules: [{ level: None, resources: [{ group: apps/v1 }] }]',
    "p:3: rules[0].resources[0].group is \"apps/v1\"; a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  ],
]

for (const [what, content, message] of mistakes) {
  test(`a policy with ${what} is refused`, () => {
    assert.throws(
      () => policyOf(content),
      (error) => {
        assert.ok(error instanceof SettingsError)
        assert.equal(error.message, message)
        return true
      },
    )
  })
}
