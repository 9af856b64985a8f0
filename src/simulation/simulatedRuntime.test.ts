import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { SimulatedClock } from '#lib/clock.ts'
import type { ContainerRequest, SandboxRequest } from '#kubelet/runtime/containerRuntime.ts'
import { simulatedRuntime } from './simulatedRuntime.ts'

const { signal } = new AbortController()

function podWith(annotations: Record<string, string>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', uid: '11111111-2222-3333-4444-555555555555', annotations },
    spec: { containers: [{ name: 'web', image: 'nginx' }] },
  }
}

async function startPod(annotations: Record<string, string>) {
  const clock = new SimulatedClock()
  const began = clock.now()
  const runtime = simulatedRuntime({ clock, addressesOf: () => ['10.244.0.2'] })
  const pod = podWith(annotations)
  const uid = pod.metadata.uid!
  const dns = { servers: [], searches: [], options: [] }
  const sandbox: SandboxRequest = { pod, attempt: 0, hostname: 'web', logFolder: '', cgroupParent: '', dns }
  const sandboxId = await runtime.createSandbox(sandbox, signal)
  const imageRef = await runtime.pullImage('nginx', undefined, signal)
  const request: ContainerRequest = {
    pod,
    name: 'web',
    attempt: 0,
    sandboxId,
    sandbox,
    imageRef,
    environment: [],
    mounts: [],
    command: [],
    arguments: [],
    logPath: '',
  }
  const id = await runtime.createContainer(request, signal)
  const started = runtime.startContainer(id, signal)
  const state = async (): Promise<string> => {
    const [run] = (await runtime.observe(uid, signal)).containers
    if (run === undefined) return 'gone'
    return run.state === 'exited' ? `exited ${run.exitCode} after ${(run.finishedAt! - began) / 1_000}s` : run.state
  }
  return { clock, runtime, id, sandboxId, uid, started, state }
}

test('containers start and end as the annotations of their pod tell', async () => {
  const { clock, state, started } = await startPod({
    'simulation.k8ts.dev/start-after': '2s',
    'simulation.k8ts.dev/exit-after': '10s',
    'simulation.k8ts.dev/exit-code': '4',
  })
  assert.equal(await state(), 'created')
  await clock.advance('2s')
  await started
  assert.equal(await state(), 'running')
  await clock.advance('1m')
  assert.equal(await state(), 'exited 4 after 12s')
  assert.equal(clock.pending, 0)
})

test('a container that is slow to stop is killed at the end of its grace', async () => {
  const { clock, runtime, id, state } = await startPod({ 'simulation.k8ts.dev/stop-after': '1m' })
  const stopped = runtime.stopContainer(id, 5, signal)
  await clock.advance('4s')
  assert.equal(await state(), 'running')
  await clock.advance('1s')
  await stopped
  assert.equal(await state(), 'exited 137 after 5s')
  assert.equal(clock.pending, 0)
})

test('a container that stops in time leaves no timer; a second request with less grace wins', async () => {
  const { clock, runtime, id, state } = await startPod({ 'simulation.k8ts.dev/stop-after': '20s' })
  const both = Promise.all([runtime.stopContainer(id, 30, signal), runtime.stopContainer(id, 0, signal)])
  await clock.advance(0)
  await both
  assert.equal(await state(), 'exited 137 after 0s')
  assert.equal(clock.pending, 0)
})

test('stopping a sandbox ends what is in it, removing it leaves nothing', async () => {
  const { runtime, sandboxId, uid, state } = await startPod({})
  await runtime.stopSandbox(sandboxId, signal)
  assert.equal(await state(), 'exited 137 after 0s')
  assert.deepEqual(
    (await runtime.observe(uid, signal)).sandboxes.map(({ ready, ips }) => ({ ready, ips })),
    [{ ready: false, ips: [] }],
  )
  await runtime.removeSandbox(sandboxId, signal)
  assert.deepEqual(await runtime.observe(uid, signal), { sandboxes: [], containers: [] })
  assert.deepEqual(await runtime.pods(signal), [])
})

test('it tells of changes, and refuses what a runtime would refuse', async () => {
  const { clock, runtime, id, uid } = await startPod({})
  const abort = new AbortController()
  const told: string[] = []
  const listening = (async () => {
    for await (const changed of runtime.changes(abort.signal)) told.push(changed)
  })()
  await clock.advance(0)
  await runtime.stopContainer(id, 0, signal)
  await clock.advance(0)
  abort.abort()
  await listening
  assert.deepEqual(told, [uid])
  await assert.rejects(runtime.exec(id, ['ls'], 1, signal), /is not running/)
  await assert.rejects(runtime.startContainer(id, signal), /is in exited state/)
  await assert.rejects(runtime.stopContainer('none', 0, signal), /container "none": not found/)
  await assert.rejects(
    runtime.streamUrl({ kind: 'portForward', sandboxId: 's', ports: [80] }, signal),
    /simulated containers have no portForward streams/,
  )
})
