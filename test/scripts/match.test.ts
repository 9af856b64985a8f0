import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { matchOutput, PatternError, type Captures } from './match.ts'
import type { Expectation } from './session.ts'

type Way = 'whole' | 'exactly' | 'contains' | 'any order' | 'contains in any order'

const expectation = (lines: readonly string[], way: Way): Expectation => ({
  lines,
  exitCode: 0,
  compare: way === 'exactly' ? way : way.startsWith('contains') ? 'contains' : 'whole',
  anyOrder: way.endsWith('any order'),
})

interface Row {
  readonly what: string
  readonly way?: Way
  readonly lines: readonly string[]
  readonly output: string
  readonly known?: Captures
  /** What is remembered, or the line that nothing matched (`undefined` when it cannot be told). */
  readonly gives: { readonly captures: Captures } | { readonly missing: string | undefined }
}

const fits = { captures: {} }
const rows: readonly Row[] = [
  { what: 'compares cells', lines: ['NAME READY', 'a 1/1'], output: 'NAME   READY\na      1/1\n', gives: fits },
  { what: 'leaves out blank lines', lines: ['a', '', 'b'], output: 'a\nb\n\n', gives: fits },
  { what: 'counts spaces with exactly', way: 'exactly', lines: ['a b'], output: 'a  b\n', gives: { missing: 'a b' } },
  { what: 'counts blank lines with exactly', way: 'exactly', lines: ['a', '', 'b'], output: 'a\n\nb\n', gives: fits },
  { what: 'expects nothing', lines: [], output: '', gives: fits },
  { what: 'expects nothing exactly', way: 'exactly', lines: [], output: '', gives: fits },
  { what: 'refuses something', lines: [], output: 'a\n', gives: { missing: undefined } },
  { what: 'refuses more', lines: ['a'], output: 'a\nb\n', gives: { missing: undefined } },
  { what: 'names the first missing line', lines: ['a', 'b', 'c'], output: 'a\nc\n', gives: { missing: 'b' } },
  { what: 'skips lines at "..."', lines: ['a', '...', 'd'], output: 'a\nb\nc\nd\n', gives: fits },
  { what: 'skips none at "..."', lines: ['a', '...', 'd'], output: 'a\nd\n', gives: fits },
  { what: 'finds lines among others', way: 'contains', lines: ['b', 'd'], output: 'a\nb\nc\nd\ne\n', gives: fits },
  {
    what: 'finds them in order only',
    way: 'contains',
    lines: ['d', 'b'],
    output: 'a\nb\nc\nd\n',
    gives: { missing: 'b' },
  },
  { what: 'finds whole lines only', way: 'contains', lines: ['b'], output: 'abc\n', gives: { missing: 'b' } },
  { what: 'takes any order', way: 'any order', lines: ['b', 'a'], output: 'a\nb\n', gives: fits },
  { what: 'takes each line once', way: 'any order', lines: ['a', 'a'], output: 'a\n', gives: { missing: 'a' } },
  {
    what: 'refuses others in any order',
    way: 'any order',
    lines: ['a'],
    output: 'a\nb\n',
    gives: { missing: undefined },
  },
  {
    what: 'leaves others in any order',
    way: 'contains in any order',
    lines: ['c', 'a'],
    output: 'a\nb\nc\n',
    gives: fits,
  },
  {
    what: 'tries again when a placeholder took the wrong line',
    way: 'any order',
    lines: ['<any>', 'b'],
    output: 'b\na\n',
    gives: fits,
  },
  { what: 'knows ages', lines: ['a <age>'], output: 'a 1m30s\n', gives: fits },
  { what: 'knows ages of events', lines: ['a <age> b'], output: 'a 2s (x2 over 1m3s) b\n', gives: fits },
  { what: 'knows what is no age', lines: ['a <age>'], output: 'a now\n', gives: { missing: 'a <age>' } },
  { what: 'knows restarts', lines: ['<restarts> <age>'], output: '3 (25s ago)  61s\n', gives: fits },
  { what: 'knows generated names', lines: ['d-<hash>-<x5>'], output: 'd-7d4f9c6bcd-x2x4z\n', gives: fits },
  { what: 'knows vowels', lines: ['d-<x5>'], output: 'd-aeiou\n', gives: { missing: 'd-<x5>' } },
  { what: 'knows pod addresses', lines: ['<podip>'], output: '10.245.0.1\n', gives: { missing: '<podip>' } },
  { what: 'knows service addresses', lines: ['<serviceip>'], output: '10.111.255.4\n', gives: fits },
  { what: 'counts', lines: ['n <20..33>'], output: 'n 33\n', gives: fits },
  { what: 'counts whole numbers', lines: ['n <2..3>'], output: 'n 33\n', gives: { missing: 'n <2..3>' } },
  { what: 'chooses', lines: ['<Completed|CrashLoopBackOff>'], output: 'Completed\n', gives: fits },
  { what: 'leaves words of kubectl', lines: ['<none>'], output: '<none>\n', gives: fits },
  { what: 'takes angle brackets', lines: ['\\<html>'], output: '<html>\n', gives: fits },
  { what: 'takes special characters', lines: ['a.b[0] (c) $'], output: 'a.b[0] (c) $\n', gives: fits },
  {
    what: 'remembers',
    lines: ['<ip:one> <uid:two>'],
    output: '1.2.3.4 0b0e4f6c-8f0a-4b6e-9a3e-1c2d3e4f5a6b\n',
    gives: { captures: { one: '1.2.3.4', two: '0b0e4f6c-8f0a-4b6e-9a3e-1c2d3e4f5a6b' } },
  },
  {
    what: 'refers to what is remembered',
    lines: ['x <=one>'],
    output: 'x 1.2.3.4\n',
    known: { one: '1.2.3.4' },
    gives: { captures: { one: '1.2.3.4' } },
  },
  {
    what: 'refuses something else under a known name',
    lines: ['<ip:one>'],
    output: '1.2.3.5\n',
    known: { one: '1.2.3.4' },
    gives: { missing: '<ip:one>' },
  },
  {
    what: 'refers within one output',
    lines: ['<ip:one>', '<=one>'],
    output: '1.2.3.4\n1.2.3.5\n',
    gives: { missing: '<=one>' },
  },
  {
    what: 'remembers in any order',
    way: 'any order',
    lines: ['a <number:n>', '<=n> b'],
    output: '7 b\na 7\n',
    gives: { captures: { n: '7' } },
  },
]

describe('output', () => {
  for (const { what, way = 'whole', lines, output, known = {}, gives } of rows) {
    it(what, () => {
      const match = matchOutput(expectation(lines, way), output, known)
      assert.deepEqual(match.matches ? { captures: { ...match.captures } } : { missing: match.firstMissing }, gives)
    })
  }

  const mistakes: readonly (readonly [string, string])[] = [
    ['<agee>', '<agee> is no placeholder; write "\\<" for the character itself'],
    ['<=pod>', '<=pod>: nothing is remembered as "pod"'],
    ['<9..2>', '<9..2> is no range of at most 5000 numbers'],
  ]
  for (const [line, message] of mistakes) {
    it(`refuses ${line}`, () => {
      assert.throws(
        () => matchOutput(expectation([line], 'whole'), 'x', {}),
        (error) => error instanceof PatternError && error.message === message,
      )
    })
  }
})
