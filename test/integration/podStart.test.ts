/** A node's agent over a runtime without containers: what it tells of pods that start, under simulated time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from '#api/core/v1/event.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { ContainerRuntime } from '#kubelet/runtime/containerRuntime.ts'
import type { SimulatedClock } from '#lib/clock.ts'
import { bound, container, namespace, startAgent } from './agentFixture.ts'

test('a sandbox and the start in it are told at once', async () => {
  await using agent = await startAgent({ images: ['busybox:1.35'] })
  const spec = { ...bound, containers: [container('a'), container('b')] }
  await agent.client.create(pods, { metadata: { name: 'p', namespace }, spec })
  await agent.clock.advance('5s')
  assert.deepEqual(agent.statuses('p'), [
    'Pending - Unknown',
    'Pending - False a:ContainerCreating b:ContainerCreating',
    'Running 10.244.0.2 True a:running b:running',
  ])
})

test('a start that fails is told with the sandbox', async () => {
  await using agent = await startAgent({ images: ['busybox:1.35'] })
  const env = [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'none', key: 'k' } } }]
  const spec = { ...bound, containers: [{ ...container('a'), env }] }
  await agent.client.create(pods, { metadata: { name: 'p', namespace }, spec })
  await agent.clock.advance('5s')
  assert.deepEqual(agent.statuses('p').slice(2), ['Pending 10.244.0.2 True a:CreateContainerConfigError'])
})

test('a sandbox that waits for images is told before them', async () => {
  await using agent = await startAgent({ images: [] })
  const spec = { ...bound, containers: [{ ...container('a'), imagePullPolicy: 'Never' as const }] }
  await agent.client.create(pods, { metadata: { name: 'p', namespace }, spec })
  await agent.clock.advance('5s')
  assert.deepEqual(agent.statuses('p').slice(2), ['Pending 10.244.0.2 True a:ErrImageNeverPull'])
})

test('init containers and those after them are told one after another', async () => {
  await using agent = await startAgent({ images: ['busybox:1.35'] })
  const annotations = { 'simulation.k8ts.dev/exit-after.i': '2s' }
  const spec = { ...bound, initContainers: [container('i')], containers: [container('a')] }
  await agent.client.create(pods, { metadata: { name: 'p', namespace, annotations }, spec })
  await agent.clock.advance('10s')
  assert.deepEqual(agent.statuses('p').slice(1), [
    'Pending - False i:PodInitializing a:PodInitializing',
    'Pending 10.244.0.2 True i:running a:PodInitializing',
    'Pending 10.244.0.2 True i:terminated a:PodInitializing',
    'Running 10.244.0.2 True i:terminated a:running',
  ])
})

test('a resize waits for room, and comes true when another pod leaves', async () => {
  const resized: string[] = []
  const wrap = (runtime: ContainerRuntime): ContainerRuntime => ({
    ...runtime,
    resizeContainer: async (_, { metadata }, name) => void resized.push(`${metadata.name}/${name}`),
  })
  await using agent = await startAgent({ images: ['busybox:1.35'], wrap })
  const ask = (cpu: string) => ({ requests: { cpu }, limits: { cpu } })
  for (const [name, cpu] of [
    ['small', '500m'],
    ['other', '1'],
  ] as const) {
    const spec = { ...bound, containers: [{ ...container('c'), resources: ask(cpu) }] }
    await agent.client.create(pods, { metadata: { name, namespace }, spec })
  }
  await agent.clock.advance('5s')
  const at = { name: 'small', namespace }
  const body = { spec: { containers: [{ name: 'c', resources: ask('1500m') }] } }
  await agent.client.patchSubresource(pods, at, 'resize', { type: 'strategic', body })
  await agent.clock.advance('5s')
  const told = async (): Promise<unknown> => {
    const { status } = await agent.client.get(pods, at)
    const conditions = status!.conditions!.filter(({ type }) => type.startsWith('PodResize'))
    const { resources, allocatedResources } = status!.containerStatuses![0]!
    return [conditions.map(({ type, reason }) => `${type} ${reason}`), resources, allocatedResources, resized]
  }
  assert.deepEqual(await told(), [['PodResizePending Deferred'], ask('500m'), { cpu: '500m' }, []])
  await agent.client.delete(pods, { name: 'other', namespace }, { gracePeriodSeconds: 0 })
  await agent.clock.advance('5s')
  assert.deepEqual(await told(), [[], ask('1500m'), { cpu: '1500m' }, ['small/c']])
})

test('a pod that writes more than it may is evicted', async () => {
  const wrap = (runtime: ContainerRuntime): ContainerRuntime => ({
    ...runtime,
    written: async () => ({ bytes: 2 ** 20 + 1, inodes: 1 }),
  })
  await using agent = await startAgent({ images: ['busybox:1.35'], wrap })
  const limited = { ...container('c'), resources: { limits: { 'ephemeral-storage': '1Mi' } } }
  for (const [name, containers] of [
    ['limited', [limited]],
    ['free', [container('c')]],
  ] as const) {
    await agent.client.create(pods, {
      metadata: { name, namespace },
      spec: { ...bound, containers: [...containers] },
    })
  }
  await agent.clock.advance('15s')
  const { items } = await agent.client.list(pods, { namespace })
  const message = 'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. '
  assert.deepEqual(
    items.map(({ metadata, status }) => [metadata.name, status?.phase, status?.reason, status?.message]),
    [
      ['free', 'Running', undefined, undefined],
      ['limited', 'Failed', 'Evicted', message],
    ],
  )
  const told = (await agent.client.list(events, { namespace })).items
  assert.deepEqual(
    told.filter(({ reason }) => reason === 'Evicted').map((event) => event.message),
    [message],
  )
})

test('a pod that AppArmor is to confine is refused where nothing would confine it', async () => {
  await using agent = await startAgent({ images: ['busybox:1.35'] })
  const securityContext = { appArmorProfile: { type: 'RuntimeDefault' } } as const
  const spec = { ...bound, containers: [container('a')], securityContext }
  await agent.client.create(pods, { metadata: { name: 'p', namespace }, spec })
  await agent.clock.advance('5s')
  const { status } = await agent.client.get(pods, { name: 'p', namespace })
  const message = 'Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host'
  assert.deepEqual([status?.phase, status?.reason, status?.message], ['Failed', 'AppArmor', message])
})

test('each volume that cannot be mounted is told', async () => {
  await using agent = await startAgent({ images: ['busybox:1.35'] })
  const spec = {
    ...bound,
    volumes: [
      { name: 'a', configMap: { name: 'none' } },
      { name: 'b', secret: { secretName: 'neither' } },
    ],
    containers: [
      {
        ...container('c'),
        volumeMounts: [
          { name: 'a', mountPath: '/a' },
          { name: 'b', mountPath: '/b' },
        ],
      },
    ],
  }
  await agent.client.create(pods, { metadata: { name: 'p', namespace }, spec })
  await agent.clock.advance('5s')
  const { items } = await agent.client.list(events, { namespace, fieldSelector: 'involvedObject.kind=Pod' })
  assert.deepEqual(items.map(({ reason, message }) => `${reason}: ${message}`).toSorted(), [
    'FailedMount: MountVolume.SetUp failed for volume "a" : configmap "none" not found',
    'FailedMount: MountVolume.SetUp failed for volume "b" : secret "neither" not found',
  ])
})

/** Notes when a call begins and ends, that takes three seconds longer, and whether it is given up meanwhile. */
async function slowly<T>(
  seen: string[],
  clock: SimulatedClock,
  signal: AbortSignal,
  call: () => Promise<T>,
): Promise<T> {
  seen.push('begins')
  await clock.sleep(3_000)
  if (signal.aborted) seen.push('is given up')
  const answer = await call()
  seen.push('is done')
  return answer
}

