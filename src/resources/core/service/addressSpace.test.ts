import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { seededRandom } from '#lib/random.ts'
import { AddressSpace, isReady } from './addressSpace.ts'

const random = seededRandom(1)
const all = (space: AddressSpace): string[] => {
  const found: string[] = []
  for (let next = space.takeNext('IPv4', random); next !== undefined; next = space.takeNext('IPv4', random))
    found.push(next)
  return found.toSorted()
}

describe('further blocks', () => {
  test('are used when the first one is full, and no more once they are not ready', () => {
    const space = new AddressSpace('10.0.0.0/30')
    space.setBlocks('more', ['10.0.1.0/30'], true)
    assert.deepEqual(all(space), ['10.0.0.1', '10.0.0.2', '10.0.1.1', '10.0.1.2'])
    space.release('10.0.1.1')
    space.setBlocks('more', ['10.0.1.0/30'], false)
    assert.equal(space.takeNext('IPv4', random), undefined)
    assert.equal(
      space.take('10.0.1.1'),
      'the provided IP (10.0.1.1) is not in the valid range. The range of valid IPs is 10.0.0.0/30',
    )
    space.setBlocks('more', ['10.0.1.0/30'], true)
    assert.equal(space.take('10.0.1.1'), undefined)
  })

  test('may overlap: an address is in use in all of them', () => {
    const space = new AddressSpace('10.0.0.0/30')
    space.setBlocks('wide', ['10.0.0.0/29'], true)
    assert.equal(space.take('10.0.0.1'), undefined)
    assert.deepEqual(all(space), ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'])
    space.release('10.0.0.2')
    assert.equal(space.take('10.0.0.2'), undefined)
  })

  test('know what was in use before they came, and after they had gone', () => {
    const space = new AddressSpace('10.0.0.0/30')
    space.adopt('10.0.1.1')
    space.setBlocks('more', ['10.0.1.0/30'], true)
    assert.equal(space.take('10.0.1.1'), 'provided IP is already allocated')
    space.removeBlocks('more')
    space.setBlocks('again', ['10.0.1.0/30'], true)
    assert.equal(space.take('10.0.1.1'), 'provided IP is already allocated')
    space.release('10.0.1.1')
    assert.equal(space.take('10.0.1.1'), undefined)
  })

  test('take the place of the first one, once that one goes', () => {
    const space = new AddressSpace('10.0.0.0/30')
    space.setBlocks('kubernetes', ['10.0.0.0/30'], true)
    space.setBlocks('more', ['10.0.1.0/30'], true)
    space.setBlocks('kubernetes', ['10.0.0.0/30'], false)
    assert.deepEqual(all(space), ['10.0.1.1', '10.0.1.2'])
    space.removeBlocks('kubernetes')
    assert.deepEqual(all(space), ['10.0.0.1', '10.0.0.2'])
  })

  test('without any address to hand out are no help', () => {
    const space = new AddressSpace('10.0.0.0/30')
    space.setBlocks('tiny', ['10.0.1.0/32', 'fd00::1/128', 'nonsense'], true)
    assert.deepEqual(all(space), ['10.0.0.1', '10.0.0.2'])
  })
})

test('what others keep is not handed out', () => {
  const space = new AddressSpace('10.0.0.0/30')
  space.keep('10.0.0.1')
  assert.equal(space.take('10.0.0.1'), 'provided IP is already allocated')
  assert.deepEqual(all(space), ['10.0.0.2'])
  space.letGo('10.0.0.1')
  assert.deepEqual(all(space), ['10.0.0.1'])
  // Kept and used by a service at once: it is free when both have let it go.
  space.keep('10.0.0.1')
  space.release('10.0.0.1')
  assert.deepEqual(all(space), [])
  space.letGo('10.0.0.1')
  assert.deepEqual(all(space), ['10.0.0.1'])
})

test('a network has addresses that are nobody’s', () => {
  const space = new AddressSpace('10.0.0.0/30')
  assert.equal(space.take('10.0.0.3'), 'the provided IP (10.0.0.3) is reserved in the range 10.0.0.0/30')
  assert.equal(space.take('fd00::1'), 'IPv6 is not configured on this cluster')
})

test('blocks are ready unless their condition says otherwise', () => {
  const condition = (status: 'True' | 'False') => [
    { type: 'Ready', status, reason: '', message: '', lastTransitionTime: '' },
  ]
  assert.deepEqual(
    [isReady(undefined), isReady([]), isReady(condition('True')), isReady(condition('False'))],
    [true, true, true, false],
  )
})
