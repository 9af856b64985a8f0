import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeYaml, parseYaml } from './yaml.ts'
import { compareKeys, encodeYaml } from './yamlText.ts'

describe('reading YAML', () => {
  const values: readonly (readonly [string, unknown])[] = [
    ['a: 0777', { a: 511 }],
    ['a: 0x1F', { a: 31 }],
    ['a: 1_000', { a: 1000 }],
    ['a: yes\nb: off', { a: true, b: false }],
    ['a: 1:30', { a: '1:30' }],
    ['a: 2024-01-01', { a: '2024-01-01' }],
    ['a: 2024-01-01T00:00:00Z', { a: '2024-01-01T00:00:00Z' }],
    ['a: ~', { a: null }],
    ['a: .5', { a: 0.5 }],
    ['a: "0777"', { a: '0777' }],
    ['1: x', { '1': 'x' }],
    ['b: &x {q: 1}\nc: {<<: *x, z: 2}', { b: { q: 1 }, c: { q: 1, z: 2 } }],
    ['a: !!binary aGk=', { a: 'hi' }],
    ['a: |\n  x\n  y\n', { a: 'x\ny\n' }],
    ['{"a": [1, "b"]}', { a: [1, 'b'] }],
  ]
  for (const [text, expected] of values) {
    it(`reads ${JSON.stringify(text)}`, () =>
      assert.deepEqual(decodeYaml(text), { documents: [expected], duplicates: [] }))
  }

  it('reads several documents, without the empty ones', () => {
    assert.deepEqual(decodeYaml('---\n---\na: 1\n---\n# nothing\n---\nb: 2\n...\n'), {
      documents: [{ a: 1 }, { b: 2 }],
      duplicates: [],
    })
  })

  it('reports keys that stand twice and keeps the last', () => {
    assert.deepEqual(decodeYaml('a: 1\nb: 2\na: 3\n"b": 4\n'), {
      documents: [{ a: 3, b: 4 }],
      duplicates: [
        { document: 0, line: 3, key: 'a' },
        { document: 0, line: 4, key: 'b' },
      ],
    })
  })

  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefghi'.split('').map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`),
  ]
  const problems: readonly (readonly [string, string])[] = [
    ['a: b: c', 'line 1: mapping values are not allowed in this context'],
    ['a:\n\t- b', 'line 2: found character that cannot start any token'],
    ['a: *nobody', "unknown anchor 'nobody' referenced"],
    [
      'a: 12345678901234567890',
      'number 12345678901234567890 cannot be kept exactly: whole numbers go to 9007199254740991',
    ],
    ['a: .inf', 'json: unsupported value: +Inf'],
    [bomb.join('\n'), 'document contains excessive aliasing'],
    ['['.repeat(20_000), 'exceeded max depth of 512'],
    ['{a: '.repeat(600) + '}'.repeat(600), 'exceeded max depth of 512'],
  ]
  for (const [text, problem] of problems) {
    it(`refuses ${JSON.stringify(text.slice(0, 30))}`, () => assert.deepEqual(decodeYaml(text), { problem }))
  }

  it('refuses broken UTF-8 and texts beyond the limit before reading', () => {
    assert.deepEqual(decodeYaml(Uint8Array.of(0x61, 0xff)), { problem: 'invalid UTF-8 in YAML text' })
    assert.deepEqual(decodeYaml('abc', { maxBytes: 2 }), {
      problem: 'limit is 2 bytes, and the text has 3',
      tooLarge: true,
    })
  })

  it('keeps __proto__ as data', () => {
    const value = parseYaml('__proto__: {x: 1}') as object
    assert.deepEqual(Object.keys(value), ['__proto__'])
    assert.equal((value as { x?: number }).x, undefined)
  })

  it('throws where one document is expected and there is not one', () => {
    assert.throws(() => parseYaml('a: 1\n---\nb: 2\n'), /yaml: found 2 documents, want one/)
    assert.throws(() => parseYaml('a: 1\na: 2\n'), /yaml: line 2: key "a" already set in map/)
    assert.equal(parseYaml(''), undefined)
  })
})

describe('writing YAML', () => {
  const values: readonly (readonly [unknown, string])[] = [
    [{ b: 1, a: [{ y: 1, x: [] }, [1, [2]], 's', {}] }, 'a:\n- x: []\n  "y": 1\n- - 1\n  - - 2\n- s\n- {}\nb: 1\n'],
    [
      { a: 'x\ny\n', b: 'x\n\n', c: '\nx', d: 'x\n y' },
      'a: |\n  x\n  y\nb: |+\n  x\n\nc: |2-\n\n  x\nd: |-\n  x\n   y\n',
    ],
    [
      {
        a: '',
        b: 'yes',
        c: '123',
        d: '1e3',
        e: '0x1',
        f: '1:30',
        g: '2024-01-01T00:00:00Z',
        h: 'null',
        i: '~',
        j: '.5',
      },
      'a: ""\nb: "yes"\nc: "123"\nd: "1e3"\ne: "0x1"\nf: "1:30"\ng: "2024-01-01T00:00:00Z"\nh: "null"\ni: "~"\nj: ".5"\n',
    ],
    [
      { a: 'a: b', b: '- x', c: '#x', d: ' x', e: "it's", f: 'x #y', g: '*', h: 'a:b', i: '{x}', j: '1.2.3', k: '@x' },
      "a: 'a: b'\nb: '- x'\nc: '#x'\nd: ' x'\ne: it's\nf: 'x #y'\ng: '*'\nh: a:b\ni: '{x}'\nj: 1.2.3\nk: '@x'\n",
    ],
    [
      { a: 'tab\t', b: 'a\rb', c: 'é', d: '😀', e: 'x \ny' },
      'a: "tab\\t"\nb: "a\\rb"\nc: é\nd: "\\U0001F600"\ne: "x \\ny"\n',
    ],
    [
      { a: null, b: true, c: 1.5, d: 1e21, e: -0.000001, f: undefined },
      'a: null\nb: true\nc: 1.5\nd: 1e+21\ne: -0.000001\nf: null\n',
    ],
    [
      {
        message: `0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/disk-pressure: }. preemption: none`,
      },
      "message: '0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/disk-pressure:\n  }. preemption: none'\n",
    ],
    [{ ['k'.repeat(130)]: 'v' }, `? ${'k'.repeat(130)}\n: v\n`],
    [[], '[]\n'],
    ['text', 'text\n'],
  ]
  for (const [value, expected] of values) {
    it(`writes ${JSON.stringify(value).slice(0, 60)}`, () => assert.equal(encodeYaml(value), expected))
  }

  it('reads back what it writes', () => {
    const value = {
      deep: [{ list: [['a', 'b: c'], []], text: 'line\n\n  indented\n' }],
      long: 'word '.repeat(60).trim() + '.',
      odd: '\'"\\\u0000',
    }
    assert.deepEqual(parseYaml(encodeYaml(value)), value)
  })

  it('keeps the order of keys when asked', () =>
    assert.equal(encodeYaml({ b: 1, a: 2 }, { sortKeys: false }), 'b: 1\na: 2\n'))

  it('sorts keys naturally', () => {
    const keys = ['a10', 'a2', 'ab', 'a-b', 'B', 'a', '1', 'a02']
    assert.deepEqual(keys.toSorted(compareKeys), ['1', 'B', 'a', 'a-b', 'a2', 'a02', 'a10', 'ab'])
  })
})
