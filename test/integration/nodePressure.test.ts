/** A node that runs short of memory or disk: who leaves, who may come, and what is told, under simulated time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from '#api/core/v1/event.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { priorityClasses } from '#api/scheduling/v1/priorityClass.ts'
import { fakeCgroups, type FakeCgroups } from '#lib/host/fakeCgroups.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { bound, container, namespace, startAgent, type Agent } from './agentFixture.ts'

const GiB = 2 ** 30
const image = 'busybox:1.35'

const readPod = ({ client }: Agent, name: string): Promise<Pod> => client.get(pods, { name, namespace })

async function conditionOf({ client }: Agent, type: string): Promise<string> {
  const { status } = await client.get(nodes, { name: 'n1' })
  const condition = status?.conditions?.find((each) => each.type === type)
  return `${condition?.status} ${condition?.reason}: ${condition?.message}`
}

async function told({ client }: Agent, fieldSelector: string): Promise<string[]> {
  const { items } = await client.list(events, { namespace, fieldSelector })
  return items.map(({ type, reason, message }) => `${type} ${reason}: ${message}`)
}

/** Makes a pod, and says that it and its only container use so much memory. */
async function runPod(
  agent: Agent,
  cgroups: FakeCgroups,
  name: string,
  memory: number,
  spec: Partial<Pod['spec']> = {},
) {
  await agent.client.create(pods, {
    metadata: { name, namespace },
    spec: { ...bound, containers: [container('c')], ...spec },
  })
  await agent.clock.advance('2s')
  const { metadata, status } = await readPod(agent, name)
  const folder = status?.qosClass === 'BestEffort' ? '/besteffort' : '/burstable'
  const path = `/k8ts/kubepods${folder}/pod${metadata.uid}`
  const id = status?.containerStatuses?.[0]?.containerID?.split('://')[1]
  cgroups.create(`${path}/${id}`)
  for (const each of [path, `${path}/${id}`]) cgroups.setUsage(each, { memoryWorkingSetBytes: memory })
}

