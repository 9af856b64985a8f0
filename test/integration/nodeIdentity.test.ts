import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodes } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { clientOver } from '#client/client.ts'
import { controlPlaneNodeComponent } from '#cluster/controlPlaneNode.ts'
import { controlPlaneParts, systemPodsComponent } from '#cluster/systemPods.ts'
import { systemClock } from '#lib/clock.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { startServer } from './apiServerFixture.ts'

const name = 'control-plane'

test('a node registers, shows the parts of its process and is marked by the control plane, each as themselves', async () => {
  await using fixture = await startServer({ clock: systemClock })
  const { server, transport } = fixture
  const agent = { name: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] }
  const own = clientOver(inProcessTransport(server, agent))
  const administrator = clientOver(transport)
  const stop = new AbortController()
  const marked = Promise.withResolvers<void>()
  const reported: string[] = []
  const showParts = (): Promise<void> => {
    const about = { node: name, addresses: ['10.0.0.1'], parts: controlPlaneParts, needs: [] }
    const report = (problem: string): void => void reported.push(problem)
    return systemPodsComponent({ client: own, clock: systemClock, ...about, report }).run(() => {}, stop.signal)
  }
  const running = [
    controlPlaneNodeComponent({ client: administrator, clock: systemClock, node: name }).run(
      marked.resolve,
      stop.signal,
    ),
    showParts(),
  ]
  const taints = [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' as const }]
  await own.create(nodes, { metadata: { name, labels: { 'kubernetes.io/hostname': name } }, spec: { taints } })
  await marked.promise
  const node = await administrator.get(nodes, { name })
  assert.equal(node.metadata.labels?.['node-role.kubernetes.io/control-plane'], '')
  const shown = async (other: readonly (string | undefined)[] = []): Promise<readonly Pod[]> => {
    for (;;) {
      const { items } = await administrator.list(pods, { namespace: 'kube-system' })
      const isDone = items.every(({ metadata, status }) => status?.phase === 'Running' && !other.includes(metadata.uid))
      if (items.length === controlPlaneParts.length && isDone) return items
      await systemClock.sleep(20)
    }
  }
  const items = await shown()
  for (const { metadata } of items) assert.equal(metadata.ownerReferences?.[0]?.uid, node.metadata.uid)
  // Another life of the process shows itself in the place of the one before.
  running.push(showParts())
  await shown(items.map(({ metadata }) => metadata.uid))
  assert.deepEqual(reported, [])
  await assert.rejects(
    own.patch(nodes, { name }, { type: 'merge', body: { metadata: { labels: { 'node-role.kubernetes.io/x': '' } } } }),
    /is not allowed to modify labels: node-role.kubernetes.io\/x/,
  )
  stop.abort()
  await Promise.all(running)
  assert.deepEqual(fixture.bugs, [])
})
