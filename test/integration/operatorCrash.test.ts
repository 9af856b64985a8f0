/**
 * The example operator, two instances of it, under restarts of the API server: killed and asked to end in turns, now and then
 * while it starts, while instances are killed, stopped and halted, and people write. Every change is seen, every site is as it
 * should be, and nothing was done twice. `OPERATOR_RESTARTS=100 OPERATOR_SEED=7 node --test …` hunts longer.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { clusterRoleBindings } from '#api/rbac/v1/clusterRoleBinding.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { clientOver, type Client } from '#client/client.ts'
import { httpsTransport, type HttpsTransport } from '#client/https.ts'
import { servingCertificate } from '#client/servingCertificate.ts'
import { systemClock } from '#lib/clock.ts'
import { randomInteger, seededRandom } from '#lib/random.ts'
import { isReason } from '#machinery/status.ts'
import { install } from '../../examples/operator/install.ts'
import { sites } from '../../examples/operator/site.ts'
import { checkRun, settled } from './operatorChecks.ts'
import { Child, Forwarder, freePort, Instances, prepareFolder } from './operatorProcesses.ts'
import { lastSite } from './operatorRecords.ts'
import { SiteWriters } from './operatorWriter.ts'

const restarts = Number(process.env['OPERATOR_RESTARTS'] ?? 2)
const seed = Number(process.env['OPERATOR_SEED'] ?? 1)
const namespace = 'default'
const pages = { 'index.html': '<p>one</p>' }
/** What happens to the leader in every fifth round, in turns. */
const disturbances = ['paused', 'killed', 'stopped'] as const

test(`an operator under ${restarts} restarts of the server`, { timeout: 120_000 + restarts * 30_000 }, async (t) => {
  const random = seededRandom(seed)
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-operator-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(folder, { recursive: true }))
  const [port, first, second, front] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const users = prepareFolder(folder, port)
  const forwarder = stack.use(new Forwarder([first, second]))
  await forwarder.listen(front)

  let server = new Child('operatorServer.ts', folder, [String(port)])
  stack.defer(async () => void (await server.end('SIGKILL')))
  const starts: number[] = []
  const start = async (): Promise<void> => {
    const began = systemClock.now()
    server = new Child('operatorServer.ts', folder, [String(port)])
    assert.ok(await server.says('ready'), server.errors)
    starts.push(systemClock.now() - began)
  }
  assert.ok(await server.says('ready'), server.errors)

  const connections = Array.from({ length: 5 }, (): HttpsTransport => {
    return stack.use(httpsTransport(users.connection('admin', ['system:masters'])))
  })
  const [admin, ...writing] = connections.map((transport) => clientOver(transport)) as [Client, ...Client[]]
  await prepareCluster(admin, front)

  const kubeconfig = users.kubeconfig('site-operator', [])
  const instances = stack.use(
    new Instances((identity, place) => {
      const args = [identity, String([first, second][place])]
      return new Child('operatorInstance.ts', folder, args, { KUBECONFIG: kubeconfig })
    }, 2),
  )
  await instances.nextLeader()
  await checkWebhooks(admin)

  const began = systemClock.now()
  const writers = new SiteWriters(writing, random)
  let [kills, halts] = [0, 0]
  for (let round = 1; round <= restarts; round++) {
    await writers.untilMore(20 + randomInteger(random, 100))
    let halted: string | undefined
    if (round % 5 === 2) {
      const how = disturbances[Math.floor(round / 5) % disturbances.length]!
      const leader = await instances.nextLeader()
      const wasThere = await instances.disturb(leader, how)
      if (how === 'paused' && wasThere) {
        halted = leader
        halts++
        await instances.acted(await instances.nextLeader(leader))
      }
    }
    const isKill = round % 2 === 1
    const { code, signal } = await server.end(isKill ? 'SIGKILL' : 'SIGTERM')
    assert.deepEqual([code, signal], isKill ? [null, 'SIGKILL'] : [0, null], `round ${round}: ${server.errors}`)
    if (isKill) kills++
    if (round % 4 === 0) {
      // Once more, while it comes up.
      const starting = new Child('operatorServer.ts', folder, [String(port)])
      await systemClock.sleep(randomInteger(random, 900))
      await starting.end('SIGKILL')
      kills++
    }
    await start()
    if (halted !== undefined) await instances.resume(halted)
    assert.deepEqual(instances.problems, [], `round ${round}`)
  }
  await writers.stop()
  await settled(admin, AbortSignal.timeout(60_000))
  const seconds = Math.round((systemClock.now() - began) / 1000)
  // Every instance gets to see everything before it is stopped: also one whose watch waits to be asked for again.
  await admin.create(sites, { metadata: { name: lastSite, namespace }, spec: { pages } as never })
  await settled(admin, AbortSignal.timeout(60_000))
  await instances.allSay('saw the last site')
  await instances.stop()
  assert.deepEqual(instances.problems, [])
  assert.deepEqual(await server.end('SIGTERM'), { code: 0, signal: null }, server.errors)

  const figures = await checkRun(folder, instances, writers)
  assert.ok(figures.ledger.refused >= halts, 'every leader who was halted on the brink of an action was refused')
  starts.sort((a, b) => a - b)
  const [median, longest] = [starts[Math.floor(starts.length / 2)], starts.at(-1)]
  t.diagnostic(`${restarts} restarts, ${kills} kills, in ${seconds} s; ready after ${median} ms, at most ${longest} ms`)
  t.diagnostic(`writes: ${JSON.stringify(writers.acknowledged)}; ${writers.uncertain} without an answer`)
  for (const [name, figure] of Object.entries(figures)) t.diagnostic(`${name}: ${JSON.stringify(figure)}`)
})

/** What an administrator does once. */
async function prepareCluster(client: Client, front: number): Promise<void> {
  await client.create(namespaces, { metadata: { name: namespace } })
  const secret = { namespace, name: 'site-operator-webhooks' }
  const { authority } = await servingCertificate(client, { secret, addresses: ['127.0.0.1'] })
  const caBundle = Buffer.from(authority).toString('base64')
  const at = (path: string) => ({ url: `https://127.0.0.1:${front}${path}`, caBundle })
  await install(client, at, AbortSignal.timeout(30_000))
  await client.create(clusterRoleBindings, {
    metadata: { name: 'site-operator' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'site-operator' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'site-operator' }],
  })
}

/** Both admission webhooks are asked: one fills the host in, the other refuses a host that is taken. */
async function checkWebhooks(client: Client): Promise<void> {
  const one = await client.create(sites, { metadata: { name: 'one', namespace }, spec: { pages } as never })
  assert.equal(one.spec.host, 'one.default.example.com')
  await settled(client, AbortSignal.timeout(30_000))
  const spec = { host: one.spec.host, pages, replicas: 1 }
  // Each instance has a copy of its own, which may be a moment behind.
  for (let refused = 0; refused < 4;) {
    try {
      await client.create(sites, { metadata: { name: 'two', namespace }, spec }, { dryRun: true })
      await systemClock.sleep(50)
    } catch (error) {
      if (!isReason(error, 'Forbidden') && !/denied the request/.test(String(error))) throw error
      assert.match(
        String(error),
        /"judge.sites.example.com" denied the request: one.default.example.com is the host of/,
      )
      refused++
    }
  }
}
