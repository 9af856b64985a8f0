import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { fakeMounts, parseMounts, planUnmountBelow } from './mount.ts'

const table = [
  '22 28 0:20 / /run rw,nosuid shared:5 - tmpfs tmpfs rw,size=800k',
  '40 22 0:4 net:[4026532] /run/a\\040b rw - nsfs nsfs rw',
  '41 22 0:30 / /run/a\\040b/inner rw master:1 - tmpfs tmpfs rw',
  '42 22 0:31 / /run/ab rw - tmpfs tmpfs rw',
  'rubbish',
].join('\n')

describe('parseMounts', () => {
  it('reads targets with blanks, bind roots and propagation', () => {
    assert.deepEqual(parseMounts(table).slice(0, 2), [
      { target: '/run', type: 'tmpfs', source: 'tmpfs', root: '/', options: ['rw', 'nosuid'], shared: true },
      { target: '/run/a b', type: 'nsfs', source: 'nsfs', root: 'net:[4026532]', options: ['rw'], shared: false },
    ])
    assert.equal(parseMounts(table).length, 4)
  })
})

describe('planUnmountBelow', () => {
  it('takes the last mount first and leaves namesakes', () => {
    assert.deepEqual(planUnmountBelow(parseMounts(table), '/run/a b'), ['/run/a b/inner', '/run/a b'])
  })
})

describe('fakeMounts', () => {
  it('stacks and takes away', async () => {
    const mounts = fakeMounts()
    await mounts.mountTmpfs('/a')
    await mounts.bind('/b', '/a/c', { readOnly: true })
    await mounts.bind('/b', '/a')
    await mounts.unmount('/a')
    assert.deepEqual(
      mounts.list().map((mount) => mount.target),
      ['/a', '/a/c'],
    )
    await mounts.unmountBelow('/a')
    assert.deepEqual(mounts.list(), [])
  })
})
