import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingsError } from '#lib/settings/settingsFile.ts'
import { readAdmissionFile } from './admissionFile.ts'

const head = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n'

const read = (files: Readonly<Record<string, string>>) => (path: string) => {
  const content = files[path]
  return content === undefined
    ? Promise.reject(new SettingsError(`there is no file ${path}`))
    : Promise.resolve(content)
}

test('a file of kube-apiserver configures plugins, in it and in files beside it', async () => {
  const files = {
    '/etc/admission.yaml': `${head}
plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: { enforce: baseline, enforce-version: v1.30 }
    exemptions: { usernames: [root], namespaces: [kube-system], runtimeClasses: [] }
- name: ResourceQuota
  path: quota.yaml
`,
    '/etc/quota.yaml': `
apiVersion: apiserver.config.k8s.io/v1
kind: ResourceQuotaConfiguration
limitedResources:
- resource: pods
  matchScopes: [{ scopeName: PriorityClass, operator: In, values: [high] }]
`,
  }
  const anything = { level: 'privileged', version: 'latest' }
  assert.deepEqual(await readAdmissionFile(read(files), '/etc/admission.yaml'), {
    podSecurity: {
      defaults: { enforce: { level: 'baseline', version: 30 }, audit: anything, warn: anything },
      exemptions: { usernames: ['root'], namespaces: ['kube-system'], runtimeClasses: [] },
    },
    limitedResources: [
      {
        apiGroup: '',
        resource: 'pods',
        matchContains: [],
        matchScopes: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }],
      },
    ],
  })
})

const mistakes: readonly (readonly [string, string, RegExp])[] = [
  [
    'another kind',
    'apiVersion: v1\nkind: Pod',
    /^\/a:1: apiVersion is "v1"; it must be one of .*\n\/a:2: kind is "Pod"; it must be one of "AdmissionConfiguration"$/,
  ],
  [
    'an unknown plugin',
    `${head}plugins: [{ name: Foo }]`,
    /^\/a:3: plugins\[0\]\.name is "Foo"; it must be one of "PodSecurity", "ResourceQuota"$/,
  ],
  [
    'a plugin twice',
    `${head}plugins: [{ name: PodSecurity }, { name: PodSecurity }]`,
    /^\/a: plugins has "PodSecurity" twice$/,
  ],
  [
    'a mistake within a plugin',
    `${head}plugins:\n- name: PodSecurity\n  configuration:\n    defaults: { audit: x }`,
    /^\/a:6: plugins\[0\]\.configuration\.defaults\.audit is "x"; it must be one of/,
  ],
  [
    'a configuration and a path',
    `${head}plugins: [{ name: PodSecurity, path: p, configuration: {} }]`,
    /^\/a:3: plugins\[0\]\.path cannot be said together with configuration$/,
  ],
  ['a path that leads nowhere', `${head}plugins: [{ name: PodSecurity, path: p }]`, /^there is no file \/p$/],
]

for (const [what, content, message] of mistakes) {
  test(`a file with ${what} is refused`, async () => {
    await assert.rejects(
      readAdmissionFile(read({ '/a': content }), '/a'),
      (error) => error instanceof SettingsError && message.test(error.message),
    )
  })
}
