import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { annotationNames, labelNames } from './containerConfig.ts'
import { RuntimeError } from './containerRuntime.ts'
import type { CriConnection } from './criRuntime.ts'
import { PodRecords } from './podRecords.ts'

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'ns', uid: 'u' },
  spec: { containers: [] },
}
const labels = {
  [labelNames.podUid]: 'u',
  [labelNames.podName]: 'p',
  [labelNames.podNamespace]: 'ns',
  [labelNames.containerName]: 'c',
}
const { signal } = new AbortController()

/** A runtime with one sandbox `s` and one container `c`, and a log of what it was asked. */
function fakeRuntime() {
  const calls: string[] = []
  const container = {
    id: 'c',
    podSandboxId: 's',
    metadata: { name: 'c', attempt: 0 },
    state: 'CONTAINER_RUNNING',
    createdAt: '1000000',
    startedAt: '2000000',
    finishedAt: '0',
    exitCode: 0,
    image: { image: 'i' },
    imageRef: 'r',
    reason: '',
    message: '',
    labels,
    annotations: {
      [annotationNames.restartCount]: '3',
      [annotationNames.terminationMessageFile]: '/m',
      [annotationNames.terminationMessagePolicy]: 'FallbackToLogsOnError',
    },
    logPath: '/l',
    user: null,
  }
  const sandbox = {
    id: 's',
    metadata: { name: 'p', uid: 'u', namespace: 'ns', attempt: 0 },
    state: 'SANDBOX_READY',
    createdAt: '500000',
    labels,
    network: { ip: '10.1.0.2', additionalIps: [] },
  }
  const has = { sandbox: true, container: true }
  const connection: CriConnection = {
    async call<Answer>(method: string): Promise<Answer> {
      calls.push(method.split('/')[1]!)
      const missing = new RuntimeError('not found', 5)
      switch (calls.at(-1)) {
        case 'ListPodSandbox':
          return { items: has.sandbox ? [sandbox] : [] } as Answer
        case 'ListContainers':
          return { containers: has.container ? [container] : [] } as Answer
        case 'PodSandboxStatus':
          if (!has.sandbox) throw missing
          return { status: sandbox } as Answer
        default:
          if (!has.container) throw missing
          return { status: { ...container } } as Answer
      }
    },
    async *events() {},
  }
  const clock = new SimulatedClock()
  const files = fakeFiles({ '/l': '2026-01-01T00:00:00Z stdout F last words\n' })
  return { calls, container, has, clock, files, records: new PodRecords(connection, files, clock) }
}

test('what is known is not asked for again', async () => {
  const { records, calls } = fakeRuntime()
  const first = await records.observe('u', signal)
  assert.deepEqual(first.sandboxes[0]?.ips, ['10.1.0.2'])
  assert.deepEqual(
    [first.containers[0]?.attempt, first.containers[0]?.sandboxId, first.containers[0]?.startedAt],
    [3, 's', 2],
  )
  calls.length = 0
  await records.observe('u', signal)
  assert.deepEqual(calls, [])
  assert.equal(records.noteTask('c', false), 'u')
  await records.observe('u', signal)
  assert.deepEqual(calls, ['ContainerStatus'])
})

test('an end that the runtime has not seen yet is waited for', async () => {
  const { records, container, clock, calls } = fakeRuntime()
  await records.observe('u', signal)
  records.noteTask('c', true)
  calls.length = 0
  const observing = records.observe('u', signal)
  await clock.advance(20)
  assert.deepEqual(calls, ['ContainerStatus'])
  Object.assign(container, { state: 'CONTAINER_EXITED', exitCode: 4, finishedAt: '3000000' })
  await clock.advance(20)
  const run = (await observing).containers[0]!
  assert.deepEqual([run.state, run.exitCode, run.message], ['exited', 4, 'last words\n'])
  assert.ok(calls.length >= 2)
})

test('the end of a container that is being stopped is looked at when it is stopped', async () => {
  const { records, container, calls } = fakeRuntime()
  await records.observe('u', signal)
  const stopping = records.stopping('c')
  assert.equal(records.noteTask('c', true), undefined)
  calls.length = 0
  assert.equal((await records.observe('u', signal)).containers[0]!.state, 'running')
  assert.deepEqual(calls, [])
  Object.assign(container, { state: 'CONTAINER_EXITED', exitCode: 143, finishedAt: '3000000' })
  stopping[Symbol.dispose]()
  assert.equal((await records.observe('u', signal)).containers[0]!.exitCode, 143)
})

test('a termination message goes before the log', async () => {
  const { records, container, files } = fakeRuntime()
  await files.write('/m', 'why')
  Object.assign(container, { state: 'CONTAINER_EXITED', exitCode: 1, message: 'runtime says' })
  assert.equal((await records.observe('u', signal)).containers[0]?.message, 'runtime says: why')
})

test('what is gone is forgotten, also when nobody looks', async () => {
  const { records, has } = fakeRuntime()
  await records.relist(signal)
  assert.deepEqual(
    records.identities().map(({ uid }) => uid),
    ['u'],
  )
  has.sandbox = has.container = false
  assert.deepEqual([...(await records.relist(signal))], ['u'])
  await records.relist(signal)
  assert.deepEqual(records.identities(), [])
})

test('what is newer than a list is kept', async () => {
  const { records, has } = fakeRuntime()
  has.container = false
  await records.relist(signal)
  records.addContainer(pod, 'c', 's')
  await records.relist(signal)
  has.container = true
  assert.equal((await records.observe('u', signal)).containers.length, 1)
})
