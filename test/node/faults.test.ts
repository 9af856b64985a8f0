/**
 * Clusters with real nodes that are interrupted, killed, starved of disk and robbed of their containerd; and the proof that
 * nothing of them remains. `FAULT_ROUNDS=40 FAULT_SEED=3 node --test …` interrupts `up` more often.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { clusterPaths } from '#cluster/record.ts'
import { placeLayout } from '#cluster/place/layout.ts'
import { controlPlaneName } from '#cluster/processes.ts'
import { systemClock } from '#lib/clock.ts'
import { readPidFile } from '#lib/host/files.ts'
import type { HttpClient } from '#lib/http/client.ts'
import { randomInteger, seededRandom } from '#lib/random.ts'
import {
  administratorOf,
  ask,
  containerProcesses,
  host,
  keepImage,
  machineMarks,
  newPerson,
  read,
  reasonToSkip,
  roots,
  run,
  runningPods,
  settledProcesses,
  sleepingPod,
  until,
  type Person,
} from './faultsFixture.ts'

const rounds = Number(process.env['FAULT_ROUNDS'] ?? 2)
const seed = Number(process.env['FAULT_SEED'] ?? 1)
const cluster = 'f-faults'
const images = fileURLToPath(new URL('../images/busybox.yaml', import.meta.url))
const pods = '/api/v1/namespaces/default/pods'
const configMaps = '/api/v1/namespaces/default/configmaps'

describe('faults of a real cluster', { skip: reasonToSkip }, () => {
  let person: Person
  let marksBefore: Awaited<ReturnType<typeof machineMarks>>

  before(async () => {
    person = await newPerson()
    await person.must('down', cluster)
    await keepImage(images)
    marksBefore = await machineMarks(cluster)
    assert.deepEqual(Object.values(marksBefore).flat(), [], 'nothing is there before')
  })
  after(async () => {
    await person.k8ts('down', cluster)
    await person[Symbol.asyncDispose]()
  })

  /** Takes the cluster away; nothing of it may remain, by its own inventory and by that of the machine. */
  async function takeAway(say: string): Promise<void> {
    await person.must('down', cluster)
    const { code, stdout } = await person.k8ts('inventory', cluster)
    assert.equal(code, 0, `${say}: "down" left\n${stdout}`)
    assert.deepEqual(await machineMarks(cluster), marksBefore, say)
    assert.equal(await host.files.status(clusterPaths(cluster, roots).dataFolder), undefined, say)
    assert.doesNotMatch((await host.files.readText(person.kubeconfig)) ?? '', /f-faults/, say)
  }

  describe(`"up" that is ended at a random moment, ${rounds} times`, () => {
    const random = seededRandom(seed)
    for (let round = 1; round <= rounds; round++) {
      const signal = round % 2 === 0 ? 'SIGKILL' : 'SIGINT'
      // One node is enough where the command takes its leave.
      const workers = signal === 'SIGKILL' ? ['worker'] : []
      const words = ['up', cluster, '--workers', String(workers.length)]
      const milliseconds = randomInteger(random, 2_500)
      it(`${signal} after ${milliseconds} ms`, async () => {
        const starting = person.start(words)
        await Promise.race([systemClock.sleep(milliseconds), starting.ended])
        const wasRunning = starting.child.exitCode === null && starting.child.signalCode === null
        starting.child.kill(signal)
        const { code, stderr } = await starting.ended
        if (!wasRunning) assert.equal(code, 0, stderr)
        else if (signal === 'SIGINT') {
          // A signal may come before there is anybody to take it, or after the last step.
          assert.ok([130, 143, 0].includes(code), `${code}: ${stderr}`)
          if (code === 130) assert.match(stderr, /interrupted; "k8ts up" goes on from here, "k8ts down" takes away/)
        }
        if (round % 3 === 0) return takeAway(`after ${signal} at ${milliseconds} ms`)
        assert.match(await person.must(...words), /is ready/)
        const client = await administratorOf(cluster)
        const { items } = await read<{ items: readonly { metadata: { name: string } }[] }>(client, '/api/v1/nodes')
        client.close()
        assert.deepEqual(items.map(({ metadata }) => metadata.name).toSorted(), ['control-plane', ...workers])
        await takeAway(`after ${signal} at ${milliseconds} ms and another "up"`)
      })
    }
  })

  describe('a running cluster', () => {
    let client: HttpClient

    before(async () => {
      await person.must('up', cluster)
      client = await administratorOf(cluster)
      for (const name of ['one', 'two', 'three']) await createPod(name)
      await until('running pods', async () => (await runningPods(client)).length === 3)
    })
    after(() => client.close())

    async function createPod(name: string): Promise<void> {
      const { status, text } = await ask(client, 'POST', pods, sleepingPod(name))
      assert.equal(status, 201, text)
    }

    async function isNodeReady(): Promise<boolean> {
      interface NodeView {
        readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] }
      }
      const node = await read<NodeView>(client, `/api/v1/nodes/${controlPlaneName}`)
      return node.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
    }

    it('"up" on it changes nothing', async () => {
      const known = await runningPods(client)
      const processes = await settledProcesses(cluster, known.length)
      await person.must('up', cluster)
      assert.deepEqual(await runningPods(client), known)
      assert.deepEqual(containerProcesses(cluster), processes)
    })

    it('a second command at the same time is refused', async () => {
      const lock = clusterPaths(cluster, roots).lockFile
      const self = host.processes.identify(process.pid)!
      assert.ok(await host.files.createExclusive(lock, `${self.pid} ${self.startTicks}\n`))
      try {
        const { code, stderr } = await person.k8ts('up', cluster)
        assert.match(stderr, new RegExp(`is being changed by process ${process.pid}; wait for it or end it`))
        assert.equal(code, 1)
      } finally {
        await host.files.remove(lock)
      }
    })

    it('containerd killed while pods come: those that run live on, the others come, and the node is ready', async (t) => {
      const known = await runningPods(client)
      const processes = await settledProcesses(cluster, known.length)
      const pidFile = placeLayout(cluster, controlPlaneName, roots).pidFile
      const names = Array.from({ length: 6 }, (_, index) => `new-${index}`)
      let longest = 0
      for (let time = 0; time < 3; time++) {
        const containerd = await until('containerd', () => readPidFile(host.files, host.processes, pidFile))
        for (const name of names.slice(time * 2, time * 2 + 2)) await createPod(name)
        host.processes.kill(containerd.pid, 'SIGKILL')
        const began = systemClock.now()
        await until('another containerd', async () => {
          const other = await readPidFile(host.files, host.processes, pidFile)
          return other !== undefined && other.pid !== containerd.pid
        })
        await until('running pods', async () => (await runningPods(client)).length === 3 + (time + 1) * 2, 240_000)
        await until('a ready node', isNodeReady, 240_000)
        longest = Math.max(longest, systemClock.now() - began)
      }
      const running = await runningPods(client)
      for (const pod of known) assert.ok(running.includes(pod), `${pod} lives on`)
      for (const one of processes) assert.ok(containerProcesses(cluster).includes(one), `${one} lives on`)
      for (const pod of running) assert.match(pod, / 0$/, 'nothing was restarted')
      for (const name of names) assert.equal((await ask(client, 'DELETE', `${pods}/${name}`)).status, 200)
      await until('the end of the new pods', async () => (await runningPods(client)).length === 3)
      // What was half made when containerd died is gone with its pod.
      await until('the end of their processes', () =>
        Promise.resolve(containerProcesses(cluster).length === processes.length),
      )
      assert.deepEqual(containerProcesses(cluster), processes)
      t.diagnostic(`pods running and node ready at most ${longest} ms after the kill`)
    })

    it('"stop" ends everything and "start" brings it back', async () => {
      await person.must('stop', cluster)
      assert.deepEqual(containerProcesses(cluster), [])
      const began = systemClock.now()
      assert.equal((await person.k8ts('status', cluster)).code, 1)
      assert.ok(systemClock.now() - began < 60_000, 'an address where nobody is does not hold "status" up')
      await person.must('stop', cluster)
      await person.must('start', cluster)
      await until('running pods', async () => (await runningPods(client)).length === 3)
      assert.equal((await person.k8ts('status', cluster)).code, 0)
    })

    it('all of it goes', () => takeAway('after all that'))
  })

  it('a full disk refuses writes precisely, loses nothing acknowledged, and goes on when there is space', async () => {
    const { storeFolder } = clusterPaths(cluster, roots)
    await host.files.makeFolder(storeFolder, 0o700)
    const mount = await run(['mount', '-t', 'tmpfs', '-o', 'size=24m,mode=0700', 'tmpfs', storeFolder], {})
    assert.equal(mount.code, 0, mount.stderr)
    try {
      await person.must('up', cluster)
      const client = await administratorOf(cluster)
      const acknowledged = new Set<string>()
      const refusals = new Map<string, number>()
      const fill = async (count: number): Promise<void> => {
        for (let index = 0; index < count; index++) {
          const name = `big-${acknowledged.size}-${refusals.size}-${index}`
          const body = { metadata: { name }, data: { filling: 'x'.repeat(500_000) } }
          const { status, text } = await ask(client, 'POST', configMaps, body)
          if (status === 201) acknowledged.add(name)
          else refusals.set(`${status} ${(JSON.parse(text) as { message: string }).message}`, status)
        }
      }
      await fill(80)
      assert.ok(acknowledged.size > 5 && refusals.size > 0, `${acknowledged.size} writes fit`)
      for (const refusal of refusals.keys()) assert.match(refusal, /^(500|503|507) .*no space left/)
      const names = async (): Promise<readonly string[]> =>
        (await read<{ items: { metadata: { name: string } }[] }>(client, configMaps)).items
          .map(({ metadata }) => metadata.name)
          .filter((name) => name.startsWith('big-'))
          .toSorted()
      assert.deepEqual(await names(), [...acknowledged].toSorted(), 'it still reads')

      const more = await run(['mount', '-o', 'remount,size=96m', storeFolder], {})
      assert.equal(more.code, 0, more.stderr)
      const known = acknowledged.size
      await until('a write', async () => {
        await fill(1)
        return acknowledged.size > known
      })
      client.close()
      // And nothing is lost by the next start.
      await person.must('stop', cluster)
      await person.must('start', cluster)
      const again = await administratorOf(cluster)
      const found = (await read<{ items: { metadata: { name: string } }[] }>(again, configMaps)).items
      again.close()
      for (const name of acknowledged)
        assert.ok(
          found.some(({ metadata }) => metadata.name === name),
          name,
        )
      await person.must('stop', cluster)
    } finally {
      await person.k8ts('stop', cluster)
      await run(['umount', storeFolder], {})
    }
    await takeAway('after a full disk')
  })
})
