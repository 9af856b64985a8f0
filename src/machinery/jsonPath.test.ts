import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJsonPath } from './jsonPath.ts'

const object = {
  metadata: { name: 'a', labels: { 'app.kubernetes.io/name': 'web', __proto__x: 'y' } },
  spec: { replicas: 3, containers: [{ name: 'c', ports: [80, 81] }, { name: 'd' }] },
  status: {
    conditions: [
      { type: 'Ready', status: 'True', weight: 2 },
      { type: 'Available', status: 'False' },
    ],
  },
}

test('paths lead to values', () => {
  const rows: readonly (readonly [string, unknown[]])[] = [
    ['.spec.replicas', [3]],
    ['.spec.none.at.all', []],
    ['.spec.constructor', []],
    ['$.metadata.name', ['a']],
    ["['metadata']['name']", ['a']],
    ['.metadata.labels.app\\.kubernetes\\.io/name', ['web']],
    ["['metadata'].labels['app.kubernetes.io/name']", ['web']],
    ['.metadata.labels.__proto__', []],
    ['.spec.containers[0].name', ['c']],
    ['.spec.containers[-1].name', ['d']],
    ['.spec.containers[7].name', []],
    ['.spec.containers[*].name', ['c', 'd']],
    ['.spec.containers[0:2].name', ['c', 'd']],
    ['.spec.containers[0].ports[1:]', [81]],
    ['.spec.containers[0].ports[::2]', [80]],
    ['.spec.containers[0,1].name', ['c', 'd']],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    [".status.conditions[?(@.type == 'Available')].status", ['False']],
    ['.status.conditions[?(@.type!="Ready")].type', ['Available']],
    ['.status.conditions[?(@.weight)].type', ['Ready']],
    ['.status.conditions[?(@.weight>=2)].type', ['Ready']],
    ['.status.conditions[?(@.weight<2)].type', []],
    ['..name', ['a', 'c', 'd']],
    ['.metadata.*', [object.metadata.labels, 'a']],
    ['.', [object]],
  ]
  for (const [text, expected] of rows) {
    const path = parseJsonPath(text)
    assert.ok('find' in path, `${text}: ${JSON.stringify(path)}`)
    assert.deepEqual(path.find(object), expected, text)
  }
})

test('paths of fields alone say which', () => {
  const fields = (text: string): unknown => (parseJsonPath(text) as { fields?: unknown }).fields
  assert.deepEqual(fields('.spec.replicas'), ['spec', 'replicas'])
  assert.equal(fields('.spec.list[0]'), undefined)
})

test('what is no path is refused', () => {
  const rows = [
    '.spec[',
    '.spec[0',
    ".spec['a]",
    '.a[?(@.b==)]',
    '.a[?(@.b',
    '.a{b',
    '..',
    '.a[b]',
    '.a b',
    'x'.repeat(5_000),
  ]
  for (const text of rows) assert.ok('problem' in parseJsonPath(text), text)
})

test('a path that multiplies is cut off', () => {
  let value: unknown = 1
  for (let i = 0; i < 12; i++) value = Array.from({ length: 8 }, () => value)
  const path = parseJsonPath('[*]'.repeat(12))
  assert.ok('find' in path && path.find(value).length < 100_000)
})
