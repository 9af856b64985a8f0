import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fifo } from './fifo.ts'

test('Fifo hands out in the order in which things came, whatever comes meanwhile', () => {
  const fifo = new Fifo<string>()
  const taken: (string | undefined)[] = [fifo.shift()]
  for (const step of ['+a', '+b', '+c', '-', '+d', '-', '-', '+e', '-', '-', '-', '+f', '-']) {
    if (step === '-') taken.push(fifo.shift())
    else fifo.push(step.slice(1))
  }
  assert.deepEqual(taken, [undefined, 'a', 'b', 'c', 'd', 'e', undefined, 'f'])
})

test('Fifo counts what waits, and forgets it', () => {
  const fifo = new Fifo<string>()
  for (const value of ['a', 'b', 'c']) fifo.push(value)
  fifo.shift()
  fifo.push('d')
  assert.equal(fifo.length, 3)
  fifo.clear()
  assert.deepEqual([fifo.length, fifo.shift()], [0, undefined])
})
