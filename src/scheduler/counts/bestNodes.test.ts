import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInteger, seededRandom } from '#lib/random.ts'
import { BestNodes } from './bestNodes.ts'

const positions = 100

test('the best nodes are those that looking at all of them finds, in the same order, through random changes', () => {
  const random = seededRandom(1)
  const below = (bound: number): number => randomInteger(random, bound)
  const best = new BestNodes()
  const sums = new Float64Array(positions)
  const rejected = new Uint8Array(positions).fill(1)
  const seen = { none: 0, one: 0, some: 0 }
  let nodes = 0
  for (let step = 0; step < 20_000; step++) {
    const at = below(nodes < positions ? nodes + 1 : nodes)
    if (at === nodes) nodes++
    else best.leave(at)
    // Mostly a few sums, so that many are alike, and times in which all go down.
    sums[at] = step % 400 < 200 ? below(4) : 1 - step
    rejected[at] = Number(below(5) === 0)
    if (rejected[at] === 0) best.enter(at, sums[at]!)
    if (below(3) > 0) continue
    const out = below(2) === 0 ? undefined : rejected.map((isOut) => isOut | Number(below(3) === 0))
    const fitting = Array.from({ length: nodes }, (_, i) => i).filter((i) => rejected[i] === 0)
    const highest = Math.max(...fitting.map((i) => sums[i]!))
    const left = fitting.filter((i) => sums[i] === highest && out?.[i] !== 1)
    for (const draw of [0, 0.5, 0.999]) {
      const wanted = left[Math.floor(draw * left.length)]
      assert.equal(best.pick(nodes, sums, rejected, out, { next: () => draw }), wanted, `step ${step}`)
    }
    seen[left.length === 0 ? 'none' : left.length === 1 ? 'one' : 'some']++
  }
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 100, what)
})
