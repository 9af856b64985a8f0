/**
 * A cluster of four nodes loses a worker and gets it back, and another worker is drained: the pods of the others go on, and
 * take over. Needs root and containerd.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findNodeProcess } from '#cluster/processes.ts'
import { placeLayout } from '#cluster/place/layout.ts'
import { ensureKubectl } from '../../tools/kubectl.ts'
import { host, newPerson, reasonToSkip, roots, run } from './faultsFixture.ts'

const cluster = 't-workers'
/** In seconds: longer than a slow and busy machine needs. */
const patience = 180
/** What the pods run; the second is made from the first. */
const images = ['busybox', 'nginx'].map((name) => fileURLToPath(new URL(`../images/${name}.yaml`, import.meta.url)))

/** Of pods that do not wait long for a lost node. */
const shortly = ['not-ready', 'unreachable'].map((state) => ({
  key: `node.kubernetes.io/${state}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 2,
}))

/** Six pods behind a service, one on each worker, and two that nobody makes again. */
const workload = JSON.stringify({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        replicas: 6,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [{ name: 'nginx', image: 'nginx:alpine' }],
            tolerations: shortly,
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent', namespace: 'default' },
      spec: {
        selector: { matchLabels: { app: 'agent' } },
        template: { metadata: { labels: { app: 'agent' } }, spec: napping() },
      },
    },
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'lost', namespace: 'default' }, spec: napping('worker3') },
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'alone', namespace: 'default' }, spec: napping('worker') },
  ],
})

/** A pod that does nothing, on a node of its own choice or not, and that does not wait long for a lost one. */
function napping(nodeName?: string): object {
  const containers = [
    { name: 'nap', image: 'busybox:1.35', command: ['sh', '-c', 'trap exit TERM; sleep 3600 & wait'] },
  ]
  return { ...(nodeName === undefined ? {} : { nodeName }), containers, tolerations: shortly }
}

test(
  'pods spread over the workers, reach each other, and move when a worker is lost or drained',
  { skip: reasonToSkip, timeout: 900_000 },
  async () => {
    await using person = await newPerson()
    const kubectl = await ensureKubectl((line) => console.error(line))
    const kube = async (...words: string[]): Promise<string> => {
      const { code, stdout, stderr } = await run([kubectl.path, ...words], { KUBECONFIG: person.kubeconfig })
      assert.equal(code, 0, `kubectl ${words.join(' ')}: ${stderr}`)
      return stdout.trim()
    }
    /** Looks until what is seen satisfies, for longer than a slow and busy machine needs. */
    const until = async (look: () => Promise<string>, satisfies: (seen: string) => boolean): Promise<string> => {
      const deadline = host.clock.now() + patience * 1000
      for (;;) {
        const seen = await look()
        if (satisfies(seen)) return seen
        assert.ok(host.clock.now() < deadline, `still not so after ${patience} s:\n${seen}`)
        await host.clock.sleep(1000)
      }
    }
    const running = (): Promise<string> => {
      const cells = '{.spec.nodeName} {.status.podIP} {.metadata.deletionTimestamp}{"\\n"}'
      const which = ['-l', 'app=web', '--field-selector=status.phase=Running']
      return kube('get', 'pods', ...which, '-o', `jsonpath={range .items[*]}${cells}{end}`)
    }
    /** Waits until the readiness of a node is `status`. */
    const becomes = (node: string, status: string): Promise<string> =>
      kube('wait', `node/${node}`, `--for=condition=Ready=${status}`, `--timeout=${patience}s`)
    /** The nodes on which the pods of the DaemonSet run. */
    const agents = (): Promise<string> => {
      const which = ['-l', 'app=agent', '--field-selector=status.phase=Running', '--sort-by=.spec.nodeName']
      return kube('get', 'pods', ...which, '-o', 'jsonpath={.items[*].spec.nodeName}')
    }
    const alive = (text: string): string[][] =>
      text
        .split('\n')
        .map((line) => line.trim().split(' '))
        .filter(([node = '', , deleted]) => node !== '' && deleted === undefined)

    await person.k8ts('down', cluster)
    try {
      await person.must('up', cluster, '--workers', '3')
      for (const file of images) await person.must('image', 'build', '--file', file, '--cluster', cluster)
      assert.equal(
        await kube(
          'get',
          'nodes',
          '-o',
          'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}',
        ),
        'control-plane=True worker=True worker2=True worker3=True',
      )
      const file = join(person.home, 'workload.json')
      await writeFile(file, workload)
      await kube('apply', '-f', file)
      await kube('rollout', 'status', 'deployment/web', `--timeout=${patience}s`)
      const placed = alive(await running())
      assert.deepEqual([...new Set(placed.map(([node]) => node))].toSorted(), ['worker', 'worker2', 'worker3'])

      const address = await kube('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}')
      for (const node of ['control-plane', 'worker', 'worker2', 'worker3']) {
        const { networkNamespace } = placeLayout(cluster, node, roots)
        for (const target of [address, ...placed.map(([, ip]) => ip!)]) {
          const fetch = `exec 3<>/dev/tcp/${target}/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; timeout 5 cat <&3`
          // Each node learns by itself who stands behind a service, and where the pods of others are.
          await until(
            async () => {
              const { stdout, stderr } = await run(['nsenter', `--net=${networkNamespace}`, 'bash', '-c', fetch], {})
              return `${node} -> ${target}: ${stdout}${stderr}`
            },
            (page) => page.includes('Welcome to nginx!'),
          )
        }
      }

      const agent = await findNodeProcess({ host, roots }, cluster, 'worker3')
      host.processes.kill(agent!.pid, 'SIGKILL')
      await becomes('worker3', 'Unknown')
      const moved = await until(
        running,
        (seen) => alive(seen).length === 6 && alive(seen).every(([node]) => node !== 'worker3'),
      )
      assert.equal(alive(moved).length, 6)
      const lost = () => kube('get', 'pod', 'lost', '-o', 'jsonpath={.metadata.deletionTimestamp}')
      await until(lost, (seen) => /^\d{4}-/.test(seen))

      await person.must('start', cluster)
      await becomes('worker3', 'True')
      await kube('wait', 'pod/lost', '--for=delete', `--timeout=${patience}s`)
      assert.equal(alive(await running()).length, 6)
      await until(agents, (seen) => seen === 'worker worker2 worker3')

      const drain = ['drain', 'worker', '--ignore-daemonsets', `--timeout=${patience}s`]
      const refused = await run([kubectl.path, ...drain], { KUBECONFIG: person.kubeconfig })
      assert.equal(refused.code, 1)
      assert.match(refused.stdout, /^node\/worker cordoned$/m)
      const because = /cannot delete Pods that declare no controller \(use --force to override\): default\/alone/
      assert.match(refused.stderr, because)
      await kube('delete', 'pod', 'alone')
      const drained = await kube(...drain)
      assert.match(drained, /^evicting pod default\/web-/m)
      assert.match(drained, /^node\/worker drained$/m)
      assert.match(await kube('get', 'node', 'worker'), /Ready,SchedulingDisabled/)
      await until(running, (seen) => alive(seen).length === 6 && alive(seen).every(([node]) => node !== 'worker'))
      assert.equal(await agents(), 'worker worker2 worker3')
      assert.equal(await kube('uncordon', 'worker'), 'node/worker uncordoned')
      await kube('scale', 'deployment/web', '--replicas=12')
      await kube('rollout', 'status', 'deployment/web', `--timeout=${patience}s`)
      assert.ok(alive(await running()).some(([node]) => node === 'worker'))
      assert.equal(await kube('get', 'pods', '-l', '!app', '-o', 'name'), '')
    } finally {
      await person.must('down', cluster)
    }
    assert.equal((await person.k8ts('inventory', cluster)).code, 0)
  },
)
