import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodes } from '#api/core/v1/node.ts'
import { csiNodes } from '#api/storage/v1/csiNode.ts'
import { clientOver, type Client } from '#client/client.ts'
import { registerCsiNode } from '#kubelet/node/csiNode.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { unavailable } from '#machinery/status.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { startServer } from './apiServerFixture.ts'

const name = 'worker'

test('a node has a CSINode of its own, which is completed when it is there, and tried for while the server is away', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  const administrator = clientOver(fixture.transport)
  const agent = { name: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] }
  const own = clientOver(inProcessTransport(fixture.server, agent))
  const node = await own.create(nodes, { metadata: { name, labels: { 'kubernetes.io/hostname': name } }, spec: {} })
  const reported: string[] = []
  const { signal } = new AbortController()
  const write = (client: Client): Promise<void> =>
    registerCsiNode({ client, clock, report: (problem) => void reported.push(problem) }, node, signal)
  const read = () => administrator.get(csiNodes, { name })

  const failures = [unavailable('away')]
  const shaky = new Proxy(own, {
    get: (target, method: keyof Client) => {
      const failure = method === 'create' ? failures.pop() : undefined
      return failure === undefined ? target[method] : () => Promise.reject(failure)
    },
  })
  const writing = write(shaky)
  await clock.advance(1_000)
  await writing
  assert.deepEqual(reported, ['Cannot write the CSINode of node "worker"'])
  const made = await read()
  const annotations = {
    'storage.alpha.kubernetes.io/migrated-plugins':
      'kubernetes.io/aws-ebs,kubernetes.io/azure-disk,kubernetes.io/azure-file,kubernetes.io/cinder,kubernetes.io/gce-pd,kubernetes.io/portworx-volume,kubernetes.io/vsphere-volume',
  }
  assert.deepEqual(made.metadata.annotations, annotations)
  assert.deepEqual(made.metadata.ownerReferences, [{ apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid }])
  assert.deepEqual(made.spec, { drivers: null })

  await write(own)
  assert.equal((await read()).metadata.resourceVersion, made.metadata.resourceVersion)
  const drivers = [{ name: 'disks.example.com', nodeID: 'w' }]
  await administrator.update(csiNodes, {
    ...made,
    metadata: { ...made.metadata, annotations: { mine: 'x' } },
    spec: { drivers },
  })
  await write(own)
  const after = await read()
  assert.deepEqual(after.metadata.annotations, { mine: 'x', ...annotations })
  assert.equal(after.spec.drivers?.[0]?.name, 'disks.example.com')
  assert.deepEqual(fixture.bugs, [])
})
