import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { clusterPaths } from '#cluster/record.ts'
import { clusterLayout, folderName, nameProblem, placeLayout, sharedFolders } from './layout.ts'

describe('nameProblem', () => {
  const characters =
    'it must consist of lower case letters, digits, "-" and ".", and start and end with a letter or digit'
  const cases: [string, string | undefined][] = [
    ['dev', undefined],
    ['ip-10-0-0-1.example.org', undefined],
    ['', 'it must not be empty'],
    ['a'.repeat(64), 'it must be no more than 63 characters'],
    ['Dev', characters],
    ['-a', characters],
    ['a..b', characters],
    ['..', characters],
    ['a/b', characters],
    ['a b', characters],
    ["a'; reboot", characters],
    ['a\nb', characters],
  ]
  for (const [name, expected] of cases) it(JSON.stringify(name), () => assert.equal(nameProblem(name), expected))
})

describe('layouts', () => {
  it('follow from the names alone', () => {
    assert.deepEqual(placeLayout('dev', 'worker'), placeLayout('dev', 'worker'))
    assert.equal(placeLayout('dev', 'worker').placeCgroup, '/k8ts/dev/worker')
    assert.equal(placeLayout('dev', 'worker').socket, '/run/k8ts/dev/worker/containerd.sock')
  })
  it('refuse names that climb', () => {
    assert.throws(() => clusterLayout('../etc'), /Cannot use "..\/etc" as the name of a cluster/)
    assert.throws(() => placeLayout('dev', '..'), /as the name of a node/)
  })
  it('keep link names within 15 and socket paths within 107 bytes for the longest names', () => {
    const layout = placeLayout('c'.repeat(63), 'n'.repeat(63))
    assert.ok(layout.hostLink.length <= 15)
    assert.ok(layout.switchLink.length <= 15)
    assert.ok(layout.socket.length <= 107)
  })
  it('find a place again by the name of its folder', () => {
    const long = 'a-node-with-a-very-long-name-indeed.example.org'
    const byFolder = placeLayout('dev', folderName(long))
    assert.deepEqual({ ...byFolder, node: long }, placeLayout('dev', long))
  })
  it('keep clusters apart from each other and from the folders that they share', () => {
    const roots = { runtime: '/run/k8ts', data: '/var/lib/k8ts' }
    const shared = Object.values(sharedFolders).map((name) => `${roots.data}/${name}`)
    for (const name of ['images', 'packages', 'work', 'lab', 'lab.lock']) {
      const { dataFolder, runtimeFolder, recordFile } = clusterPaths(name, roots)
      assert.ok(!shared.includes(dataFolder), dataFolder)
      assert.equal(clusterPaths(folderName(name), roots).recordFile, recordFile)
      assert.notEqual(clusterPaths('lab', roots).lockFile, runtimeFolder)
    }
  })
  it('differ in links and metrics between clusters', () => {
    const [a, b] = [clusterLayout('a'), clusterLayout('b')]
    assert.notEqual(a.hostLink, b.hostLink)
    assert.notEqual(a.barrierMetric, b.barrierMetric)
    assert.ok(a.barrierMetric < 2 ** 32 && a.barrierMetric > 4_290_000_000)
  })
})
