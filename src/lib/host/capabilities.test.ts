import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mayLowerOomScore, mayMakeNamespaces } from './capabilities.ts'

test('who may protect a process from the out-of-memory killer', () => {
  const rows: readonly (readonly [status: string, may: boolean])[] = [
    ['Name:\tnode\nCapEff:\t000001ffffffffff\n', true],
    ['CapEff:\t000001fffeffffff\n', false],
    ['', false],
  ]
  for (const [status, may] of rows) assert.equal(mayLowerOomScore(status), may, status)
})

test('who may make namespaces', () => {
  const rows: readonly (readonly [whose: string, effective: string, may: boolean])[] = [
    ['root', '000001ffffffffff', true],
    ['root of a container of Docker or containerd', '00000000a80425fb', false],
    ['without CAP_SYS_ADMIN', '000001ffffdfffff', false],
    ['without CAP_NET_ADMIN', '000001ffffffefff', false],
    ['another user', '0000000000000000', false],
  ]
  for (const [whose, effective, may] of rows)
    assert.equal(mayMakeNamespaces(`Name:\tnode\nCapEff:\t${effective}\n`), may, whose)
})
