import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { SchedulerCache } from './cache.ts'
import type { NodeView } from './snapshot.ts'
import { nodeOf, podOf, type PodSketch } from './testObjects.ts'
import { changedView } from './views.ts'

const podNamed = (name: string, phase: 'Pending' | 'Running' = 'Pending') =>
  podOf({ name, spec: { nodeName: 'a' }, status: { phase } })

/** A cache of one node, and what its view says of the pods there. */
function fixture() {
  const cache = new SchedulerCache()
  cache.setNode(nodeOf({ name: 'a' }))
  const told = (view = cache.snapshot().nodes[0]!): readonly string[] => {
    assert.equal(view.podCount, view.pods.length)
    return view.pods.map(({ metadata, status }) => `${metadata.name} ${status?.phase}`)
  }
  return { cache, told }
}

test('a view has the pods of its moment, whenever it is asked for them', () => {
  const { cache, told } = fixture()
  const views = [cache.snapshot().nodes[0]!]
  for (const name of ['x', 'y', 'z']) {
    cache.setPod(podNamed(name))
    views.push(cache.snapshot().nodes[0]!)
  }
  cache.removePod(podNamed('y'))
  views.push(cache.snapshot().nodes[0]!)
  cache.setPod(podNamed('w'))
  assert.deepEqual(
    [...views, cache.snapshot().nodes[0]!].map((view) => told(view)),
    [
      [],
      ['x Pending'],
      ['x Pending', 'y Pending'],
      ['x Pending', 'y Pending', 'z Pending'],
      ['x Pending', 'z Pending'],
      ['x Pending', 'z Pending', 'w Pending'],
    ],
  )
})

for (const when of ['before', 'after'] as const) {
  test(`a later state of a pod that differs in its status alone takes its place in a view asked ${when} it`, () => {
    const { cache, told } = fixture()
    for (const name of ['x', 'y', 'z']) cache.setPod(podNamed(name))
    const { nodes, generation } = cache.snapshot()
    const view = nodes[0]!
    if (when === 'before') told(view)
    cache.setPod(podNamed('y', 'Running'))
    const after = cache.snapshot()
    assert.equal(after.nodes[0], view)
    assert.deepEqual(after.changedSince(generation), [0])
    assert.deepEqual(told(view), ['x Pending', 'y Running', 'z Pending'])
    assert.deepEqual(told(changedView(view, { added: [podNamed('w')], removed: [view.pods[0]!] })), [
      'y Running',
      'z Pending',
      'w Pending',
    ])
  })
}

test('a view has its pods in groups that are the same to others, and keeps them when pods come and go', () => {
  const { cache } = fixture()
  const on = (name: string, sketch: Partial<PodSketch> = {}): Pod => {
    return podOf({ name, ...sketch, spec: { nodeName: 'a', ...sketch.spec } })
  }
  const viewNow = () => cache.snapshot().nodes[0]!
  const groups = ({ alikePods }: NodeView) =>
    alikePods.map(({ each: { metadata }, terms, count }) => {
      const told = [
        JSON.stringify(metadata.labels),
        metadata.deletionTimestamp,
        terms.required.length > 0 ? 'picky' : undefined,
      ]
      return [count, ...told.filter((part) => part !== undefined)].join(' ')
    })
  const labels = { app: 'web', tier: 'front' }
  const term = { topologyKey: 'zone', labelSelector: { matchLabels: labels } }
  const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } }
  const deletionTimestamp = '2026-01-01T00:00:00Z'
  cache.setPod(on('x', { labels }))
  cache.setPod(on('y', { labels }))
  cache.setPod(on('picky', { labels, spec: { affinity } }))
  cache.setPod(on('z'))
  const before = viewNow()
  cache.setPod(on('y', { labels, deletionTimestamp }))
  cache.removePod(on('z'))
  const between = viewNow()
  cache.setPod(on('x', { labels, status: { phase: 'Running' } }))
  cache.removePod(on('x'))
  const told = '{"app":"web","tier":"front"}'
  assert.deepEqual(groups(before), [`2 ${told}`, `1 ${told} picky`, '1 {}'])
  assert.deepEqual(groups(between), [`1 ${told}`, `1 ${told} picky`, `1 ${told} ${deletionTimestamp}`])
  assert.deepEqual(groups(viewNow()), [`1 ${told} picky`, `1 ${told} ${deletionTimestamp}`])
  const picky = between.pods.filter(({ metadata }) => metadata.name === 'picky')
  assert.deepEqual(groups(changedView(between, { added: [on('w', { labels })], removed: picky })), [
    `2 ${told}`,
    `1 ${told} ${deletionTimestamp}`,
  ])
})

test('a pod that is resized holds what it has until the node took it back', () => {
  const { cache } = fixture()
  const having = (cpu: string, phase = 'Running') =>
    podOf({
      name: 'x',
      requests: { cpu: '1' },
      spec: { nodeName: 'a' },
      status: {
        phase,
        containerStatuses: [
          { name: 'c', ready: true, restartCount: 0, image: 'i', imageID: 'i', resources: { requests: { cpu } } },
        ],
      } as NonNullable<Pod['status']>,
    })
  const said: number[] = []
  for (const pod of [having('3'), having('3', 'Pending'), having('1')]) {
    cache.setPod(pod)
    said.push(cache.snapshot().nodes[0]!.requested.milliCpu)
  }
  cache.removePod(having('1'))
  assert.deepEqual([...said, cache.snapshot().nodes[0]!.requested.milliCpu], [3_000, 3_000, 1_000, 0])
})
