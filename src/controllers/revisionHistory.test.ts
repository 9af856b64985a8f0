import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ControllerRevision } from '#api/apps/v1/controllerRevision.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import { planHistory, planSurplus, revisionData, templateOf } from './revisionHistory.ts'

const template = (image: string): PodTemplateSpec => ({
  metadata: { labels: { app: 'a' } },
  spec: { containers: [{ name: 'c', image }] },
})

function revision(name: string, number: number, image: string, created = 'a'): ControllerRevision {
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: { name, creationTimestamp: created },
    data: revisionData(template(image)),
    revision: number,
  }
}

const plans: readonly {
  name: string
  revisions: readonly ControllerRevision[]
  present?: string
  number: number
  duplicates?: readonly string[]
  past?: readonly string[]
}[] = [
  { name: 'the first one', revisions: [], number: 1 },
  {
    name: 'the newest one is the present one',
    revisions: [revision('a', 1, 'v0'), revision('b', 2, 'v1')],
    present: 'b',
    number: 2,
    past: ['a'],
  },
  { name: 'a new template', revisions: [revision('b', 7, 'v0'), revision('a', 2, 'v2')], number: 8, past: ['a', 'b'] },
  {
    name: 'a template of before gets a new number',
    revisions: [revision('a', 1, 'v1'), revision('b', 2, 'v2')],
    present: 'a',
    number: 3,
    past: ['b'],
  },
  {
    name: 'of several that are equal the newest counts',
    revisions: [revision('a', 3, 'v1'), revision('b', 1, 'v1'), revision('c', 2, 'v2')],
    present: 'a',
    number: 3,
    duplicates: ['b'],
    past: ['c'],
  },
  {
    name: 'of equal numbers the one that was made last is the newest, then the one with the last name',
    revisions: [revision('b', 1, 'v2', 'b'), revision('d', 1, 'v3'), revision('c', 1, 'v4')],
    number: 2,
    past: ['c', 'd', 'b'],
  },
]

for (const row of plans) {
  test(`history: ${row.name}`, () => {
    const { present, number, duplicates, past } = planHistory(template('v1'), row.revisions)
    const names = (list: readonly ControllerRevision[]): readonly string[] => list.map(({ metadata }) => metadata.name)
    assert.deepEqual(
      { present: present?.metadata.name, number, duplicates: names(duplicates), past: names(past) },
      { present: row.present, number: row.number, duplicates: row.duplicates ?? [], past: row.past ?? [] },
    )
  })
}

test('the data is a patch that replaces the template, as kubectl writes and compares it', () => {
  assert.equal(
    JSON.stringify(revisionData(template('v1'))),
    '{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"image":"v1","name":"c"}]}}}}',
  )
  assert.deepEqual(templateOf(revision('a', 1, 'v1')), template('v1'))
})

test('a revision without a template is an error that names it', () => {
  const broken = { ...revision('web-1', 1, 'v1'), data: { spec: {} } }
  assert.throws(() => templateOf(broken), /^Error: Cannot read revision "web-1": its data has no spec\.template\.spec$/)
})

test('past revisions beyond the limit are surplus, the oldest first, but none that is in use', () => {
  const past = ['a', 'b', 'c', 'd'].map((name, index) => revision(name, index, name))
  const rows: readonly [limit: number | undefined, counts: 'all' | 'unused', inUse: string, surplus: string][] = [
    [undefined, 'all', '', ''],
    [4, 'all', '', ''],
    [3, 'all', '', 'a'],
    [0, 'all', '', 'abcd'],
    [2, 'all', 'a', 'bc'],
    [1, 'all', 'acd', 'b'],
    [2, 'unused', 'a', 'b'],
    [3, 'unused', 'a', ''],
    [0, 'unused', 'ad', 'bc'],
    [-1, 'unused', '', ''],
  ]
  for (const [limit, counts, inUse, surplus] of rows) {
    const found = planSurplus(past, ({ metadata }) => inUse.includes(metadata.name), { limit, counts })
    assert.equal(found.map(({ metadata }) => metadata.name).join(''), surplus, `${limit} ${counts} ${inUse}`)
  }
})
