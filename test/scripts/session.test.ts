import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { applyRewrites } from './run.ts'
import { expectationFor, parseSession, SessionFileError, type Expectation, type Step } from './session.ts'
import { readSessions } from './readSessions.ts'
import { rewriteExpected } from './update.ts'

const whole: Expectation = { lines: [], exitCode: 0, compare: 'whole', anyOrder: false }
const steps = (text: string): readonly Step[] => parseSession('x', text).steps

describe('a session file', () => {
  it('has lines for some versions of kubectl', () => {
    const [step] = steps('$ a\none\n@..1.27 old\n@1.28.. new\n@1.29..1.30 odd\nend\n? 1\n$ b\n')
    assert.ok(step?.do === 'run')
    assert.deepEqual(step.span, { from: 1, to: 6 })
    const linesOf = (minor: number) => expectationFor(step.expect, minor).lines.join(' ')
    assert.deepEqual([27, 28, 29, 30, 31].map(linesOf), [
      'one old end',
      'one new end',
      'one new odd end',
      'one new odd end',
      'one new end',
    ])
    assert.throws(() => steps('$ a\n@.. text'), /x:2: write "@FROM\.\. TEXT"/)
  })

  const rows: { readonly what: string; readonly text: string; readonly steps: readonly Step[] }[] = [
    {
      what: 'has commands and what they print',
      text: '# title\n\n$ echo a\na\n\n$ true\n',
      steps: [
        { do: 'run', line: 3, command: 'echo a', expect: { ...whole, lines: ['a'] }, span: { from: 3, to: 4 } },
        { do: 'run', line: 6, command: 'true', expect: whole, span: { from: 6, to: 6 } },
      ],
    },
    {
      what: 'has exit codes',
      text: '$ false\noh\n? 1\n$ exit 9\n? not 0',
      steps: [
        {
          do: 'run',
          line: 1,
          command: 'false',
          expect: { ...whole, lines: ['oh'], exitCode: 1 },
          span: { from: 1, to: 2 },
        },
        { do: 'run', line: 4, command: 'exit 9', expect: { ...whole, exitCode: 'not 0' }, span: { from: 4, to: 4 } },
      ],
    },
    {
      what: 'says how to look',
      text: '$ a\n... within 1.5s, contains, in any order\nb',
      steps: [
        {
          do: 'run',
          line: 1,
          command: 'a',
          expect: { lines: ['b'], exitCode: 0, within: 1500, compare: 'contains', anyOrder: true },
          span: { from: 2, to: 3 },
        },
      ],
    },
    {
      what: 'continues commands',
      text: '$ for i in 1 2; do\n>   echo $i\n> done\n1\n2',
      steps: [
        {
          do: 'run',
          line: 1,
          command: 'for i in 1 2; do\n  echo $i\ndone',
          expect: { ...whole, lines: ['1', '2'] },
          span: { from: 3, to: 5 },
        },
      ],
    },
    {
      what: 'has files, wildcards and escaped output',
      text: '<<FILE d/a.yaml\n# kept\nkind: Pod\nFILE\n$ x\n...\n\\# shown\n# not shown\n\\...\n',
      steps: [
        { do: 'write', line: 1, name: 'd/a.yaml', text: '# kept\nkind: Pod\n' },
        {
          do: 'run',
          line: 5,
          command: 'x',
          expect: { ...whole, lines: ['...', '# shown', '...'] },
          span: { from: 5, to: 9 },
        },
      ],
    },
  ]
  for (const row of rows) it(row.what, () => assert.deepEqual(steps(row.text), row.steps))

  it('knows its title and its kind', () => {
    const { steps: _, ...session } = parseSession(
      'x',
      '# S99 Something\n@waits 30\n@alone\n@long\n@kubectl 1.30\n@also 1.31 1.32\n# more\n',
    )
    assert.deepEqual(session, {
      name: 'x',
      title: 'S99 Something',
      waits: 30,
      alone: true,
      long: true,
      kubectl: '1.30',
      also: ['1.31', '1.32'],
    })
  })

  const mistakes: readonly (readonly [string, string, string])[] = [
    ['output without a command', 'a\n', 'f:1: expected a command ("$ ..."), not "a"'],
    [
      'an unknown directive',
      '\n@slow\n',
      'f:2: "@slow" is none of: @waits SECONDS, @alone, @long, @kubectl MAJOR.MINOR, @also MAJOR.MINOR ...',
    ],
    ['a file without an end', '<<FILE a\nb\n', 'f:1: the file "a" has no end: a line FILE'],
    ['a file elsewhere', '<<FILE ../a\nFILE\n', 'f:1: "../a" leaves the session\'s folder'],
    [
      'an unknown way to look',
      '$ a\n... soon\n',
      'f:2: "soon" is none of: within Ns, during Ns, at most Ns, exactly, contains, in any order',
    ],
    ['an exit code that is none', '$ a\n? one\n', 'f:2: write "? CODE" or "? not 0"'],
    [
      'an unknown placeholder',
      '$ a\nb <agee>\n',
      'f:1: <agee> is no placeholder; write "\\<" for the character itself (in "b <agee>")',
    ],
    ['an unknown name', '$ a\n<=b>\n', 'f:1: <=b>: nothing is remembered as "b" (in "<=b>")'],
    ['output after the exit code', '$ a\n? 1\nb\n', 'f:3: the exit code stands after the output'],
  ]
  for (const [what, text, message] of mistakes) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => parseSession('f', text),
        (error) => error instanceof SessionFileError && error.message === message,
      )
    })
  }

  it('is understood in every case here', () => {
    const files = readSessions()
    assert.deepEqual(
      files.filter(({ session }) => session.steps.length === 0).map(({ path }) => path),
      [],
    )
    assert.ok(files.length > 0)
  })
})

describe('an update', () => {
  it('keeps lines that were right and generalizes the others', () => {
    const expect: Expectation = { ...whole, lines: ['NAME IP AGE', 'web <podip> <age>', 'gone'] }
    const output = 'NAME  IP  AGE\nweb   10.244.1.7  5s\ndb-7d4f9c6bcd-x2x4z   10.244.1.8   1m2s\n'
    assert.deepEqual(rewriteExpected(expect, output, {}), [
      'NAME IP AGE',
      'web <podip> <age>',
      'db-<hash>-<x5>   <podip>   <age>',
    ])
  })

  it('replaces the expected lines in the file, others stay', () => {
    const text = '# t\n$ a\nold\n? 1\n\n$ b\n# c\n'
    const [first, second] = steps(text) as (Step & { do: 'run' })[]
    assert.equal(
      applyRewrites(text, [
        { span: first!.span, lines: ['new', 'two'] },
        { span: second!.span, lines: ['came'] },
      ]),
      '# t\n$ a\nnew\ntwo\n? 1\n\n$ b\ncame\n# c\n',
    )
  })
})
