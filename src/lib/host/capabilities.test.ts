import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mayLowerOomScore } from './capabilities.ts'

test('who may protect a process from the out-of-memory killer', () => {
  const rows: readonly (readonly [status: string, may: boolean])[] = [
    ['Name:\tnode\nCapEff:\t000001ffffffffff\n', true],
    ['CapEff:\t000001fffeffffff\n', false],
    ['', false],
  ]
  for (const [status, may] of rows) assert.equal(mayLowerOomScore(status), may, status)
})
