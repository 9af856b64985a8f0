import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findConnection } from './connect.ts'

const kubeconfig = `
current-context: dev
clusters: [{name: dev, cluster: {server: "https://10.0.0.1:6443", certificate-authority: ca.crt}}]
contexts:
- {name: dev, context: {cluster: dev, user: robot}}
- {name: cloud, context: {cluster: dev, user: cloud}}
users:
- {name: robot, user: {tokenFile: ../token}}
- {name: cloud, user: {exec: {command: login}}}
`
const account = '/var/run/secrets/kubernetes.io/serviceaccount'
const pod = { [`${account}/ca.crt`]: 'CA', [`${account}/token`]: 'secret\n', [`${account}/namespace`]: 'team' }

async function find(present: Record<string, string>, environment: Record<string, string>, context?: string) {
  const files = { readText: (path: string) => Promise.resolve(present[path]) }
  const found = await findConnection({ files, environment, ...(context === undefined ? {} : { context }) })
  const { url, tls, token } = found.options
  return [url, tls?.authority, await token?.(), found.namespace]
}

test('files that a kubeconfig names start from its own folder', async () => {
  const present = { '/home/me/.kube/config': kubeconfig, '/home/me/.kube/ca.crt': 'CA', '/home/me/token': 'secret\n' }
  const answer = ['https://10.0.0.1:6443', 'CA', 'secret', 'default']
  assert.deepEqual(await find(present, { HOME: '/home/me' }), answer)
  assert.deepEqual(await find(present, { KUBECONFIG: '/none:/home/me/.kube/config' }), answer)
  // Whoever names a context means the file, inside a pod too.
  assert.deepEqual(
    await find({ ...present, ...pod }, { HOME: '/home/me', KUBERNETES_SERVICE_HOST: 'x' }, 'dev'),
    answer,
  )
})

test('in a pod its account speaks', async () => {
  const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443', HOME: '/root' }
  assert.deepEqual(await find(pod, environment), ['https://[fd00::1]:6443', 'CA', 'secret', 'team'])
})

const refused: readonly (readonly [present: Record<string, string>, context: string | undefined, message: RegExp])[] = [
  [{}, undefined, /^Error: Cannot find a cluster: there is no file \/c; set KUBECONFIG to a kubeconfig$/],
  [{ '/c': kubeconfig }, undefined, /^Error: there is no file \/ca.crt, which the kubeconfig names$/],
  [{ '/c': kubeconfig }, 'cloud', /^Error: user "cloud" of context "cloud" has "exec", which is not supported: use a /],
]
for (const [present, context, message] of refused) {
  test(`refused: ${message.source}`, () => assert.rejects(find(present, { KUBECONFIG: '/c' }, context), message))
}
