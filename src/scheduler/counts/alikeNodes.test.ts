import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInteger, seededRandom } from '#lib/random.ts'
import { SchedulerCache } from '#scheduler/cache.ts'
import { nodeOf } from '#scheduler/testObjects.ts'
import { AlikeNodes } from './alikeNodes.ts'

test('nodes stay in the groups of their keys, while nodes come, change and go', () => {
  const random = seededRandom(1)
  const cache = new SchedulerCache()
  const alike = new AlikeNodes()
  for (let step = 0; step < 2_000; step++) {
    const name = `node-${randomInteger(random, 40)}`
    if (randomInteger(random, 4) === 0) cache.removeNode(name)
    else cache.setNode(nodeOf({ name, labels: { key: String(randomInteger(random, 6)) } }))
    if (randomInteger(random, 3) > 0) continue
    const cluster = cache.snapshot()
    /** The last of six keys means that a node does not fit. */
    const keyAt = (at: number): string | undefined => {
      const key = cluster.nodes[at]!.node.metadata.labels!['key']!
      return key === '5' ? undefined : key
    }
    alike.follow(cluster, keyAt)
    const wanted = new Map<string, number[]>()
    for (const at of cluster.nodes.keys()) {
      const key = keyAt(at)
      if (key !== undefined) wanted.set(key, [...(wanted.get(key) ?? []), at])
    }
    const [positions, sizes] = [new Int32Array(alike.count), new Int32Array(alike.count)]
    alike.list(positions, sizes)
    const sizesByKey = [...positions].map((at, i) => [keyAt(at), sizes[i]] as const)
    assert.deepEqual(new Map(sizesByKey), new Map([...wanted].map(([key, { length }]) => [key, length])))
    const some = positions.filter(() => randomInteger(random, 2) === 0)
    const picked = [...some].flatMap((at) => wanted.get(keyAt(at)!)!).toSorted((a, b) => a - b)
    assert.deepEqual(
      picked.map((_, rest) => alike.pick(some, rest)),
      picked,
    )
  }
})