test('a node short of memory: the pod that uses most beyond its request leaves, and few may come', async () => {
  const cgroups = fakeCgroups()
  await using agent = await startAgent({
    images: [image],
    host: { cgroups },
    settings: { evictionHard: { 'memory.available': '1Gi' } },
  })
  await agent.client.create(priorityClasses, { metadata: { name: 'system-node-critical' }, value: 2_000_001_000 })
  const asking = { ...container('c'), resources: { requests: { memory: '4Gi' } } }
  await runPod(agent, cgroups, 'asking', 3 * GiB, { containers: [asking] })
  await runPod(agent, cgroups, 'small', GiB / 4)
  await runPod(agent, cgroups, 'large', 2 * GiB)
  await runPod(agent, cgroups, 'critical', 9 * GiB, { priorityClassName: 'system-node-critical' })
  assert.equal(
    await conditionOf(agent, 'MemoryPressure'),
    'False KubeletHasSufficientMemory: kubelet has sufficient memory available',
  )
  cgroups.setUsage('/k8ts', { memoryWorkingSetBytes: 7.25 * GiB })
  // Looked at every ten seconds; what it had is free when it has ended.
  while ((await readPod(agent, 'large')).status?.phase !== 'Failed') await agent.clock.advance('100ms')
  cgroups.setUsage('/k8ts', { memoryWorkingSetBytes: 5 * GiB })
  await agent.clock.advance('15s')

  const { items } = await agent.client.list(pods, { namespace })
  const phases = Object.fromEntries(items.map(({ metadata, status }) => [metadata.name, status?.phase]))
  assert.deepEqual(phases, { asking: 'Running', critical: 'Running', large: 'Failed', small: 'Running' })
  const { metadata, status } = await readPod(agent, 'large')
  const message = status?.message ?? ''
  assert.match(
    message,
    /^The node was low on resource: memory\. Threshold quantity: 1Gi, available: \S+\. Container c was using 2Gi, request is 0, has larger consumption of memory\. $/,
  )
  assert.equal(status?.reason, 'Evicted')
  const last = status?.conditions?.at(-1)
  assert.deepEqual(
    [last?.type, last?.status, last?.reason, last?.message, last?.observedGeneration],
    ['DisruptionTarget', 'True', 'TerminationByKubelet', message, metadata.generation],
  )
  const [event] = (await agent.client.list(events, { namespace, fieldSelector: 'reason=Evicted' })).items
  assert.deepEqual(
    [event?.type, event?.message, event?.metadata.annotations],
    ['Warning', message, { offending_containers: 'c', offending_containers_usage: '2Gi', starved_resource: 'memory' }],
  )
  assert.deepEqual((await told(agent, 'involvedObject.kind=Node')).slice(-2), [
    'Warning EvictionThresholdMet: Attempting to reclaim memory',
    'Normal NodeHasInsufficientMemory: Node n1 status is now: NodeHasInsufficientMemory',
  ])
  assert.equal(
    await conditionOf(agent, 'MemoryPressure'),
    'True KubeletHasInsufficientMemory: kubelet has insufficient memory available',
  )

  await runPod(agent, cgroups, 'late', 0)
  const late = (await readPod(agent, 'late')).status
  assert.deepEqual(
    [late?.phase, late?.reason, late?.message],
    ['Failed', 'Evicted', 'Pod was rejected: The node had condition: [MemoryPressure]. '],
  )
  assert.deepEqual(await told(agent, 'involvedObject.name=late'), [
    'Warning Evicted: The node had condition: [MemoryPressure]. ',
  ])
  const tolerations = [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' as const }]
  await runPod(agent, cgroups, 'patient', 0, { tolerations })
  assert.equal((await readPod(agent, 'patient')).status?.phase, 'Running')

  await agent.clock.advance('5m')
  assert.equal(
    await conditionOf(agent, 'MemoryPressure'),
    'False KubeletHasSufficientMemory: kubelet has sufficient memory available',
  )
  await runPod(agent, cgroups, 'later', 0)
  assert.equal((await readPod(agent, 'later')).status?.phase, 'Running')
  // What is decided of a pod that left is not decided anew.
  assert.equal((await readPod(agent, 'large')).metadata.resourceVersion, metadata.resourceVersion)
})

test('images that nobody uses go when their disk is fuller than it may be', async () => {
  let freeBytes = 50e9
  const removed: string[] = []
  const space = async () => ({ ...(await fakeFiles().space('/')), freeBytes })
  await using agent = await startAgent({
    images: [image, 'alpine:3'],
    host: { files: { ...fakeFiles(), space } },
    settings: { imageGCHighThresholdPercent: 90, evictionHard: {} },
    wrap: (runtime) => ({
      ...runtime,
      async images(signal) {
        return (await runtime.images(signal)).map((each) => ({ ...each, sizeBytes: 20e9 }))
      },
      async removeImage(name, signal) {
        removed.push((await runtime.images(signal)).find(({ id }) => id === name)!.names[0]!)
        freeBytes += 20e9
        await runtime.removeImage(name, signal)
      },
    }),
  })
  await agent.client.create(pods, {
    metadata: { name: 'p', namespace },
    spec: { ...bound, containers: [container('c')] },
  })
  await agent.clock.advance('4m')
  freeBytes = 10e9
  await agent.clock.advance('11m')
  assert.deepEqual(removed, ['docker.io/library/alpine:3'])
  assert.equal((await readPod(agent, 'p')).status?.phase, 'Running')
  assert.equal(await conditionOf(agent, 'DiskPressure'), 'False KubeletHasNoDiskPressure: kubelet has no disk pressure')
})

test('a node short of disk gives back what pods that are over and unused images take before any pod leaves', async () => {
  let freeBytes = 50e9
  const removed: string[] = []
  const files = fakeFiles()
  const space = async () => ({ ...(await fakeFiles().space('/')), freeBytes })
  await using agent = await startAgent({
    images: [image, 'alpine:3', 'pause:1'],
    host: { files: { ...files, space } },
    settings: { evictionHard: { 'nodefs.available': '10%' } },
    keptImages: ['docker.io/library/pause:1'],
    wrap: (runtime) => ({
      ...runtime,
      async removeContainer(id, signal) {
        removed.push('container')
        await runtime.removeContainer(id, signal)
      },
      async removeImage(name, signal) {
        const { names } = (await runtime.images(signal)).find(({ id }) => id === name)!
        removed.push(names[0]!)
        freeBytes = 20e9
        await runtime.removeImage(name, signal)
      },
    }),
  })
  const once = { 'simulation.k8ts.dev/exit-after': '0s' }
  await agent.client.create(pods, {
    metadata: { name: 'once', namespace, annotations: once },
    spec: { ...bound, restartPolicy: 'Never', containers: [container('c')] },
  })
  await agent.client.create(pods, {
    metadata: { name: 'stays', namespace },
    spec: { ...bound, containers: [container('c')] },
  })
  await agent.clock.advance('12s')
  const ended = (await readPod(agent, 'once')).status
  assert.equal(ended?.phase, 'Succeeded')
  freeBytes = 9e9
  await agent.clock.advance('30s')
  assert.deepEqual(removed, ['container', 'docker.io/library/alpine:3'])
  assert.equal((await readPod(agent, 'stays')).status?.phase, 'Running')
  // It still tells how it ended.
  assert.deepEqual((await readPod(agent, 'once')).status, ended)
  assert.equal(await conditionOf(agent, 'DiskPressure'), 'True KubeletHasDiskPressure: kubelet has disk pressure')
  assert.deepEqual(await told(agent, 'reason=Evicted'), [])

  freeBytes = 9e9
  await agent.clock.advance('10s')
  assert.equal(
    (await readPod(agent, 'stays')).status?.message,
    'The node was low on resource: ephemeral-storage. Threshold quantity: 10000000149, available: 9000000000. ',
  )
})
