import assert from 'node:assert/strict'
import { test } from 'node:test'
import { completeConfig } from './config.ts'
import {
  contextName,
  forgetContext,
  kubeconfigOwner,
  kubeconfigPath,
  mergeContext,
  refuseKubeconfig,
  writeAdminKubeconfig,
  writeKubeconfig,
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
  await mergeContext(files, { path }, 'k8ts', admin)
  const text = (await files.readText(path))!
  assert.match(text, /current-context: k8ts/)
  assert.match(text, /server: https:\/\/10\.89\.1\.11:6443/)
  assert.equal((await files.status(path))!.mode & 0o777, 0o600)
})

test('mergeContext leaves everything else as it is, comments too, and forgetContext takes out only what is ours', async () => {
  const files = await withCluster({ [path]: foreign })
  await mergeContext(files, { path }, 'k8ts', admin)
  const merged = (await files.readText(path))!
  assert.match(merged, /# the one at work/)
  assert.match(merged, /# rotated in May/)
  assert.match(merged, /server: https:\/\/work\.example\.com:6443/)
  assert.match(merged, /current-context: k8ts/)
  await forgetContext(files, { path }, 'k8ts')
  const left = (await files.readText(path))!
  assert.doesNotMatch(left, /k8ts/)
  assert.match(left, /# the one at work/)
  assert.match(left, /current-context: ""/)
})

test('mergeContext twice changes nothing', async () => {
  const files = await withCluster({ [path]: foreign })
  await mergeContext(files, { path }, 'k8ts', admin)
  const once = await files.readText(path)
  await mergeContext(files, { path }, 'k8ts', admin)
  assert.equal(await files.readText(path), once)
})

test('mergeContext refuses to replace a context of the same name that is not ours', async () => {
  const files = await withCluster({ [path]: foreign.replaceAll('work', 'k8ts') })
  await assert.rejects(
    mergeContext(files, { path }, 'k8ts', admin),
    /has a context "k8ts" that belongs to another cluster/,
  )
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
    await assert.rejects(refuseKubeconfig(files, path, 'k8ts'), message)
    await assert.rejects(mergeContext(files, { path }, 'k8ts', admin), message)
    await forgetContext(files, { path }, 'k8ts')
    assert.equal(await files.readText(path), text)
  }
})

test('mergeContext keeps the namespace that was chosen for our context', async () => {
  const files = await withCluster({})
  await mergeContext(files, { path }, 'k8ts', admin)
  const chosen = (await files.readText(path))!.replace('user: k8ts\n', 'user: k8ts\n      namespace: team\n')
  await files.write(path, chosen)
  await mergeContext(files, { path }, 'k8ts', admin)
  assert.match((await files.readText(path))!, /namespace: team/)
})

test('mergeContext names the file and what is wrong with it', async () => {
  for (const [text, message] of [
    ['clusters: [', /^cannot read \/home\/ann\/\.kube\/config: /],
    ['- a list', /it is no kubeconfig/],
    ['clusters: none', /clusters is no list/],
  ] as const) {
    const files = await withCluster({ [path]: text })
    await assert.rejects(mergeContext(files, { path }, 'k8ts', admin), (error) =>
      message.test((error as Error).message),
    )
  }
})

const passwd = 'root:x:0:0::/root:/bin/sh\nann:x:1000:1000:Ann:/home/ann:/bin/sh\nd:x:9:9::/none:/bin/sh\n'
const sudo = { HOME: '/root', SUDO_USER: 'ann', SUDO_UID: '1000', SUDO_GID: '1000' }

test('the kubeconfig is that of who types the command', async () => {
  const files = fakeFiles({ '/etc/passwd': passwd, '/home/ann/.profile': '' })
  const rows: readonly [environment: Record<string, string>, uid: number, path: string][] = [
    [{ KUBECONFIG: ':/a/b:/c', HOME: '/home/ann' }, 1000, '/a/b'],
    [{ HOME: '/home/elsewhere' }, 1000, '/home/elsewhere/.kube/config'],
    [{}, 1000, path],
    [{ HOME: '/root' }, 0, '/root/.kube/config'],
    [sudo, 0, path],
    [{ ...sudo, KUBECONFIG: '/a/b' }, 0, '/a/b'],
    // Of an account that is not in the file there is only the home that is said.
    [{ ...sudo, SUDO_UID: '2000', HOME: '/home/bob' }, 0, '/home/bob/.kube/config'],
    [{ ...sudo, SUDO_UID: '9' }, 0, '/root/.kube/config'],
    // Root's rights were given up again.
    [sudo, 1000, '/root/.kube/config'],
    [{ HOME: '/root', SUDO_UID: '0', SUDO_GID: '0' }, 0, '/root/.kube/config'],
  ]
  for (const [environment, uid, expected] of rows)
    assert.equal(await kubeconfigPath(files, environment, uid), expected, JSON.stringify([environment, uid]))
  await assert.rejects(kubeconfigPath(files, {}, 4711), /neither KUBECONFIG nor HOME says where/)
  assert.deepEqual(
    [kubeconfigOwner(sudo, 0), kubeconfigOwner({}, 0), kubeconfigOwner(sudo, 1000), contextName('lab')],
    [{ uid: 1000, gid: 1000 }, { uid: 0, gid: 0 }, undefined, 'k8ts-lab'],
  )
})

test('a kubeconfig that root makes belongs to who typed sudo, and one that is there to whom it belonged', async () => {
  const files = await withCluster({})
  await files.makeFolder('/home/ann', 0o750)
  await files.setOwner('/home/ann', 7, 7)
  const owner = { uid: 1000, gid: 1001 }
  const ownerOf = async (of: string) => {
    const { uid, gid } = (await files.status(of))!
    return { uid, gid }
  }
  await mergeContext(files, { path, owner }, 'k8ts', admin)
  assert.deepEqual([await ownerOf(path), await ownerOf('/home/ann/.kube')], [owner, owner])
  assert.deepEqual(await ownerOf('/home/ann'), { uid: 7, gid: 7 })
  await files.setOwner(path, 8, 9)
  await forgetContext(files, { path, owner }, 'k8ts')
  assert.deepEqual(await ownerOf(path), { uid: 8, gid: 9 })
})

test('links lead to the kubeconfig and stay, and folders stay open to whom they are', async () => {
  const files = await withCluster({ '/home/ann/dotfiles/kube': foreign, '/home/ann/.kube/readme': '' })
  await files.setMode('/home/ann/.kube', 0o1777)
  await files.link('second', path)
  await files.link('../dotfiles/kube', '/home/ann/.kube/second')
  await refuseKubeconfig(files, path, 'k8ts')
  await mergeContext(files, { path }, 'k8ts', admin)
  assert.equal(await files.readLink(path), 'second')
  assert.match((await files.readText('/home/ann/dotfiles/kube'))!, /current-context: k8ts/)
  assert.equal((await files.status('/home/ann/.kube'))!.mode, 0o1777)
  assert.deepEqual(await files.list('/home/ann/.kube'), ['config', 'readme', 'second'])
})

test('a kubeconfig that cannot be written is refused before there is a cluster', async () => {
  const files = fakeFiles({ '/home/ann/.kube/readme': '' })
  const write = () => Promise.reject(new Error('EROFS: read-only file system'))
  await assert.rejects(refuseKubeconfig({ ...files, write }, path, 'k8ts'), {
    message:
      'cannot write /home/ann/.kube/config, where the context goes (KUBECONFIG names another file): EROFS: read-only file system',
  })
})

test('a context of nodes that have IPv6 addresses is taken out as well', async () => {
  const files = await withCluster({})
  const server = { address: 'fd00:10:89:5::b', port: 6443 }
  await writeKubeconfig(files, admin, 'k8ts', server, 'AUTHORITY', { certificate: 'CERTIFICATE', key: 'KEY' })
  await mergeContext(files, { path }, 'k8ts', admin)
  await forgetContext(files, { path }, 'k8ts')
  assert.doesNotMatch((await files.readText(path))!, /k8ts/)
})
