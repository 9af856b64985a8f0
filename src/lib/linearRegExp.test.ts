import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgePatterns, linearRegExp, patternProblem } from './linearRegExp.ts'

test('what is wrong with expressions is the same whether it was found out before or not', async () => {
  const patterns = ['^a+$', '(', 'a{1,100}', '[z-a]', 'x{2000}']
  const expected = patterns.map((pattern) => {
    const compiled = linearRegExp(pattern)
    return 'problem' in compiled ? compiled.problem : undefined
  })
  assert.deepEqual(patterns.map(patternProblem), expected)
  await judgePatterns(new Set(patterns))
  assert.deepEqual(patterns.map(patternProblem), expected)
  assert.deepEqual(expected.slice(0, 2), [undefined, 'error parsing regexp: missing closing ): `(`'])
})

test('many expressions are compiled in several turns of the event loop', async () => {
  let turns = 0
  let isDone = false
  const count = (): void => {
    turns++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  await judgePatterns(new Set(Array.from({ length: 200 }, (_, i) => `^a{1,${800 + i}}$`)))
  isDone = true
  assert.ok(turns >= 10, `${turns} turns`)
})
