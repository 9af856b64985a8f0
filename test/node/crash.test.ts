/**
 * The process of a cluster is killed again and again while 64 clients write and pods run: nothing acknowledged may be lost,
 * watches go on without a gap, and every container lives on. `CRASH_ROUNDS=200 CRASH_SEED=7 node --test …` hunts longer.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { controlPlaneName, findNodeProcess } from '#cluster/processes.ts'
import { systemClock } from '#lib/clock.ts'
import { randomInteger, seededRandom } from '#lib/random.ts'
import {
  administratorOf,
  ask,
  containerProcesses,
  host,
  newPerson,
  read,
  reasonToSkip,
  roots,
  runningPods,
  settledProcesses,
  sleepingPod,
  until,
  type Person,
} from './faultsFixture.ts'
import { WriteLoad } from './crashLoad.ts'

const rounds = Number(process.env['CRASH_ROUNDS'] ?? 2)
const seed = Number(process.env['CRASH_SEED'] ?? 1)
const clients = 64
const cluster = 'f-crash'
const podNames = ['one', 'two', 'three', 'four', 'five']
const images = fileURLToPath(new URL('../images/busybox.yaml', import.meta.url))

describe('kill -9 of a cluster under load', { skip: reasonToSkip }, () => {
  const random = seededRandom(seed)
  let person: Person

  before(async () => {
    person = await newPerson()
    await person.must('down', cluster)
    await person.must('up', cluster)
    // To this cluster only: others of the machine may be on their way out.
    await person.must('image', 'build', '--file', images, '--cluster', cluster)
  })
  after(async () => {
    const { code, stdout } = await person.k8ts('down', cluster).then(() => person.k8ts('inventory', cluster))
    await person[Symbol.asyncDispose]()
    assert.equal(code, 0, `"down" left something:\n${stdout}`)
  })

  /** Kills the node's process and returns when it is gone. */
  async function kill(): Promise<void> {
    const process = await findNodeProcess({ host, roots }, cluster, controlPlaneName)
    assert.ok(process, 'there is a process to kill')
    host.processes.kill(process.pid, 'SIGKILL')
    await until('the end of the killed process', () => Promise.resolve(!host.processes.isAlive(process)))
  }

  it(`loses nothing and keeps every container, ${rounds} times`, { timeout: 300_000 + rounds * 60_000 }, async (t) => {
    const setUp = await administratorOf(cluster)
    for (const name of podNames) {
      const { status, text } = await ask(setUp, 'POST', '/api/v1/namespaces/default/pods', sleepingPod(name))
      assert.equal(status, 201, text)
    }
    const pods = await until('running pods', async () => {
      const running = await runningPods(setUp)
      return running.length === podNames.length && running
    })
    setUp.close()
    const processes = await settledProcesses(cluster, podNames.length)

    const load = new WriteLoad(() => administratorOf(cluster), clients, random)
    const recoveries: number[] = []
    for (let round = 1; round <= rounds; round++) {
      const say = `round ${round} of seed ${seed}`
      await load.runUntil(randomInteger(random, 600), kill)
      if (round % 4 === 0) await killWhileStarting(randomInteger(random, 700))
      const began = systemClock.now()
      await person.must('start', cluster)
      recoveries.push(systemClock.now() - began)

      const client = await administratorOf(cluster)
      await load.check(client, say)
      assert.deepEqual(await runningPods(client), pods, `${say}: the pods`)
      assert.deepEqual(containerProcesses(cluster), processes, `${say}: the processes of the containers`)
      // The agent answers, not only what was written about it before.
      const log = await ask(client, 'GET', `/api/v1/namespaces/default/pods/${podNames[0]}/log`)
      assert.deepEqual(log, { status: 200, text: 'up\n' }, say)
      client.close()
    }
    await checkEvents()
    recoveries.sort((a, b) => a - b)
    t.diagnostic(
      `${rounds} kills, ${load.acknowledged} acknowledged writes, ${load.uncertain} without an answer, ` +
        `${load.watched} watched events; "start" took ${recoveries[Math.floor(rounds / 2)]} ms, at most ${recoveries.at(-1)} ms`,
    )
  })

  /** Kills the process while it is coming up; `start` then says so, or was quicker. */
  async function killWhileStarting(milliseconds: number): Promise<void> {
    const starting = person.start(['start', cluster])
    const process = await until('a new process', () => findNodeProcess({ host, roots }, cluster, controlPlaneName))
    await systemClock.sleep(milliseconds)
    host.processes.kill(process.pid, 'SIGKILL')
    const { code, stderr } = await starting.ended
    if (code !== 0) assert.match(stderr, /the process of "control-plane" has ended/)
  }

  /** Nothing was started, killed or pulled again. */
  async function checkEvents(): Promise<void> {
    const client = await administratorOf(cluster)
    const { items } = await read<{ items: readonly { reason: string; involvedObject: { name: string } }[] }>(
      client,
      '/api/v1/namespaces/default/events',
    )
    client.close()
    const about = items.filter(({ involvedObject }) => podNames.includes(involvedObject.name))
    const odd = about.filter(({ reason }) => !['Scheduled', 'Pulled', 'Created', 'Started'].includes(reason))
    assert.deepEqual(
      odd.map(({ reason, involvedObject }) => `${involvedObject.name} ${reason}`),
      [],
    )
  }
})
