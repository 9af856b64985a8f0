/**
 * People's own network plugins: a configuration that a pod puts on its node takes over new pods there while those of before
 * go on, and gives way again; a cluster without a network waits for one. Needs root and containerd.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { placeLayout } from '#cluster/place/layout.ts'
import { ensureKubectl } from '../../tools/kubectl.ts'
import {
  host,
  machineMarks,
  newPerson,
  reasonToSkip,
  reasonToSkipLong,
  roots,
  run,
  until,
  type Person,
} from './faultsFixture.ts'

const images = ['nginx', 'curl', 'busybox'].map((name) =>
  fileURLToPath(new URL(`../images/${name}.yaml`, import.meta.url)),
)

/** Debian's plugins under a name that only this node knows, with addresses that the cluster gives to nobody. */
const conflist = JSON.stringify({
  cniVersion: '1.0.0',
  name: 'people',
  plugins: [
    {
      type: 'people-ptp',
      mtu: 1400,
      ipam: { type: 'host-local', ranges: [[{ subnet: '10.244.128.0/24' }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
    { type: 'tuning', sysctl: { 'net.ipv4.tcp_keepalive_time': '1234' } },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
})

const pod = (name: string, nodeName: string, container: object, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { nodeName, terminationGracePeriodSeconds: 0, containers: [{ name: 'main', ...container }], ...more },
})
/** Serves a page, and has a program that fetches others'. */
const web = (name: string, nodeName: string): object => ({
  ...pod(name, nodeName, {}),
  spec: {
    nodeName,
    terminationGracePeriodSeconds: 0,
    containers: [
      { name: 'main', image: 'nginx:alpine' },
      { name: 'ask', image: 'curlimages/curl', imagePullPolicy: 'IfNotPresent', command: ['sleep', '3600'] },
    ],
  },
})

/** Puts a plugin and its configuration on a node, as the DaemonSets of network plugins do. */
const installer = pod(
  'installer',
  'worker',
  {
    image: 'busybox:1.35',
    command: [
      'sh',
      '-c',
      `cp /programs/ptp /programs/people-ptp && printf %s '${conflist}' > /configurations/.new && mv /configurations/.new /configurations/05-people.conflist`,
    ],
    volumeMounts: [
      { name: 'programs', mountPath: '/programs' },
      { name: 'configurations', mountPath: '/configurations' },
    ],
  },
  {
    restartPolicy: 'Never',
    volumes: [
      { name: 'programs', hostPath: { path: '/opt/cni/bin' } },
      { name: 'configurations', hostPath: { path: '/etc/cni/net.d' } },
    ],
  },
)

async function tools(person: Person, cluster: string) {
  const kubectl = await ensureKubectl((line) => console.error(line))
  const tryKube = (...words: string[]) => run([kubectl.path, ...words], { KUBECONFIG: person.kubeconfig })
  const kube = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await tryKube(...words)
    assert.equal(code, 0, `kubectl ${words.join(' ')}: ${stderr}`)
    return stdout.trim()
  }
  const start = async (object: object): Promise<void> => {
    const file = join(person.home, 'object.json')
    await writeFile(file, JSON.stringify(object))
    await kube('apply', '-f', file)
  }
  const ready = async (name: string): Promise<string> => {
    await kube('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=30s')
    return await kube('get', 'pod', name, '-o', 'jsonpath={.status.podIP}')
  }
  const ip = (node: string) => host.ip(placeLayout(cluster, node, roots).networkNamespace)
  const links = async (node: string) => (await ip(node).show(['link', 'show'])).map(({ ifname }) => String(ifname))
  const routes = async (node: string) =>
    (await ip(node).show(['-4', 'route', 'show'])).filter(({ protocol }) => protocol === '89')
  return { tryKube, kube, start, ready, links, routes }
}

const machineFolders = async (): Promise<readonly boolean[]> =>
  Promise.all(
    ['/etc/cni/net.d', '/opt/cni/bin', '/run/flannel', '/var/lib/calico'].map(
      async (folder) => (await host.files.status(folder)) !== undefined,
    ),
  )

describe('network plugins of others', { concurrency: 1, skip: reasonToSkip }, () => {
  test('take over new pods of a node, and give way again', { skip: reasonToSkipLong, timeout: 180_000 }, async () => {
    const cluster = 't-foreign'
    const { cniFolder } = placeLayout(cluster, 'worker', roots)
    await using person = await newPerson()
    const { kube, start, ready, links, routes } = await tools(person, cluster)
    await person.k8ts('down', cluster)
    const before = await machineFolders()
    try {
      await person.must('up', cluster, '--workers', '1', '--ephemeral')
      for (const image of images) await person.must('image', 'build', '--file', image, '--cluster', cluster)
      for (const node of ['worker', 'control-plane']) await start(web(`old-${node}`, node))
      const [old, other] = [await ready('old-worker'), await ready('old-control-plane')]
      const range = (await kube('get', 'node', 'worker', '-o', 'jsonpath={.spec.podCIDR}')).replace('0/24', '')
      assert.ok(old.startsWith(range), old)
      const fetches = async (from: string, address: string): Promise<void> => {
        const page = await kube('exec', from, '-c', 'ask', '--', 'curl', '-sS', '-m', '5', `http://${address}/`)
        assert.match(page, /Welcome to nginx!/, `${from} -> ${address}`)
      }

      await start(installer)
      await kube('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/installer', '--timeout=30s')
      await until('ours steps aside', async () => (await host.files.list(cniFolder)).join() === '05-people.conflist')
      await start(web('theirs', 'worker'))
      const theirs = await ready('theirs')
      assert.match(theirs, /^10\.244\.128\./)
      const inside = (...words: string[]) => kube('exec', 'theirs', '-c', 'ask', '--', ...words)
      assert.equal(await inside('cat', '/sys/class/net/eth0/mtu'), '1400')
      assert.equal(await inside('cat', '/proc/sys/net/ipv4/tcp_keepalive_time'), '1234')
      await fetches('theirs', old)
      await fetches('old-worker', theirs)
      // Pods of before go on as they were, to other nodes too.
      await fetches('old-worker', other)
      await fetches('old-control-plane', old)
      await start(web('ours', 'control-plane'))
      assert.doesNotMatch(await ready('ours'), /^10\.244\.128\./)
      assert.equal((await routes('worker')).length, 1)

      await kube('delete', 'pod', 'old-worker', 'installer')
      await until('our bridge and routes are gone', async () => {
        return !(await links('worker')).includes('cni0') && (await routes('worker')).length === 0
      })
      assert.ok((await links('control-plane')).includes('cni0'))
      assert.equal(await host.files.status('/opt/cni/bin/people-ptp'), undefined)
      assert.deepEqual(await host.files.list('/etc/cni/net.d'), [])

      await host.files.remove(`${cniFolder}/05-people.conflist`)
      await until('ours comes back', async () => (await host.files.list(cniFolder)).join() === '10-pods.conflist')
      await start(web('back', 'worker'))
      const back = await ready('back')
      assert.ok(back.startsWith(range), back)
      await fetches('ours', back)
      await fetches('back', other)
      await kube('delete', 'pod', 'theirs')
    } finally {
      await person.must('down', cluster)
    }
    assert.deepEqual(await machineFolders(), before)
    for (const [kind, marks] of Object.entries(await machineMarks(cluster))) assert.deepEqual(marks, [], kind)
  })

  test('are waited for where pods get no network', { timeout: 120_000 }, async () => {
    const cluster = 't-bare'
    const { cniFolder } = placeLayout(cluster, 'control-plane', roots)
    await using person = await newPerson()
    const { kube } = await tools(person, cluster)
    await person.k8ts('down', cluster)
    try {
      assert.match(
        await person.must('up', cluster, '--ephemeral', '--no-pod-network'),
        /become ready once you install a network plugin/,
      )
      const condition = (field: string): Promise<string> =>
        kube('get', 'node', 'control-plane', '-o', `jsonpath={.status.conditions[?(@.type=="Ready")].${field}}`)
      assert.equal(await condition('status'), 'False')
      assert.match(
        await condition('message'),
        /^container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized$/,
      )
      const own = JSON.stringify({
        cniVersion: '1.0.0',
        name: 'own',
        plugins: [{ type: 'ptp', ipam: { type: 'host-local', ranges: [[{ subnet: '10.244.128.0/24' }]] } }],
      })
      await host.files.write(`${cniFolder}/20-own.conflist`, own)
      await kube('wait', '--for=condition=Ready', 'node/control-plane', '--timeout=30s')
      assert.deepEqual(await host.files.list(cniFolder), ['20-own.conflist'])
    } finally {
      await person.must('down', cluster)
    }
  })
})
