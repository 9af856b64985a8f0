import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSettings, SettingsError } from '#lib/settings/settingsFile.ts'
import { serverSettings } from './settings.ts'

test('the least that a file must say is where data is kept', () => {
  const settings = readSettings(serverSettings, 'dataDirectory: /data', 'f')
  assert.deepEqual(settings.listen, { address: '0.0.0.0', port: 6443, advertiseAddress: undefined })
  assert.deepEqual(settings.authorization, { modes: ['Node', 'RBAC'] })
  assert.deepEqual(settings.requests, {
    largestBody: 3_145_728,
    inFlight: 400,
    mutatingInFlight: 200,
    timeout: 60_000,
    shortestWatch: 1_800_000,
  })
  assert.deepEqual([settings.eventLifetime, settings.shutdownDelay], [3_600_000, 0])
})

test('a server that is given everything and forgets at the end needs no place for data', () => {
  const content = `
store: { engine: memory }
certificate: { certificateFile: /c, keyFile: /k }
authentication: { clientAuthorityFile: /a }
serviceAccounts: { signingKeyFile: /s }
kubelets: { authorityFile: /a, certificateFile: /c, keyFile: /k }
`
  assert.equal(readSettings(serverSettings, content, 'f').dataDirectory, undefined)
})

const given = 'dataDirectory: /data\n'

const mistakes: readonly (readonly [string, string, string])[] = [
  [
    'no place for the store',
    'listen: {}',
    'f: dataDirectory is missing; the store is kept there (or say store.engine: memory)',
  ],
  [
    'no place for what is made',
    'store: { engine: memory }\nkubelets: { authorityFile: /a, certificateFile: /c, keyFile: /k }',
    'f: dataDirectory is missing; what certificate.certificateFile, authentication.clientAuthorityFile, serviceAccounts.signingKeyFile would name is made and kept there',
  ],
  [
    'an unknown engine',
    `${given}store: { engine: etcd }`,
    'f:2: store.engine is "etcd"; it must be one of "sqlite", "memory"',
  ],
  [
    'a certificate without its key',
    `${given}certificate: { certificateFile: /c }`,
    'f:2: certificate.keyFile is missing; a certificate needs its key',
  ],
  [
    'a key without its certificate',
    `${given}certificate: { keyFile: /k }`,
    'f:2: certificate.certificateFile is missing; a key needs its certificate',
  ],
  [
    'names of a certificate that is given',
    `${given}certificate: { certificateFile: /c, keyFile: /k, names: [a] }`,
    'f:2: certificate.names cannot be said together with certificateFile; a certificate has its own names',
  ],
  [
    'a kubeconfig that nobody could sign',
    `${given}administratorKubeconfig: /k\nauthentication: { clientAuthorityFile: /a }`,
    'f:2: administratorKubeconfig cannot be said together with authentication.clientAuthorityFile; the server has no key of that authority',
  ],
  [
    'a provider without https',
    `${given}authentication:\n  oidc: { issuer: 'http://id', clientId: a }`,
    'f:3: authentication.oidc.issuer is "http://id"; it must be an https URL without query, fragment and user',
  ],
  [
    'a provider without client',
    `${given}authentication:\n  oidc: { issuer: 'https://id' }`,
    'f:3: authentication.oidc.clientId is missing; it must be a text',
  ],
  [
    'a provider with symmetric signatures',
    `${given}authentication:\n  oidc: { issuer: 'https://id', clientId: a, algorithms: [HS256] }`,
    'f:3: authentication.oidc.algorithms[0] is "HS256"; it must be one of "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"',
  ],
  [
    'an unknown mode',
    `${given}authorization: { modes: [ABAC] }`,
    'f:2: authorization.modes[0] is "ABAC"; it must be one of "Node", "RBAC", "AlwaysAllow", "AlwaysDeny"',
  ],
  ['no mode', `${given}authorization: { modes: [] }`, 'f:2: authorization.modes is []; it must have at least 1'],
  [
    'everybody allowed everything',
    `${given}authentication: { anonymous: true }\nauthorization: { modes: [AlwaysAllow] }`,
    'f:2: authentication.anonymous is true; it must be false where authorization.modes has AlwaysAllow',
  ],
  [
    'a plugin that is both',
    `${given}admission: { enable: [Priority], disable: [Priority] }`,
    'f:2: admission.disable[0] is "Priority"; it is enabled too',
  ],
  [
    'Pod Security twice',
    `${given}admission: { podSecurity: {}, configFile: /f }`,
    'f:2: admission.podSecurity cannot be said together with configFile',
  ],
  [
    'an unknown level',
    `${given}admission: { podSecurity: { defaults: { warn: strict } } }`,
    'f:2: admission.podSecurity.defaults.warn is "strict"; it must be one of "privileged", "baseline", "restricted"',
  ],
  [
    'a version without its v',
    `${given}admission: { podSecurity: { defaults: { warn-version: "1.30" } } }`,
    'f:2: admission.podSecurity.defaults.warn-version is "1.30"; it must be "latest" or a version such as "v1.30"',
  ],
  [
    'an exempt user without name',
    `${given}admission: { podSecurity: { exemptions: { usernames: [""] } } }`,
    'f:2: admission.podSecurity.exemptions.usernames[0] is ""; it must not be empty',
  ],
  [
    'a limit of no resource',
    `${given}admission: { resourceQuota: { limitedResources: [{}] } }`,
    'f:2: admission.resourceQuota.limitedResources[0].resource is missing; it must be a resource such as pods',
  ],
  [
    'a range without a prefix',
    `${given}services: { addresses: 10.96.0.0 }`,
    'f:2: services.addresses is "10.96.0.0"; it must be a range such as 10.244.0.0/16, or one of each family such as 10.244.0.0/16,fd00:10:244::/56',
  ],
  [
    'ports in the wrong order',
    `${given}services: { nodePorts: 2-1 }`,
    'f:2: services.nodePorts is "2-1"; it must be two ports such as 30000-32767',
  ],
  [
    'a life of tokens that is too short',
    `${given}serviceAccounts: { longestExpiration: 10m }`,
    'f:2: serviceAccounts.longestExpiration is "10m"; it must be from 3600s to 4294967296s',
  ],
  [
    'an audit log that goes nowhere',
    `${given}audit: { policyFile: /p }`,
    'f:2: audit has neither log nor webhook; events must go somewhere',
  ],
  [
    'an audit log without policy',
    `${given}audit: { log: { path: /l } }`,
    'f:2: audit.policyFile is missing; it must be an absolute path',
  ],
  [
    'an audit log at a relative path',
    `${given}audit: { policyFile: /p, log: { path: audit.log } }`,
    'f:2: audit.log.path is "audit.log"; it must be an absolute path, or -',
  ],
  [
    'half of what kubelets need',
    `${given}kubelets: { authorityFile: /a, keyFile: /k }`,
    'f:2: kubelets.certificateFile is missing; it must be an absolute path',
  ],
]

for (const [what, content, message] of mistakes) {
  test(`a server with ${what} is refused`, () => {
    assert.throws(
      () => readSettings(serverSettings, content, 'f'),
      (error) => {
        assert.ok(error instanceof SettingsError)
        assert.equal(error.message, message)
        return true
      },
    )
  })
}
