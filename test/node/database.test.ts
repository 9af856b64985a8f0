/** The example `examples/database` on real nodes: whatever happens to it, it has every row it acknowledged. Needs root and containerd. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findProcessesInside } from '#cluster/place/place.ts'
import { placeLayout } from '#cluster/place/layout.ts'
import { findNodeProcess } from '#cluster/processes.ts'
import { ensureKubectl } from '../../tools/kubectl.ts'
import { host, keepImage, newPerson, reasonToSkipLong, roots, run } from './faultsFixture.ts'

const cluster = 't-database'
const example = fileURLToPath(new URL('../../examples/database', import.meta.url))

test(
  'a database keeps every row it acknowledged through kills, deletions and a drained node',
  { skip: reasonToSkipLong, timeout: 900_000 },
  async () => {
    await using person = await newPerson()
    const kubectl = await ensureKubectl((line) => console.error(line))
    const kube = async (...words: string[]): Promise<string> => {
      const { code, stdout, stderr } = await run([kubectl.path, ...words], { KUBECONFIG: person.kubeconfig })
      assert.equal(code, 0, `kubectl ${words.join(' ')}: ${stderr}`)
      return stdout.trim()
    }
    const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
      const deadline = host.clock.now() + 180_000
      while (!(await isSo())) {
        if (host.clock.now() > deadline) {
          throw new Error(`not so in time: ${what}\n${await kube('describe', 'pod', 'redis-0')}`)
        }
        await host.clock.sleep(200)
      }
    }
    const acknowledged = async (): Promise<number> => {
      const [last] = [...(await kube('logs', 'writer', '--tail=200')).matchAll(/^acknowledged (\d+)$/gm)].toReversed()
      return Number(last?.[1] ?? 0)
    }
    /** The writer gets answers again, to more rows than it had until now. */
    const goesOn = async (after: string): Promise<void> => {
      const before = await acknowledged()
      await until(`rows are acknowledged after ${after}`, async () => (await acknowledged()) > before + 5)
      await compare(after)
    }
    const compare = async (after: string): Promise<void> => {
      // First what was said, then what there is.
      const count = await acknowledged()
      // Asked from where the writer is: that node's agent is never killed.
      const said = await kube('exec', 'writer', '--', 'redis-cli', '-h', 'redis-0.redis', 'smembers', 'rows')
      const rows = new Set(said.split('\n').map(Number))
      const lost = Array.from({ length: count }, (_, index) => index + 1).filter((row) => !rows.has(row))
      assert.deepEqual(lost, [], `rows lost after ${after}, of ${count}`)
    }
    const uid = (): Promise<string> => kube('get', 'pod', 'redis-0', '-o', 'jsonpath={.metadata.uid}')
    const isReady = async (): Promise<boolean> => {
      const cells = '{.status.conditions[?(@.type=="Ready")].status}'
      return (await kube('get', 'pods', 'redis-0', '--ignore-not-found', '-o', `jsonpath=${cells}`)) === 'True'
    }

    await person.k8ts('down', cluster)
    try {
      await keepImage(join(example, 'image.yaml'))
      await person.must('up', cluster, '--workers', '2')
      await kube('apply', '-f', join(example, 'database.yaml'))
      await kube('rollout', 'status', 'statefulset/redis', '--timeout=180s')
      await kube('apply', '-f', join(example, 'writer.yaml'))
      await kube('wait', '--for=condition=Ready', 'pod/writer', '--timeout=180s')
      await goesOn('its start')
      const node = await kube('get', 'pod', 'redis-0', '-o', 'jsonpath={.spec.nodeName}')
      const layout = placeLayout(cluster, node, roots)

      const servers = new Set(findProcessesInside(host, layout))
      const server = host.processes
        .list()
        .find(({ pid, command }) => servers.has(pid) && command[0]?.startsWith('redis-server'))
      host.processes.kill(server!.pid, 'SIGKILL')
      await goesOn('kill -9 of the database')
      const restarts = (): Promise<string> =>
        kube('get', 'pod', 'redis-0', '-o', 'jsonpath={.status.containerStatuses[0].restartCount}')
      assert.equal(await restarts(), '1')

      // It is process 1: the shell may go with it, and the command fails then.
      await kube('exec', 'redis-0', '--', 'sh', '-c', 'redis-cli debug segfault || true').catch(() => {})
      await goesOn('a crash of the database')
      assert.equal(await restarts(), '2')

      const first = await uid()
      await kube('delete', 'pod', 'redis-0')
      await until('the pod is another one', async () => (await isReady()) && (await uid()) !== first)
      await goesOn('the deletion of its pod')

      const agent = await findNodeProcess({ host, roots }, cluster, node)
      host.processes.kill(agent!.pid, 'SIGKILL')
      const second = await uid()
      await goesOn('kill -9 of the agent, while there is none')
      await person.must('up', cluster)
      await goesOn('the return of the agent')
      assert.equal(await uid(), second)

      await kube('drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=180s')
      await until('the pod waits for its node', async () => {
        const found = await kube(
          'get',
          'pods',
          'redis-0',
          '--ignore-not-found',
          '-o',
          'jsonpath={.status.phase} {.spec.nodeName}',
        )
        return found.trim() === 'Pending'
      })
      await kube('uncordon', node)
      await until('the pod is back', isReady)
      assert.equal(await kube('get', 'pod', 'redis-0', '-o', 'jsonpath={.spec.nodeName}'), node)
      await goesOn('the drain of its node')

      const summary = await kube('get', '--raw', `/api/v1/nodes/${node}/proxy/stats/summary`)
      assert.match(summary, /"name":"data","pvcRef":\{"name":"data-redis-0","namespace":"default"\}/)
      const metrics = await kube('get', '--raw', `/api/v1/nodes/${node}/proxy/metrics`)
      assert.match(
        metrics,
        /^kubelet_volume_stats_used_bytes\{namespace="default",persistentvolumeclaim="data-redis-0"\} \d+$/m,
      )

      await kube('delete', 'pod', 'writer', '--wait')
      const count = Number(await kube('exec', 'redis-0', '--', 'redis-cli', 'scard', 'rows'))
      console.log(`${count} rows, all that were acknowledged`)
      const claim = ['get', 'pvc', 'data-redis-0', '-o', 'jsonpath={.spec.storageClassName} {.status.phase}']
      assert.equal(await kube(...claim), 'standard Bound')
    } finally {
      await person.must('down', cluster)
    }
    assert.equal((await person.k8ts('inventory', cluster)).code, 0)
  },
)
