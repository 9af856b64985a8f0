import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionOf, mergeKubeconfigs, parseKubeconfig } from './kubeconfig.ts'

const text = `
apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: dev
  cluster: {server: "https://10.0.0.1:6443", certificate-authority-data: Q0E=}
contexts:
- name: dev
  context: {cluster: dev, user: admin, namespace: team}
- name: plain
  context: {cluster: dev, user: robot}
- name: broken
  context: {cluster: none, user: admin}
users:
- name: admin
  user: {client-certificate-data: Q0VSVA==, client-key: /keys/admin}
- name: robot
  user: {tokenFile: /token}
`
const readFile = (path: string): Promise<string> => Promise.resolve(`text of ${path}\n`)

test('the current context says where, as whom and in which namespace', async () => {
  assert.deepEqual(await connectionOf(parseKubeconfig(text, 'config'), readFile), {
    options: {
      url: 'https://10.0.0.1:6443',
      tls: { authority: 'CA', certificate: 'CERT', key: 'text of /keys/admin\n' },
    },
    namespace: 'team',
  })
})

test('a token file is read when the token is needed', async () => {
  const { options, namespace } = await connectionOf(parseKubeconfig(text, 'config'), readFile, 'plain')
  assert.deepEqual([await options.token?.(), namespace], ['text of /token', 'default'])
})

const wrong: readonly (readonly [text: string, context: string | undefined, message: RegExp])[] = [
  ['a: [', undefined, /^Error: Cannot read config: /],
  ['- a', undefined, /Cannot read config: it is no kubeconfig/],
  ['contexts: 3', undefined, /Cannot read config: contexts is no list/],
  ['users: [{}]', undefined, /Cannot read config: users\[0\] has no name/],
  ['', undefined, /No context is chosen/],
  [text, 'other', /context "other" does not exist/],
  [text, 'broken', /cluster "none" of context "broken" does not exist/],
]

for (const [input, context, message] of wrong) {
  test(`refused: ${message.source}`, async () => {
    await assert.rejects(async () => connectionOf(parseKubeconfig(input, 'config'), readFile, context), message)
  })
}

test('of several files the first that names something counts', () => {
  const one = parseKubeconfig('contexts: [{name: a, context: {cluster: x, user: x}}]', 'one')
  const two = parseKubeconfig(
    'current-context: b\ncontexts: [{name: a, context: {cluster: y, user: y}}, {name: b}]',
    'two',
  )
  const merged = mergeKubeconfigs([one, two])
  assert.deepEqual(
    [merged.currentContext, merged.contexts.get('a')?.cluster, merged.contexts.has('b')],
    ['b', 'x', true],
  )
})
