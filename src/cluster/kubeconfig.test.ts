import assert from 'node:assert/strict'
import { test } from 'node:test'
import { completeConfig } from './config.ts'
import {
  contextName,
  forgetContext,
  kubeconfigPath,
  mergeContext,
  refuseForeignContext,
  writeAdminKubeconfig,
} from './kubeconfig.ts'
import { fakeFiles } from '#lib/host/files.ts'

const path = '/home/ann/.kube/config'
const admin = '/var/lib/k8ts/k8ts/admin.kubeconfig'

const foreign = `apiVersion: v1
kind: Config
# the one at work
clusters:
- cluster:
    server: https://work.example.com:6443
  name: work
contexts:
- context:
    cluster: work
    user: ann
  name: work
current-context: work
users:
- name: ann
  user:
    token: secret # rotated in May
`

async function withCluster(initial: Record<string, string>, name = 'k8ts'): Promise<ReturnType<typeof fakeFiles>> {
  const files = fakeFiles(initial)
  const record = {
    config: completeConfig({ name }),
    created: 0,
    nodes: [],
    server: { address: '10.89.1.11', port: 6443 },
  }
  await files.makeFolder('/var/lib/k8ts/k8ts')
  await writeAdminKubeconfig(files, admin, record, 'AUTHORITY', { certificate: 'CERTIFICATE', key: 'KEY' })
  return files
}

test('mergeContext makes a file where there is none, readable by its owner alone', async () => {
  const files = await withCluster({})
  await mergeContext(files, path, 'k8ts', admin)
  const text = (await files.readText(path))!
  assert.match(text, /current-context: k8ts/)
  assert.match(text, /server: https:\/\/10\.89\.1\.11:6443/)
  assert.equal((await files.status(path))!.mode & 0o777, 0o600)
})

test('mergeContext leaves everything else as it is, comments too, and forgetContext takes out only what is ours', async () => {
  const files = await withCluster({ [path]: foreign })
  await mergeContext(files, path, 'k8ts', admin)
  const merged = (await files.readText(path))!
  assert.match(merged, /# the one at work/)
  assert.match(merged, /# rotated in May/)
  assert.match(merged, /server: https:\/\/work\.example\.com:6443/)
  assert.match(merged, /current-context: k8ts/)
  await forgetContext(files, path, 'k8ts')
  const left = (await files.readText(path))!
  assert.doesNotMatch(left, /k8ts/)
  assert.match(left, /# the one at work/)
  assert.match(left, /current-context: ""/)
})

test('mergeContext twice changes nothing', async () => {
  const files = await withCluster({ [path]: foreign })
  await mergeContext(files, path, 'k8ts', admin)
  const once = await files.readText(path)
  await mergeContext(files, path, 'k8ts', admin)
  assert.equal(await files.readText(path), once)
})

test('mergeContext refuses to replace a context of the same name that is not ours', async () => {
  const files = await withCluster({ [path]: foreign.replaceAll('work', 'k8ts') })
  await assert.rejects(mergeContext(files, path, 'k8ts', admin), /has a context "k8ts" that belongs to another cluster/)
  assert.equal(await files.readText(path), foreign.replaceAll('work', 'k8ts'))
})

test('a context, cluster or user of the same name that is not ours is neither replaced nor removed', async () => {
  const renamed = foreign.replace('  name: work\ncurrent', '  name: k8ts\ncurrent')
  const users = foreign.replace('name: ann', 'name: k8ts')
  const clusters = foreign.replace('  name: work\ncontexts', '  name: k8ts\ncontexts')
  for (const [text, what] of [
    [renamed, 'context'],
    [users, 'user'],
    [clusters, 'cluster'],
  ] as const) {
    const files = await withCluster({ [path]: text })
    const message = new RegExp(`has a ${what} "k8ts" that belongs to another cluster`)
    await assert.rejects(refuseForeignContext(files, path, 'k8ts'), message)
    await assert.rejects(mergeContext(files, path, 'k8ts', admin), message)
    await forgetContext(files, path, 'k8ts')
    assert.equal(await files.readText(path), text)
  }
})

test('mergeContext keeps the namespace that was chosen for our context', async () => {
  const files = await withCluster({})
  await mergeContext(files, path, 'k8ts', admin)
  const chosen = (await files.readText(path))!.replace('user: k8ts\n', 'user: k8ts\n      namespace: team\n')
  await files.write(path, chosen)
  await mergeContext(files, path, 'k8ts', admin)
  assert.match((await files.readText(path))!, /namespace: team/)
})

test('mergeContext names the file and what is wrong with it', async () => {
  for (const [text, message] of [
    ['clusters: [', /^cannot read \/home\/ann\/\.kube\/config: /],
    ['- a list', /it is no kubeconfig/],
    ['clusters: none', /clusters is no list/],
  ] as const) {
    const files = await withCluster({ [path]: text })
    await assert.rejects(mergeContext(files, path, 'k8ts', admin), (error) => message.test((error as Error).message))
  }
})

test('kubeconfigPath follows KUBECONFIG, then the home folder', () => {
  assert.deepEqual(
    [kubeconfigPath({ KUBECONFIG: ':/a/b:/c' }), kubeconfigPath({ HOME: '/home/ann' }), contextName('lab')],
    ['/a/b', path, 'k8ts-lab'],
  )
})
