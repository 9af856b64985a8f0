/** How the parts of a control plane are, by what the real kubectl prints. */
import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { test } from 'node:test'
import { partChecksOfMachine, partChecksOfProcess } from '#cluster/partChecks.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { openMemoryStore } from '#storage/memory.ts'
import { startForKubectl } from './kubectlFixture.ts'
import { servingIdentity } from './secureServer.ts'

const warning = 'Warning: v1 ComponentStatus is deprecated in v1.19+'

test('kubectl get componentstatuses', async () => {
  const store = openMemoryStore({ clock: new SimulatedClock() })
  const ready = new Set(['controllers'])
  await using it = await startForKubectl({ controlPlane: partChecksOfProcess(ready, () => store) })
  assert.equal(
    await it.say('root', 'get componentstatuses'),
    `NAME                 STATUS      MESSAGE                                    ERROR
controller-manager   Healthy     ok
etcd-0               Healthy     ok
scheduler            Unhealthy   "scheduler" of this process is not ready
${warning}`,
  )
  ready.add('scheduler')
  assert.equal(
    await it.say('root', 'get cs scheduler'),
    `NAME        STATUS    MESSAGE   ERROR
scheduler   Healthy   ok
${warning}`,
  )
  assert.deepEqual(JSON.parse((await it.say('root', 'get cs etcd-0 -o json')).replace(warning, '')), {
    apiVersion: 'v1',
    conditions: [{ message: 'ok', status: 'True', type: 'Healthy' }],
    kind: 'ComponentStatus',
    metadata: { name: 'etcd-0' },
  })
  assert.equal(
    await it.say('root', 'get cs --field-selector metadata.name=etcd-0 -o name'),
    `componentstatus/etcd-0\n${warning}`,
  )
  assert.equal(await it.say('root', 'get cs nobody'), `${warning}\nError from server: Component not found: nobody`)
  assert.match(
    await it.say('jane', 'get cs'),
    /^Error from server \(Forbidden\): componentstatuses is forbidden: User "jane"/,
  )
  await store[Symbol.asyncDispose]()
})

test('an API server alone asks those that run beside it', async () => {
  const store = openMemoryStore({ clock: new SimulatedClock() })
  const answers = new Map<string, readonly [number, string]>([['/healthz', [200, 'ok']]])
  const manager = createServer(servingIdentity(), (request, answer) => {
    const [status, text] = answers.get(request.url!) ?? [404, 'no such path']
    answer.writeHead(status).end(text)
  }).listen(0, '127.0.0.1')
  const nobody = createServer(servingIdentity()).listen(0, '127.0.0.1')
  await Promise.all([once(manager, 'listening'), once(nobody, 'listening')])
  const portOf = (server: typeof manager): number => (server.address() as AddressInfo).port
  const ports = { 'controller-manager': portOf(manager), scheduler: portOf(nobody) }
  nobody.close()
  const checks = partChecksOfMachine(() => store, ports)
  assert.equal(await checks['controller-manager'](), undefined)
  assert.equal(
    await checks.scheduler(),
    `Get "https://127.0.0.1:${ports.scheduler}/healthz": dial tcp 127.0.0.1:${ports.scheduler}: connect: connection refused`,
  )
  answers.set('/healthz', [500, '[-]leaderElection failed: reason withheld\nhealthz check failed\n'])
  assert.equal(await checks['controller-manager'](), '[-]leaderElection failed: reason withheld\nhealthz check failed')
  assert.equal(await checks['etcd-0'](), undefined)
  await store[Symbol.asyncDispose]()
  assert.match((await checks['etcd-0']()) ?? '', /closed/)
  manager.close()
})
