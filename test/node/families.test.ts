/**
 * Clusters of both address families, and of IPv6 alone: pods, services, names and node ports of two nodes answer by each
 * family, from pods, nodes and the machine. Needs root and containerd.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { placeLayout } from '#cluster/place/layout.ts'
import { urlHost } from '#lib/net/ip.ts'
import { ensureKubectl } from '../../tools/kubectl.ts'
import { host, machineMarks, newPerson, reasonToSkipLong, roots, run } from './faultsFixture.ts'

const images = ['nginx', 'curl', 'busybox'].map((name) =>
  fileURLToPath(new URL(`../images/${name}.yaml`, import.meta.url)),
)

/** On each node a web server and somebody who asks. */
const workload = (policy: string): string => {
  const daemonSet = (name: string, container: object): object => ({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          tolerations: [{ operator: 'Exists' }],
          terminationGracePeriodSeconds: 0,
          containers: [{ name, imagePullPolicy: 'IfNotPresent', ...container }],
        },
      },
    },
  })
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      type: 'NodePort',
      ipFamilyPolicy: policy,
      selector: { app: 'web' },
      ports: [{ port: 80, nodePort: 30_080 }],
    },
  }
  const items = [
    service,
    daemonSet('web', { image: 'nginx:alpine' }),
    daemonSet('client', { image: 'curlimages/curl', command: ['sleep', '3600'] }),
    daemonSet('shell', { image: 'busybox:1.35', command: ['sleep', '3600'] }),
  ]
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
}

const familyOf = (address: string): string => (address.includes(':') ? 'IPv6' : 'IPv4')

// Of their own, because the machine asks pods, too: it has one way to each range, and other clusters have the usual ones.
const forms = [
  {
    name: 'both families',
    cluster: 't-dual',
    ranges: '10.243.0.0/16,fd00:10:243::/56',
    families: ['IPv4', 'IPv6'],
  },
  { name: 'IPv6 alone', cluster: 't-six', ranges: 'fd00:10:246::/56', families: ['IPv6'] },
]

