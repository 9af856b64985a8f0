import assert from 'node:assert/strict'
import { test } from 'node:test'

interface Bundles {
  superfluousBundles(
    bundles: readonly { readonly path: string; readonly made: number }[],
    commandLines: readonly (readonly string[])[],
  ): string[]
  commandLines(): string[][]
}

const { superfluousBundles, commandLines } = (await import(
  new URL('../bin/bundles.js', import.meta.url).href
)) as Bundles

test('of many bundles the oldest go, but for those that a process runs', () => {
  const bundles = [3, 1, 8, 2, 5, 7, 4, 6].map((made) => ({ path: `/cache/${made}`, made }))
  assert.deepEqual(superfluousBundles(bundles, []), ['/cache/3', '/cache/2', '/cache/1'])
  const running = [
    ['node', 'bin/start.js', '/cache/2', 'run-node', 'a', 'worker'],
    ['tail', '/cache/11'],
  ]
  assert.deepEqual(superfluousBundles(bundles, running), ['/cache/3', '/cache/1'])
})

test('this process is among those that are looked at', () => {
  assert.ok(commandLines().some(([program]) => program === process.execPath))
})
