/**
 * A worker joins a cluster that is there, and leaves it: a DaemonSet follows, and pods of all nodes reach each other, here in
 * VXLAN. Needs root and containerd.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { placeLayout } from '#cluster/place/layout.ts'
import { ensureKubectl } from '../../tools/kubectl.ts'
import { host, machineMarks, newPerson, reasonToSkipLong, roots, run, until } from './faultsFixture.ts'

const cluster = 't-join'
const images = ['nginx', 'curl', 'busybox'].map((name) =>
  fileURLToPath(new URL(`../images/${name}.yaml`, import.meta.url)),
)

/** On every node a server, and a program that asks others'. */
const workload = JSON.stringify({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        tolerations: [{ operator: 'Exists' }],
        terminationGracePeriodSeconds: 0,
        containers: [
          { name: 'main', image: 'nginx:alpine' },
          { name: 'ask', image: 'curlimages/curl', imagePullPolicy: 'IfNotPresent', command: ['sleep', '3600'] },
        ],
      },
    },
  },
})

test('workers join a cluster that is there, and leave it', { skip: reasonToSkipLong, timeout: 240_000 }, async () => {
  await using person = await newPerson()
  const kubectl = await ensureKubectl((line) => console.error(line))
  const kube = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run([kubectl.path, ...words], { KUBECONFIG: person.kubeconfig })
    assert.equal(code, 0, `kubectl ${words.join(' ')}: ${stderr}`)
    return stdout.trim()
  }
  /** The running pods, each as name, node and address. */
  const pods = async (): Promise<readonly (readonly [string, string, string])[]> => {
    const cells = '{.metadata.name} {.spec.nodeName} {.status.podIP}{"\\n"}'
    const text = await kube('get', 'pods', '-o', `jsonpath={range .items[*]}${cells}{end}`)
    return text.split('\n').map((line) => line.split(' ') as [string, string, string])
  }
  const nodesOf = async (): Promise<readonly string[]> => (await pods()).map(([, node]) => node).toSorted()
  const routes = async (node: string): Promise<readonly unknown[]> =>
    (await host.ip(placeLayout(cluster, node, roots).networkNamespace).show(['-4', 'route', 'show']))
      .filter(({ protocol, dev }) => protocol === '89' && dev === 'k8ts-vxlan')
      .map(({ dst }) => dst)

  await person.k8ts('down', cluster)
  try {
    await person.must('up', cluster, '--workers', '1', '--ephemeral', '--between', 'vxlan', '--traffic-shaping')
    for (const image of images) await person.must('image', 'build', '--file', image, '--cluster', cluster)
    const file = join(person.home, 'workload.json')
    await writeFile(file, workload)
    await kube('apply', '-f', file)
    await kube('rollout', 'status', 'daemonset/web', '--timeout=30s')
    assert.deepEqual(await nodesOf(), ['control-plane', 'worker'])

    assert.match(await person.must('node', 'add', cluster), /^Node "worker2" \(10\.89\.\d+\.13\) has joined cluster/m)
    await kube('wait', '--for=jsonpath={.status.numberReady}=3', 'daemonset/web', '--timeout=60s')
    const all = await pods()
    assert.deepEqual(all.map(([, node]) => node).toSorted(), ['control-plane', 'worker', 'worker2'])
    const asks = async (name: string, address: string): Promise<string> =>
      await kube('exec', name, '-c', 'ask', '--', 'curl', '-sS', '-m', '5', `http://${address}/`)
    for (const [name] of all)
      for (const [, , address] of all)
        assert.match(await asks(name, address), /Welcome to nginx!/, `${name} -> ${address}`)
    assert.equal(await kube('exec', all[0]![0], '-c', 'ask', '--', 'cat', '/sys/class/net/eth0/mtu'), '1450')
    const [, , there] = all.find(([, node]) => node === 'worker2')!
    const page = await fetch(`http://${there}/`, { signal: AbortSignal.timeout(5_000) })
    assert.match(await page.text(), /Welcome to nginx!/)
    assert.equal((await routes('worker')).length, 2)

    // What a pod may take and send is held by the kernel at the node's end of its link.
    const slow = join(person.home, 'slow.json')
    const annotations = { 'kubernetes.io/ingress-bandwidth': '3M', 'kubernetes.io/egress-bandwidth': '2M' }
    await writeFile(
      slow,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'slow', namespace: 'default', annotations },
        spec: { nodeName: 'worker2', containers: [{ name: 'main', image: 'nginx:alpine' }] },
      }),
    )
    await kube('apply', '-f', slow)
    await kube('wait', '--for=condition=Ready', 'pod/slow', '--timeout=30s')
    const { networkNamespace } = placeLayout(cluster, 'worker2', roots)
    const { stdout: shaped } = await run(['nsenter', `--net=${networkNamespace}`, 'tc', 'qdisc', 'show'], {})
    assert.deepEqual([...shaped.matchAll(/^qdisc tbf .* rate (\S+)/gm)].map(([, rate]) => rate).toSorted(), [
      '2Mbit',
      '3Mbit',
    ])

    for (const [words, message] of [
      [['node', 'add', cluster, '--name', 'worker'], /has a node "worker" already/],
      [['node', 'remove', cluster, 'nobody'], /has no node "nobody"; its workers are worker, worker2/],
      [['node', 'remove', cluster, 'control-plane'], /is the control plane of cluster/],
    ] as const) {
      const { code, stderr } = await person.k8ts(...words)
      assert.equal(code, 2)
      assert.match(stderr, message)
    }

    await person.must('node', 'remove', cluster, 'worker2')
    assert.doesNotMatch(await kube('get', 'nodes'), /worker2/)
    await until('the ways to it are gone', async () => (await routes('worker')).length === 1)
    assert.equal(await host.files.status(`/run/k8ts/${cluster}/worker2`), undefined)
    // It may come back under another name.
    assert.match(await person.must('node', 'add', cluster, '--name', 'extra'), /^Node "extra" \(10\.89\.\d+\.13\)/m)
    await kube('wait', '--for=jsonpath={.status.numberReady}=3', 'daemonset/web', '--timeout=60s')
    assert.ok((await nodesOf()).includes('extra'))
  } finally {
    await person.must('down', cluster)
  }
  for (const [kind, marks] of Object.entries(await machineMarks(cluster))) assert.deepEqual(marks, [], kind)
})