for (const [what, wrap] of [
  [
    'a sandbox',
    (seen: string[]) => (runtime: ContainerRuntime, clock: SimulatedClock) => ({
      ...runtime,
      createSandbox: (...[request, signal]: Parameters<ContainerRuntime['createSandbox']>) =>
        slowly(seen, clock, signal, () => runtime.createSandbox(request, signal)),
    }),
  ],
  [
    'a container',
    (seen: string[]) => (runtime: ContainerRuntime, clock: SimulatedClock) => ({
      ...runtime,
      startContainer: (...[id, signal]: Parameters<ContainerRuntime['startContainer']>) =>
        slowly(seen, clock, signal, () => runtime.startContainer(id, signal)),
    }),
  ],
] as const) {
  test(`the start of ${what} is carried through when its pod is deleted meanwhile`, async () => {
    const seen: string[] = []
    await using agent = await startAgent({ images: ['busybox:1.35'], wrap: wrap(seen) })
    const at = { name: 'p', namespace }
    const spec = { ...bound, terminationGracePeriodSeconds: 1, containers: [container('a')] }
    await agent.client.create(pods, { metadata: at, spec })
    await agent.clock.advance('1s')
    await agent.client.delete(pods, at)
    await agent.clock.advance('1s')
    assert.deepEqual(seen, ['begins'])
    await agent.clock.advance('5s')
    assert.deepEqual(seen, ['begins', 'is done'])
    assert.deepEqual((await agent.client.list(pods, { namespace })).items, [])
  })
}
