import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { APIService } from '#api/apiregistration/v1/apiService.ts'
import type { CustomResourceDefinition } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { managedLabel, planServices, wantedServices, type Management } from './localServices.ts'

const definition = (group: string, versions: Readonly<Record<string, boolean>>): CustomResourceDefinition => ({
  kind: 'CustomResourceDefinition',
  apiVersion: 'apiextensions.k8s.io/v1',
  metadata: { name: `things.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { plural: 'things', kind: 'Thing' },
    versions: Object.entries(versions).map(([name, served]) => ({ name, served, storage: served })),
  },
})

test('every served version has a registration, but for the registrations themselves', () => {
  const builtIn = [
    { group: '', version: 'v1' },
    { group: 'apps', version: 'v1' },
    { group: 'apps', version: 'v1' },
    { group: 'autoscaling', version: 'v2' },
    { group: 'apiregistration.k8s.io', version: 'v1' },
  ]
  const definitions = [
    definition('example.com', { v1: true, v1beta1: false }),
    definition('apps', { v1: true, v2: true }),
    definition('constructor', { v1: true }),
  ]
  const wanted = [...wantedServices(builtIn, definitions).values()]
  assert.deepEqual(
    wanted.map(({ name, management, spec }) => [
      name,
      management,
      `${spec.version} of ${spec.group}`,
      spec.groupPriorityMinimum,
      spec.versionPriority,
    ]),
    [
      ['v1.', 'onstart', 'v1 of ', 18_000, 1],
      ['v1.apps', 'onstart', 'v1 of apps', 17_800, 15],
      ['v2.autoscaling', 'onstart', 'v2 of autoscaling', 17_500, 30],
      ['v1.example.com', 'true', 'v1 of example.com', 1_000, 100],
      ['v2.apps', 'true', 'v2 of apps', 1_000, 100],
      ['v1.constructor', 'true', 'v1 of constructor', 1_000, 100],
    ],
  )
})

const name = 'v1.example.com'
const spec = { group: 'example.com', version: 'v1', groupPriorityMinimum: 1_000, versionPriority: 100 }

interface Case {
  readonly present: 'nothing' | 'of others' | Management
  readonly differs?: true
  readonly wanted?: Management
  readonly start: string
  readonly later: string
}

const cases: readonly Case[] = [
  { present: 'nothing', start: '', later: '' },
  { present: 'nothing', wanted: 'onstart', start: 'create', later: '' },
  { present: 'nothing', wanted: 'true', start: 'create', later: 'create' },
  { present: 'of others', start: '', later: '' },
  { present: 'of others', differs: true, wanted: 'onstart', start: '', later: '' },
  { present: 'of others', differs: true, wanted: 'true', start: '', later: '' },
  { present: 'onstart', start: 'delete', later: '' },
  { present: 'onstart', wanted: 'onstart', start: '', later: '' },
  { present: 'onstart', differs: true, wanted: 'onstart', start: 'update', later: '' },
  { present: 'onstart', differs: true, wanted: 'true', start: 'update', later: '' },
  { present: 'true', start: 'delete', later: 'delete' },
  { present: 'true', differs: true, wanted: 'onstart', start: 'update', later: '' },
  { present: 'true', differs: true, wanted: 'true', start: 'update', later: 'update' },
  { present: 'true', wanted: 'true', start: '', later: '' },
]

for (const { present, differs, wanted, start, later } of cases) {
  const what = `${present}${differs === undefined ? '' : ' but otherwise'}`
  test(`there is ${what}, wanted is ${wanted ?? 'nothing'}`, () => {
    const labels = present === 'of others' ? {} : { labels: { [managedLabel]: present } }
    const found: APIService = {
      kind: 'APIService',
      apiVersion: 'apiregistration.k8s.io/v1',
      metadata: { name, ...labels },
      spec: differs === undefined ? spec : { ...spec, versionPriority: 7 },
    }
    const given = {
      wanted: new Map(wanted === undefined ? [] : [[name, { name, spec, management: wanted }]]),
      present: new Map(present === 'nothing' ? [] : [[name, found]]),
    }
    const plans = [true, false].map((isStart) =>
      planServices({ ...given, isStart })
        .map((action) => action.do)
        .join(),
    )
    assert.deepEqual(plans, [start, later])
  })
}

test('a registration of what nodes use that leads to another server is left to its owner', () => {
  const wanted = wantedServices([{ group: 'metrics.k8s.io', version: 'v1beta1' }], [])
  const name = 'v1beta1.metrics.k8s.io'
  const own = wanted.get(name)!.spec
  assert.deepEqual([own.groupPriorityMinimum, own.versionPriority], [100, 100])
  const service = { namespace: 'kube-system', name: 'metrics-server' }
  const registered = (spec: object): ReadonlyMap<string, APIService> =>
    new Map([
      [
        name,
        {
          kind: 'APIService',
          apiVersion: 'apiregistration.k8s.io/v1',
          metadata: { name, labels: { [managedLabel]: 'onstart' } },
          spec: { ...own, ...spec },
        },
      ],
    ])
  const plan = (present: ReadonlyMap<string, APIService>, served = wanted) =>
    planServices({ wanted: served, present, isStart: true }).map((action) => action.do)
  assert.deepEqual(plan(new Map()), ['create'])
  assert.deepEqual(plan(registered({ versionPriority: 7 })), ['update'])
  assert.deepEqual(plan(registered({ service })), [])
  assert.deepEqual(plan(registered({ service }), new Map()), [])
  assert.deepEqual(plan(registered({}), new Map()), ['delete'])
})
