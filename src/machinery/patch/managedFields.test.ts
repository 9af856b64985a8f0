import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ManagedFieldsEntry } from '#api/meta/v1/objectMeta.ts'
import { fieldsNamed, leaf } from './fieldSet.ts'
import {
  afterApply,
  afterUpdate,
  conflictText,
  differInTime,
  ownersText,
  readOwners,
  resetsOwners,
  sameOwners,
  type Owners,
  type Writer,
} from './managedFields.ts'

const [early, late] = ['2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z']
const updater = (manager: string, subresource = ''): Writer => ({
  manager,
  operation: 'Update',
  apiVersion: 'v1',
  subresource,
})
const applier = (manager: string): Writer => ({ manager, operation: 'Apply', apiVersion: 'v1' })

/** Owners in short: name, way and fields. */
function owners(...rows: readonly (readonly [Writer, string, string?])[]): Owners {
  return rows.map(([{ manager, operation, apiVersion, subresource = '' }, fields, time = early]) => ({
    manager,
    operation,
    apiVersion,
    time,
    fieldsType: 'FieldsV1' as const,
    fieldsV1: fieldsNamed(...fields.split(' ')),
    ...(subresource === '' ? {} : { subresource }),
  }))
}

const set = (paths: string | undefined): ReturnType<typeof fieldsNamed> =>
  paths === undefined ? leaf : fieldsNamed(...paths.split(' '))

const updates: readonly {
  readonly name: string
  readonly before: Owners
  readonly writer: Writer
  readonly touched?: string
  readonly removed?: string
  readonly after: Owners
}[] = [
  { name: 'a new owner', before: [], writer: updater('a'), touched: 'x', after: owners([updater('a'), 'x', late]) },
  { name: 'nobody owns metadata', before: [], writer: updater('a'), touched: 'metadata', after: [] },
  {
    name: 'a field is taken from others',
    before: owners([applier('b'), 'x y'], [updater('c'), 'x']),
    writer: updater('a'),
    touched: 'x',
    after: owners([applier('b'), 'y'], [updater('a'), 'x', late]),
  },
  {
    name: 'what is gone belongs to nobody, and the time stays',
    before: owners([updater('a'), 'x y'], [updater('b'), 'x']),
    writer: updater('a'),
    removed: 'x',
    after: owners([updater('a'), 'y']),
  },
  {
    name: 'a subresource is another owner',
    before: owners([updater('a'), 'x']),
    writer: updater('a', 'status'),
    touched: 'status.y',
    after: owners([updater('a'), 'x'], [updater('a', 'status'), 'status.y', late]),
  },
  {
    name: 'an owner who writes again is later',
    before: owners([updater('a'), 'x'], [updater('b'), 'y']),
    writer: updater('a'),
    touched: 'x',
    after: owners([updater('b'), 'y'], [updater('a'), 'x', late]),
  },
]

for (const { name, before, writer, touched, removed, after } of updates) {
  test(`owners after an update: ${name}`, () => {
    const changes = { touched: set(touched), removed: set(removed) }
    assert.deepEqual(
      afterUpdate(before, writer, () => changes, late),
      after,
    )
  })
}

test('an update that changes nothing leaves the owners as they are', () => {
  const before = owners([updater('a'), 'x'])
  assert.equal(
    afterUpdate(before, updater('b'), () => undefined, late),
    before,
  )
})

test('owners in a version that is not served any more are dropped', () => {
  const before = owners([{ ...updater('a'), apiVersion: 'v0' }, 'x'], [updater('b'), 'y'])
  const after = afterUpdate(before, updater('b'), (version) => (version === 'v0' ? 'gone' : undefined), late)
  assert.deepEqual(after, owners([updater('b'), 'y']))
})

test('of more than ten owners by update the oldest are taken together', () => {
  let now: Owners = []
  for (let second = 0; second < 12; second++) {
    const time = `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`
    now = afterUpdate(now, updater(`m${second}`), () => ({ touched: fieldsNamed(`f${second}`) }), time)
  }
  assert.deepEqual(
    now.map(({ manager }) => manager),
    ['ancient-changes', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8', 'm9', 'm10', 'm11'],
  )
  assert.deepEqual([now[0]!.fieldsV1, now[0]!.time], [fieldsNamed('f0', 'f1', 'f2'), '2026-01-01T00:00:02Z'])
})

const application = { writer: applier('a'), fields: fieldsNamed('x'), force: false, time: late }

test('an apply takes nothing from others unless it is forced', () => {
  const before = owners([applier('a'), 'w'], [applier('b'), 'x'], [updater('c', 'scale'), 'x y'])
  const changesIn = () => ({ touched: fieldsNamed('x', 'y') })
  const refused = afterApply(before, { ...application, changesIn })
  assert.ok('conflicts' in refused)
  assert.equal(
    conflictText(refused.conflicts),
    `Apply failed with 3 conflicts: conflicts with "b":
- .x
conflicts with "c" with subresource "scale" using v1:
- .x
- .y`,
  )
  assert.equal(
    conflictText(refused.conflicts.slice(1, 2)),
    'Apply failed with 1 conflict: conflict with "c" with subresource "scale" using v1: .x',
  )
  assert.deepEqual(afterApply(before, { ...application, changesIn, force: true }), {
    owners: owners([applier('a'), 'x', late]),
  })
})

test('what others want too is shared', () => {
  const before = owners([applier('b'), 'x'])
  assert.deepEqual(afterApply(before, { ...application, changesIn: () => undefined }), {
    owners: owners([applier('b'), 'x'], [applier('a'), 'x', late]),
  })
})

const fieldsV1 = { 'f:x': {} }
const entry: ManagedFieldsEntry = {
  manager: 'a',
  operation: 'Update',
  apiVersion: 'v1',
  fieldsType: 'FieldsV1',
  fieldsV1,
}

test('entries from outside are read when they can be understood', () => {
  const rows: readonly [string, readonly ManagedFieldsEntry[], string | undefined][] = [
    [
      'members in order',
      [{ fieldsV1, fieldsType: 'FieldsV1', apiVersion: 'v1', operation: 'Update', manager: 'a' }],
      JSON.stringify([entry]),
    ],
    [
      'no fields',
      [{ manager: 'a', operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1' }],
      '[{"manager":"a","operation":"Apply","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{}}]',
    ],
    ['nothing', [{}], undefined],
    ['another operation', [{ ...entry, operation: 'Delete' as 'Update' }], undefined],
    ['no version', [{ ...entry, apiVersion: '' }], undefined],
    ['another format', [{ ...entry, fieldsType: 'FieldsV2' }], undefined],
    ['no set', [{ ...entry, fieldsV1: { x: {} } }], undefined],
  ]
  for (const [name, entries, expected] of rows) {
    const read = readOwners(entries)
    assert.equal(read === undefined ? undefined : ownersText(read), expected, name)
  }
})

test('entries may be sent back, or taken away', () => {
  const known = readOwners([entry])!
  assert.ok(sameOwners([structuredClone(entry)], known))
  assert.ok(!sameOwners([{ ...entry, time: early }], known))
  assert.ok(resetsOwners([{}]))
  assert.ok(!resetsOwners([entry]))
  assert.ok(differInTime(readOwners([{ ...entry, time: early }])!, known))
})
