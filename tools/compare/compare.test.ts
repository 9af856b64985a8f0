import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { encodeProtobuf } from '#machinery/codec/protobuf.ts'
import { root } from '../steps.ts'
import { compareDiscovery } from './discovery.ts'
import { roundTripProblems } from './fixtures.ts'
import { differingParts, judge, needless, type Difference, type GoldenFile } from './golden.ts'
import { compareWithGolden } from './run.ts'

const known = JSON.parse(
  readFileSync(join(root, 'docs/decisions/golden-differences.json'), 'utf8'),
) as readonly Difference[]

const folders: readonly [string, readonly GoldenFile[]][] = [
  ['src/resources/testdata', ['defaults.json', 'field-errors.json', 'table-columns.json']],
  ['src/machinery/patch/testdata', ['patches.json', 'apply.json']],
  ['src/server/authorize/bootstrap/testdata', ['bootstrap.json']],
]

describe('answers are those of a real server, but for the differences that are written down', () => {
  for (const [folder, files] of folders) {
    for (const file of files) {
      test(file, async () => {
        const comparisons = await compareWithGolden(join(root, folder), [file])
        const differing = judge(comparisons, known).filter(({ outcome }) => outcome === 'differs')
        const lines = differing.flatMap(({ what, expected, ours }) => [what, ...differingParts(expected, ours)])
        assert.deepEqual(lines, [])
        const own = known.filter((difference) => difference.file === file)
        assert.deepEqual(needless(comparisons, own), [])
        assert.ok(comparisons.length > 15)
      })
    }
  }
})

describe('reading and writing an object of either form', () => {
  const kind = { group: '', version: 'v1', kind: 'ConfigMap' }
  const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a' }, data: { x: '1', y: '2' } }
  const [json, protobuf] = [JSON.stringify(object, null, 2), Buffer.from(encodeProtobuf(kind, object))]
  const rows: [string, string, readonly string[]][] = [
    ['gives the same bytes', json, []],
    [
      'tells what differs',
      json.replace('"1"', '"3"'),
      [
        'protobuf from JSON: 62 bytes instead of 62, the first other one at 49',
        'JSON from protobuf: line 8 is "x": "1",, expected "x": "3",',
      ],
    ],
    [
      'tells that it cannot be read',
      '[]',
      ['cannot be read from JSON: ', 'JSON from protobuf: line 1 is {, expected []'],
    ],
  ]
  for (const [name, text, expected] of rows) {
    test(name, () => {
      const problems = roundTripProblems(kind, Buffer.from(text), protobuf)
      assert.equal(problems.length, expected.length, problems.join())
      for (const [index, beginning] of expected.entries())
        assert.equal(problems[index]!.slice(0, beginning.length), beginning)
    })
  }
})

test('a kind that no list has is told', async () => {
  const answers: Record<string, object> = {
    '/apis': { groups: [{ name: 'a', versions: [{ version: 'v1' }] }] },
    '/apis/a/v1': { resources: [{ name: 'xs', singularName: 'x', kind: 'X', namespaced: true, verbs: ['get'] }] },
  }
  const server = {
    ask: async (_method: string, path: string) => ({ code: 200, headers: {}, text: JSON.stringify(answers[path]) }),
  }
  const resource = { name: 'ys', kind: 'Y', namespaced: true, verbs: ['get'], singularName: 'y' }
  const list = { groups: [{ group: 'a', versions: [{ version: 'v1', resources: [resource] }] }] }
  assert.deepEqual(await compareDiscovery(list, server), {
    agree: 0,
    differences: [
      `/apis/a/v1 ys: undefined, expected ${JSON.stringify(resource)}`,
      '/apis/a/v1 xs: served beside the list',
    ],
  })
})

describe('judging an answer', () => {
  const comparison = { file: 'defaults.json', what: 'pod', recorded: { a: { b: 'old text' }, c: 1 } } as const
  const renamed: Difference = { file: 'defaults.json', questions: ['pod'], replace: [['old', 'new']], why: 'renamed' }
  const gone: Difference = { file: 'defaults.json', questions: ['pod'], now: { 'a/b': 'x', c: null }, why: 'gone' }
  const rows: [string, unknown, Difference[], string][] = [
    ['the same', { c: 1, a: { b: 'old text' } }, [], 'agrees'],
    ['another text', { a: { b: 'new text' }, c: 1 }, [], 'differs'],
    ['a text that is known to be another', { a: { b: 'new text' }, c: 1 }, [renamed], 'agrees with a known difference'],
    ['a member that is known to be gone', { a: { b: 'x' } }, [gone], 'agrees with a known difference'],
    ['a difference of another question', { a: { b: 'x' } }, [{ ...gone, questions: ['job'] }], 'differs'],
    ['a difference of another file', { a: { b: 'x' } }, [{ ...gone, file: 'patches.json' }], 'differs'],
  ]
  for (const [name, ours, differences, outcome] of rows) {
    test(name, () => assert.equal(judge([{ ...comparison, ours }], differences)[0]!.outcome, outcome))
  }

  test('a difference that is not needed is told', () => {
    const same = { ...comparison, ours: comparison.recorded }
    assert.deepEqual(needless([same], [gone]), ['defaults.json: pod (gone)'])
    assert.deepEqual(needless([{ ...comparison, ours: { a: { b: 'x' } } }], [gone]), [])
  })

  test('the parts that differ are shown with both values', () => {
    assert.deepEqual(differingParts({ a: { b: 1, c: [1, 2] } }, { a: { b: 1, c: [1] } }), [
      'a/c/1',
      '  recorded 2',
      '  ours     undefined',
    ])
  })
})
