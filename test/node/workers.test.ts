/** A cluster of four nodes loses a worker: the others go on, and take over its pods. Needs root and containerd. */
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
const images = fileURLToPath(new URL('../images', import.meta.url))

/** Six pods that do not wait long for a lost node, behind a service. */
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
            tolerations: ['not-ready', 'unreachable'].map((state) => ({
              key: `node.kubernetes.io/${state}`,
              operator: 'Exists',
              effect: 'NoExecute',
              tolerationSeconds: 2,
            })),
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
  ],
})

test(
  'pods spread over the workers, reach each other, and move when a worker is lost',
  { skip: reasonToSkip, timeout: 300_000 },
  async () => {
    await using person = await newPerson()
    const kubectl = await ensureKubectl((line) => console.error(line))
    const kube = async (...words: string[]): Promise<string> => {
      const { code, stdout, stderr } = await run([kubectl.path, ...words], { KUBECONFIG: person.kubeconfig })
      assert.equal(code, 0, `kubectl ${words.join(' ')}: ${stderr}`)
      return stdout.trim()
    }
    /** Looks until what is seen satisfies, for as long as `seconds`. */
    const until = async (
      seconds: number,
      look: () => Promise<string>,
      satisfies: (seen: string) => boolean,
    ): Promise<string> => {
      const deadline = host.clock.now() + seconds * 1000
      for (;;) {
        const seen = await look()
        if (satisfies(seen)) return seen
        assert.ok(host.clock.now() < deadline, `still not so after ${seconds} s:\n${seen}`)
        await host.clock.sleep(500)
      }
    }
    const running = (): Promise<string> => {
      const cells = '{.spec.nodeName} {.status.podIP} {.metadata.deletionTimestamp}{"\\n"}'
      const which = ['-l', 'app=web', '--field-selector=status.phase=Running']
      return kube('get', 'pods', ...which, '-o', `jsonpath={range .items[*]}${cells}{end}`)
    }
    const alive = (text: string): string[][] =>
      text
        .split('\n')
        .map((line) => line.trim().split(' '))
        .filter(([node = '', , deleted]) => node !== '' && deleted === undefined)

    await person.k8ts('down', cluster)
    try {
      await person.must('image', 'build', '--file', images)
      await person.must('up', cluster, '--workers', '3')
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
      await kube('rollout', 'status', 'deployment/web', '--timeout=60s')
      const placed = alive(await running())
      assert.deepEqual([...new Set(placed.map(([node]) => node))].toSorted(), ['worker', 'worker2', 'worker3'])

      const address = await kube('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}')
      for (const node of ['control-plane', 'worker', 'worker2', 'worker3']) {
        const { networkNamespace } = placeLayout(cluster, node, roots)
        for (const target of [address, ...placed.map(([, ip]) => ip!)]) {
          const page = await run(
            [
              'nsenter',
              `--net=${networkNamespace}`,
              'bash',
              '-c',
              `exec 3<>/dev/tcp/${target}/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; timeout 5 cat <&3`,
            ],
            {},
          )
          assert.match(page.stdout, /Welcome to nginx!/, `${node} -> ${target}: ${page.stderr}`)
        }
      }

      const agent = await findNodeProcess({ host, roots }, cluster, 'worker3')
      host.processes.kill(agent!.pid, 'SIGKILL')
      await until(
        90,
        () => kube('get', 'node', 'worker3', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'),
        (seen) => seen === 'Unknown',
      )
      const moved = await until(
        60,
        running,
        (seen) => alive(seen).length === 6 && alive(seen).every(([node]) => node !== 'worker3'),
      )
      assert.equal(alive(moved).length, 6)
    } finally {
      await person.must('down', cluster)
    }
    assert.equal((await person.k8ts('inventory', cluster)).code, 0)
  },
)