describe('a cluster', { concurrency: 1 }, () => {
  for (const { name, cluster, ranges, families } of forms) {
    test(`of ${name}`, { skip: reasonToSkipLong, timeout: 180_000 }, async () => {
      await using person = await newPerson()
      const kubectl = await ensureKubectl((line) => console.error(line))
      const kube = async (...words: string[]): Promise<string> => {
        const { code, stdout, stderr } = await run([kubectl.path, ...words], { KUBECONFIG: person.kubeconfig })
        assert.equal(code, 0, `kubectl ${words.join(' ')}: ${stderr}`)
        return stdout.trim()
      }
      const read = async <T>(...words: string[]): Promise<T> =>
        JSON.parse(await kube('get', ...words, '-o', 'json')) as T
      const askScript = `fetch(process.argv[1], { signal: AbortSignal.timeout(5000) }).then((a) => a.text()).then(console.log)`
      const ask = async (url: string, node?: string): Promise<string> => {
        const inside =
          node === undefined ? [] : ['nsenter', `--net=${placeLayout(cluster, node, roots).networkNamespace}`]
        const { stdout, stderr } = await run([...inside, process.execPath, '--eval', askScript, url], {})
        return `${node ?? 'machine'} -> ${url}: ${stdout}${stderr}`
      }
      const welcome = /Welcome to nginx!/

      await person.k8ts('down', cluster)
      const before = await machineMarks(cluster)
      try {
        await person.must('up', cluster, '--workers', '1', '--ephemeral', '--pod-range', ranges)
        for (const image of images) await person.must('image', 'build', '--file', image, '--cluster', cluster)
        const file = join(person.home, 'workload.json')
        await writeFile(file, workload(families.length === 2 ? 'RequireDualStack' : 'SingleStack'))
        await kube('apply', '-f', file)
        for (const set of ['web', 'client', 'shell'])
          await kube('rollout', 'status', `daemonset/${set}`, '--timeout=30s')

        interface View {
          readonly items: readonly {
            readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
            readonly spec: { readonly podCIDRs?: readonly string[]; readonly nodeName?: string }
            readonly status: {
              readonly podIPs?: readonly { readonly ip: string }[]
              readonly addresses?: readonly { readonly type: string; readonly address: string }[]
            }
          }[]
        }
        const { items: nodes } = await read<View>('nodes')
        const nodeAddresses = nodes.flatMap(({ status }) =>
          status.addresses!.filter(({ type }) => type === 'InternalIP').map(({ address }) => address),
        )
        assert.deepEqual(nodeAddresses.map(familyOf), [...families, ...families])
        for (const { spec } of nodes) assert.deepEqual(spec.podCIDRs!.map(familyOf), families)

        const { items: pods } = await read<View>('pods')
        const named = (app: string) => pods.filter(({ metadata }) => metadata.labels['app'] === app)
        const webs = named('web').flatMap(({ status }) => status.podIPs!.map(({ ip }) => ip))
        assert.deepEqual(webs.map(familyOf), [...families, ...families])

        const { spec: service } = await read<{ spec: { clusterIPs: string[]; ipFamilies: string[] } }>('service', 'web')
        assert.deepEqual(service.ipFamilies, families)
        assert.deepEqual(service.clusterIPs.map(familyOf), families)

        const targets = [...webs, ...service.clusterIPs].map((address) => `http://${urlHost(address)}/`)
        for (const { metadata } of named('client')) {
          const curl = ['exec', metadata.name, '--', 'curl', '-sS', '--max-time', '5']
          for (const target of targets) assert.match(await kube(...curl, target), welcome)
          for (const family of families)
            assert.match(await kube(...curl, family === 'IPv4' ? '-4' : '-6', 'http://web/'), welcome)
          const server = await kube('exec', metadata.name, '--', 'sh', '-c', 'echo $KUBERNETES_SERVICE_HOST')
          const api = ['-k', `https://${urlHost(server)}/readyz`, '-w', ' %{http_code}']
          assert.match(await kube(...curl, ...api), /^ok 200$|Unauthorized|401|403/)
        }
        for (const { metadata, status } of named('shell')) {
          const inside = (...words: string[]) => kube('exec', metadata.name, '--', ...words)
          const hosts = await inside('cat', '/etc/hosts')
          for (const { ip } of status.podIPs!) assert.ok(hosts.includes(`${ip}\t${metadata.name}`), hosts)
          const servers = [...(await inside('cat', '/etc/resolv.conf')).matchAll(/^nameserver (\S+)$/gm)]
          assert.deepEqual(
            servers.map(([, server]) => familyOf(server!)),
            families,
          )
          for (const [, server] of servers) {
            const answer = await inside('nslookup', 'web.default.svc.cluster.local', server!)
            for (const address of service.clusterIPs) assert.ok(answer.includes(`Address: ${address}`), answer)
          }
        }

        for (const { metadata } of nodes)
          for (const target of targets) assert.match(await ask(target, metadata.name), welcome)
        for (const target of [
          ...webs.map((address) => `http://${urlHost(address)}/`),
          ...nodeAddresses.map((address) => `http://${urlHost(address)}:30080/`),
        ])
          assert.match(await ask(target), welcome)

        assert.match(await kube('logs', named('web')[0]!.metadata.name, '--tail=1'), /GET \/ /)
        // A node that was stopped comes back with its addresses.
        await person.must('stop', cluster)
        await person.must('start', cluster)
        await kube('rollout', 'status', 'daemonset/web', '--timeout=30s')
        for (const address of nodeAddresses) {
          const url = `http://${urlHost(address)}:30080/`
          const deadline = host.clock.now() + 30_000
          let answer = await ask(url)
          while (!welcome.test(answer) && host.clock.now() < deadline) answer = await ask(url)
          assert.match(answer, welcome)
        }
      } finally {
        await person.must('down', cluster)
      }
      assert.deepEqual(await machineMarks(cluster), before)
      assert.equal((await person.k8ts('inventory', cluster)).code, 0)
    })
  }
})
