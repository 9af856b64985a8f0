import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'

import type { Frontend } from './frontend.ts'
import { FrontendTable } from './frontendTable.ts'

const frontend = (key: string, owner: string, age: string): Frontend => ({
  key,
  owner,
  age,
  family: 4,
  isClusterAddress: false,
  transport: 'tcp',
  port: 80,
  masquerade: 'others',
  inside: { backends: [], whenEmpty: 'refuse' },
})

describe('FrontendTable', () => {
  it('gives a key to the oldest of those that want it, and then to the next one', () => {
    const table = new FrontendTable()
    const [young, old, middle] = [frontend('k', 'young', '3'), frontend('k', 'old', '1'), frontend('k', 'middle', '2')]
    table.set('young', [young])
    table.set('old', [old])
    table.set('middle', [middle])
    assert.deepEqual(table.takeChanges(), [{ key: 'k', before: undefined, next: old }])
    table.set('old', [])
    assert.deepEqual(table.takeChanges(), [{ key: 'k', before: old, next: middle }])
    table.set('middle', [])
    table.set('young', [])
    assert.deepEqual(table.takeChanges(), [{ key: 'k', before: middle, next: undefined }])
  })
  it('tells nothing of what came and went, nor of the same object', () => {
    const table = new FrontendTable()
    const one = frontend('k', 'a', '1')
    table.set('a', [one])
    table.takeChanges()
    table.set('a', [])
    table.set('a', [one])
    table.set('b', [frontend('l', 'b', '1')])
    table.set('b', [])
    assert.deepEqual(table.takeChanges(), [])
  })
  it('holds after any changes what the oldest of each key want', () => {
    const step = fc.record({
      source: fc.constantFrom('a', 'b', 'c'),
      keys: fc.array(fc.constantFrom('x', 'y', 'z')),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const table = new FrontendTable()
        const wanted = new Map<string, Frontend[]>()
        const seen = new Map<string, Frontend | undefined>()
        for (const { source, keys } of steps) {
          const frontends = keys.map((key, index) => frontend(key, `${source}${index}`, source))
          table.set(source, frontends)
          wanted.set(source, frontends)
          for (const { key, before, next } of table.takeChanges()) {
            assert.equal(seen.get(key), before)
            seen.set(key, next)
          }
        }
        for (const key of ['x', 'y', 'z']) {
          const claims = ['a', 'b', 'c']
            .flatMap((source) => wanted.get(source) ?? [])
            .filter((each) => each.key === key)
          assert.equal(table.get(key)?.age, claims[0]?.age)
          assert.equal(seen.get(key), table.get(key))
          if (claims.length > 0) assert.ok(claims.includes(table.get(key)!))
        }
      }),
    )
  })
})
