import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { SchedulerCache } from './cache.ts'
import { nodeOf, podOf } from './testObjects.ts'
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
    const view = cache.snapshot().nodes[0]!
    if (when === 'before') told(view)
    assert.equal(view.podStates, 0)
    cache.setPod(podNamed('y', 'Running'))
    assert.equal(cache.snapshot().nodes[0], view)
    assert.equal(view.podStates, 1)
    assert.deepEqual(told(view), ['x Pending', 'y Running', 'z Pending'])
    assert.deepEqual(told(changedView(view, { added: [podNamed('w')], removed: [view.pods[0]!] })), [
      'y Running',
      'z Pending',
      'w Pending',
    ])
  })
}

test('a view counts the pods that say something of their neighbours', () => {
  const { cache } = fixture()
  const affinity = { podAffinity: {} }
  const picky = podOf({ name: 'picky', spec: { nodeName: 'a', affinity } })
  cache.setPod(picky)
  cache.setPod(podNamed('x'))
  const view = cache.snapshot().nodes[0]!
  assert.equal(view.termHolders, 1)
  assert.equal(changedView(view, { added: [], removed: [picky] }).termHolders, 0)
  cache.removePod(picky)
  assert.equal(cache.snapshot().nodes[0]!.termHolders, 0)
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
