/** A real node that runs short of memory and of disk: needs root, containerd and the network plugins. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { nodes } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { pauseImage } from '#cluster/place/containerdConfig.ts'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { ownUsage } from '#lib/host/ownUsage.ts'
import { openContainerd } from '#kubelet/runtime/containerd.ts'
import { insidePlace, runInsidePlace, startNode, type NodeFixture } from './kubeletFixture.ts'
import { isReady, patience, podHelpers, shell } from './podHelpers.ts'

const place = insidePlace()
const MiB = 2 ** 20

if (place === undefined) {
  test('pressure in a place of its own', { skip: process.getuid?.() === 0 ? false : 'needs root' }, async () => {
    let output = ''
    const file = fileURLToPath(import.meta.url)
    const command = [process.execPath, '--test', '--test-isolation=none', '--test-reporter=spec', file]
    const ended = runInsidePlace('t-pressure', command, (text) => (output += text))
    const code = await ended.catch((error: unknown) => Promise.reject(new Error(output, { cause: error })))
    assert.equal(code, 0, output)
  })
} else {
  describe('pressure', () => insideTests())
}

function insideTests(): void {
  const host = systemHost(systemClock)
  let node: NodeFixture
  const { create, until, untilEvents, remove } = podHelpers(() => node)

  // What there is now less what the pods of the tests will take, which is more than anything else here takes meanwhile.
  before(async () => {
    const [, kibibytes] = /MemTotal: +(\d+) kB/.exec((await host.files.readText('/proc/meminfo')) ?? '')!
    const used = (host.cgroups.usage(place!.cgroup)?.memoryWorkingSetBytes ?? 0) + ownUsage().residentBytes
    const { freeBytes } = await host.files.space(await imageFolder())
    const evictionHard = {
      'memory.available': String(Number(kibibytes) * 1024 - used - 400 * MiB),
      'imagefs.available': String(freeBytes - 100 * MiB),
    }
    node = await startNode(place!, 'n1', { settings: { evictionHard }, keptImages: [pauseImage] })
  })
  after(async () => {
    await node[Symbol.asyncDispose]()
    assert.deepEqual(node.server.bugs, [])
    assert.deepEqual(node.problems, [])
  })

  const imageFolder = async (): Promise<string> => {
    const { files } = host
    using runtime = await openContainerd({ socket: place!.socket, clock: systemClock, files, seccompFolder: '/none' })
    const { folder } = await runtime.imageStore(new AbortController().signal)
    return folder
  }
  const isFailed = ({ status }: Pod): boolean => status?.phase === 'Failed'
  const asking = { resources: { requests: { memory: '256Mi' } } }
  const conditionOf = async (type: string): Promise<string | undefined> => {
    const { status } = await node.client.get(nodes, { name: 'n1' })
    return status?.conditions?.find((each) => each.type === type)?.status
  }
  const eventually = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
    const deadline = systemClock.now() + patience
    while (!(await isSo())) {
      if (systemClock.now() > deadline) throw new Error(`not so in time: ${what}`)
      await systemClock.sleep(50)
    }
  }

  test('a pod that fills the memory leaves, another one that asked for what it uses stays', async () => {
    await create('stays', { containers: [{ ...shell('sleep 600'), ...asking }] })
    await until('stays', 'ready', isReady)
    await create('hog', {
      containers: [
        {
          ...shell('dd if=/dev/zero of=/memory/x bs=1M count=700; sleep 600'),
          volumeMounts: [{ name: 'm', mountPath: '/memory' }],
        },
      ],
      volumes: [{ name: 'm', emptyDir: { medium: 'Memory' } }],
    })
    const { status } = await until('hog', 'failed', isFailed)
    assert.equal(status?.reason, 'Evicted')
    assert.match(
      status?.message ?? '',
      /^The node was low on resource: memory\. Threshold quantity: \d+, available: \S+\. Container c was using \S+, request is 0, has larger consumption of memory\. $/,
    )
    assert.equal(status?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason, 'TerminationByKubelet')
    assert.equal(status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 137)
    await untilEvents('hog', 'its eviction', (texts) => texts.includes(`Evicted: ${status?.message}`))
    await eventually('memory pressure', async () => (await conditionOf('MemoryPressure')) === 'True')
    await create('late', {})
    const late = (await until('late', 'refused', isFailed)).status
    assert.equal(late?.message, 'Pod was rejected: The node had condition: [MemoryPressure]. ')
    assert.ok(isReady(await until('stays', 'there', () => true)))
    for (const name of ['stays', 'hog', 'late']) await remove(name)
  })

  test('a pod that fills the disk of images leaves, and what it was made of goes too, but not what sandboxes are', async () => {
    const writes = shell('dd if=/dev/zero of=/x bs=1M count=150; sleep 600')
    await create('writer', { containers: [{ ...writes, ...asking }] })
    const { status } = await until('writer', 'failed', isFailed)
    assert.match(
      status?.message ?? '',
      /^The node was low on resource: ephemeral-storage\. Threshold quantity: \d+, available: \S+\. Container c was using \S+, request is 0, has larger consumption of ephemeral-storage\. $/,
    )
    const stop = new AbortController()
    const images = async (): Promise<string[]> =>
      (await node.runtime.images(stop.signal)).flatMap(({ names }) => names.filter((name) => !name.includes('@')))
    await eventually('the image is gone', async () => (await images()).length === 1)
    assert.deepEqual(await images(), [pauseImage])
    const { uid } = (await until('writer', 'there', () => true)).metadata
    await eventually('its containers are gone', async () => {
      const { containers } = await node.runtime.observe(uid!, stop.signal)
      return containers.length === 0
    })
    await eventually('disk pressure', async () => (await conditionOf('DiskPressure')) === 'True')
    await create('late', { containers: [{ ...shell('true'), ...asking }] })
    const late = (await until('late', 'refused', isFailed)).status
    assert.match(late?.message ?? '', /^Pod was rejected: The node had condition: \[.*DiskPressure\]\. $/)
    for (const name of ['writer', 'late']) await remove(name)
  })
}
