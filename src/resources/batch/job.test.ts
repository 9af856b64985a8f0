import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Job, JobCondition, JobSpec, JobStatus } from '#api/batch/v1/job.ts'
import type { PodSpec } from '#api/core/v1/pod.ts'
import { applyDefaults } from '#machinery/defaults.ts'
import { seededRandom } from '#lib/random.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import { refusals, servingContext } from '#resources/testReport.ts'
import { jobStrategy } from './job.ts'
import { jobSpecWarnings } from './jobSpec.ts'

const context = { caller: { name: 'a', groups: [] }, now: 0, random: seededRandom(1), dryRun: false }
const schema = schemaOfKind({ group: 'batch', version: 'v1', kind: 'Job' })!

/** A job as a create leaves it. */
function created(own: Partial<JobSpec> = {}, metadata: Partial<Job['metadata']> = {}, pod: Partial<PodSpec> = {}): Job {
  const template = { spec: { containers: [{ name: 'c', image: 'x:1' }], restartPolicy: 'Never' as const, ...pod } }
  const job: Job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'j', namespace: 'default', uid: 'u', ...metadata },
    spec: { template, ...structuredClone(own) },
  }
  applyDefaults(schema, job)
  jobStrategy.default?.(job)
  jobStrategy.prepare?.(job, undefined, context)
  return job
}

const check = (job: Job, old?: Job): string[] => refusals((report) => jobStrategy.validate?.(job, old, report))

describe('what a job leaves out', () => {
  const rows: readonly [string, Partial<JobSpec>, Partial<JobSpec>][] = [
    ['all', {}, { parallelism: 1, completions: 1, backoffLimit: 6, podReplacementPolicy: 'TerminatingOrFailed' }],
    ['completions beside parallelism', { parallelism: 3 }, { parallelism: 3, backoffLimit: 6 }],
    [
      'the limit beside one of each index',
      { completions: 2, completionMode: 'Indexed', backoffLimitPerIndex: 1 },
      { parallelism: 1, completions: 2, backoffLimit: 2_147_483_647 },
    ],
    [
      'replacement and status beside a policy',
      { podFailurePolicy: { rules: [{ action: 'Ignore', onPodConditions: [{ type: 'X' } as never] }] } },
      { podReplacementPolicy: 'Failed' },
    ],
  ]
  for (const [name, own, expected] of rows) {
    test(name, () => {
      const { spec } = created(own)
      const fields = Object.keys(expected) as (keyof JobSpec)[]
      assert.deepEqual(Object.fromEntries(fields.map((field) => [field, spec[field]])), expected)
      if (own.parallelism !== undefined) assert.equal(spec.completions, undefined)
      const patterns = spec.podFailurePolicy?.rules?.[0]?.onPodConditions
      if (patterns !== undefined) assert.deepEqual(patterns, [{ type: 'X', status: 'True' }])
      assert.deepEqual(check(created(own)), [])
    })
  }

  test('labels and selector are made, but for those that are there', () => {
    const job = created({ template: { metadata: { labels: { app: 'a', 'job-name': 'x' } }, spec: { containers: [] } } })
    const labels = {
      app: 'a',
      'batch.kubernetes.io/controller-uid': 'u',
      'batch.kubernetes.io/job-name': 'j',
      'controller-uid': 'u',
      'job-name': 'x',
    }
    assert.deepEqual(job.spec.template.metadata?.labels, labels)
    assert.deepEqual(job.spec.selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } })
    assert.deepEqual(job.metadata.labels, { app: 'a', 'job-name': 'x' })
    assert.deepEqual(created().metadata.labels, created().spec.template.metadata?.labels)
  })
})

describe('a new job', () => {
  const rules = (one: object): Partial<JobSpec> => ({ podFailurePolicy: { rules: [one as never] } })
  const codes = (one: object): Partial<JobSpec> =>
    rules({ action: 'FailJob', onExitCodes: { operator: 'In', values: [1], ...one } })
  const success = (one: object): Partial<JobSpec> => ({
    completionMode: 'Indexed',
    completions: 5,
    successPolicy: { rules: [one] },
  })
  const rule = 'spec.podFailurePolicy.rules[0]'
  const indexed = { completionMode: 'Indexed', completions: 5 } as const
  const rows: readonly [string, Partial<JobSpec>, readonly string[]][] = [
    ['as it should be', {}, []],
    [
      'failed indexes without a limit for each',
      { maxFailedIndexes: 1, ...indexed },
      ['spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified'],
    ],
    [
      'limits of indexes without any',
      { backoffLimitPerIndex: 1, maxFailedIndexes: 1 },
      [
        'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode',
        'spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode',
      ],
    ],
    [
      'more failed indexes than there are',
      { backoffLimitPerIndex: 1, maxFailedIndexes: 6, ...indexed },
      ['spec.maxFailedIndexes: Invalid value: 6: must be less than or equal to completions'],
    ],
    [
      'very many indexes with a limit for each',
      { ...indexed, completions: 100_001, backoffLimitPerIndex: 1, parallelism: 10_001 },
      [
        'spec.maxFailedIndexes: Required value: must be specified when completions is above 100000',
        'spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index',
      ],
    ],
    [
      'too many pods at once',
      { ...indexed, parallelism: 100_001 },
      ['spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed'],
    ],
    [
      'an odd manager',
      { managedBy: 'me' },
      ['spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    [
      'a long manager',
      { managedBy: `acme.io/${'x'.repeat(60)}` },
      ['spec.managedBy: Too long: may not be more than 63 bytes'],
    ],
    [
      'an unknown action',
      rules({ action: 'X', onPodConditions: [{ type: 'A', status: 'True' }] }),
      [`${rule}.action: Unsupported value: "X": supported values: "Count", "FailIndex", "FailJob", "Ignore"`],
    ],
    [
      'no action',
      rules({ action: '', onPodConditions: [{ type: 'A', status: 'True' }] }),
      [`${rule}.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]`],
    ],
    [
      'an action for indexes without a limit for each',
      rules({ action: 'FailIndex', onPodConditions: [{ type: 'A', status: 'True' }] }),
      [`${rule}.action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set`],
    ],
    [
      'a rule about nothing',
      rules({ action: 'Count' }),
      [`${rule}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required`],
    ],
    [
      'a rule about both',
      rules({
        action: 'Count',
        onExitCodes: { operator: 'In', values: [1] },
        onPodConditions: [{ type: 'A', status: 'True' }],
      }),
      [`${rule}: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported`],
    ],
    [
      'codes that are none',
      codes({ values: [2, 2, 0, 1] }),
      [
        `${rule}.onExitCodes.values[1]: Duplicate value: 2`,
        `${rule}.onExitCodes.values[2]: Invalid value: 0: must not be 0 for the In operator`,
        `${rule}.onExitCodes.values: Invalid value: [2,2,0,1]: must be ordered`,
      ],
    ],
    [
      'no codes',
      codes({ values: [] }),
      [`${rule}.onExitCodes.values: Invalid value: []: at least one value is required`],
    ],
    [
      'codes of nobody',
      codes({ containerName: 'x' }),
      [
        `${rule}.onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template`,
      ],
    ],
    [
      'early success without indexes',
      { successPolicy: { rules: [{ succeededCount: 1 }] } },
      [
        'spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}: requires indexed completion mode',
      ],
    ],
    [
      'early success without a rule',
      { ...indexed, successPolicy: { rules: [] } },
      [
        'spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified',
      ],
    ],
    [
      'early success of nothing',
      success({}),
      [
        'spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified',
      ],
    ],
    [
      'early success of what is not there',
      success({ succeededIndexes: '3-5', succeededCount: 6 }),
      [
        'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "3-5": error parsing succeededIndexes: too large index: "5"',
        'spec.successPolicy.rules[0].succeededCount: Invalid value: 6: must be less than or equal to 5 (the number of specified completions)',
        'spec.successPolicy.rules[0].succeededCount: Invalid value: 6: must be less than or equal to 0 (the number of indexes in the specified succeededIndexes field)',
      ],
    ],
    [
      'a replacement that a policy does not allow',
      { ...codes({}), podReplacementPolicy: 'TerminatingOrFailed' },
      ['spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"'],
    ],
    [
      'a label of another job',
      {
        template: {
          metadata: { labels: { 'controller-uid': 'x' } },
          spec: { containers: [{ name: 'c', image: 'x:1' }], restartPolicy: 'Never' },
        },
      },
      [
        `spec.template.metadata.labels[controller-uid]: Invalid value: ${JSON.stringify({
          'batch.kubernetes.io/controller-uid': 'u',
          'batch.kubernetes.io/job-name': 'j',
          'controller-uid': 'x',
          'job-name': 'j',
        })}: must be 'u'`,
      ],
    ],
  ]
  for (const [name, own, expected] of rows) test(name, () => assert.deepEqual(check(created(own)), expected))

  test('pods that begin anew do not go with a failure policy', () => {
    const job = created(codes({}), {}, { restartPolicy: 'OnFailure' })
    assert.deepEqual(check(job), [
      'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
    ])
  })

  test('the name of its last pod is a label', () => {
    const name = 'a'.repeat(62)
    assert.deepEqual(check(created(indexed, { name })), [
      `metadata.name: Invalid value: "${name}": will not able to create pod with invalid DNS label: ${name}-4`,
    ])
  })

  test('odd names and large numbers are told', () => {
    const advice =
      'this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended'
    const warnings = jobStrategy.warnings!(created({}, { name: 'a.b' }), undefined)
    assert.deepEqual(warnings, [`metadata.name: ${advice}: [must not contain dots]`])
    const large = { ...created().spec, ...indexed, completions: 100_001, parallelism: 10_001 }
    assert.equal(jobSpecWarnings(large, 'spec').length, 1)
    assert.deepEqual(jobStrategy.warnings!(created(), created()), [])
  })
})

describe('an update of a job', () => {
  const suspended = { suspend: true }
  const placed = { nodeSelector: { a: 'b' }, tolerations: [{ key: 'k', operator: 'Exists' as const }] }
  const fixed = (field: string, value: unknown): string =>
    `spec.${field}: Invalid value: ${JSON.stringify(value)}: field is immutable`
  const rows: readonly [string, Job, Job, readonly string[]][] = [
    ['nothing', created(), created(), []],
    ['how many at once', created({ parallelism: 3, completions: 5 }), created({ parallelism: 1, completions: 5 }), []],
    ['how many', created({ completions: 2 }), created(), [fixed('completions', 2)]],
    [
      'how many indexes',
      created({ completionMode: 'Indexed', completions: 3, parallelism: 3 }),
      created({ completionMode: 'Indexed', completions: 5, parallelism: 5 }),
      [],
    ],
    [
      'how many indexes, but not at once',
      created({ completionMode: 'Indexed', completions: 3, parallelism: 1 }),
      created({ completionMode: 'Indexed', completions: 5, parallelism: 5 }),
      ['spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism'],
    ],
    ['the manager', created({ managedBy: 'a.b/c' }), created(), [fixed('managedBy', 'a.b/c')]],
    ['the place, while it waits', created(suspended, {}, placed), created(suspended), []],
    [
      'the affinity to nodes, while it waits',
      created(suspended, {}, { affinity: { nodeAffinity: {} } }),
      created(suspended),
      [],
    ],
  ]
  for (const [name, now, before, expected] of rows) test(name, () => assert.deepEqual(check(now, before), expected))

  test('the template stays when the job runs, and but for the place always', () => {
    const started = { ...created(suspended), status: { startTime: '2025-01-01T00:00:00Z' } }
    const fields = (now: Job, old: Job): string[] => check(now, old).map((text) => text.slice(0, text.indexOf(': ')))
    assert.deepEqual(fields(created({}, {}, placed), created()), ['spec.template'])
    assert.deepEqual(fields(created(suspended, {}, placed), started), ['spec.template'])
    const other = created(suspended, {}, { affinity: { podAffinity: {} } })
    assert.deepEqual(fields(other, created(suspended)), ['spec.template'])
  })

  test('what is wrong with it is told twice, as upstream tells it', () => {
    const problem = 'spec.parallelism: Invalid value: -1: must be greater than or equal to 0'
    assert.deepEqual(check(created({ parallelism: -1, completions: 1 }), created()), [problem, problem])
  })
})

describe('the status of a job', () => {
  const is = (...types: string[]): JobCondition[] => types.map((type) => ({ type, status: 'True' }))
  const done = { startTime: '2025-01-01T00:00:00Z', completionTime: '2025-01-01T00:01:00Z' }
  const complete: JobStatus = { ...done, succeeded: 1, conditions: is('SuccessCriteriaMet', 'Complete') }
  const indexed: Partial<JobSpec> = { completionMode: 'Indexed', completions: 5, backoffLimitPerIndex: 1 }
  const both = 'cannot set Complete=True and Failed=true conditions'
  const rows: readonly [string, Partial<JobSpec>, JobStatus, JobStatus, readonly string[]][] = [
    ['begins', {}, { startTime: done.startTime, active: 1 }, {}, []],
    ['ends well', {}, complete, { startTime: done.startTime, active: 1 }, []],
    [
      'counts nothing below nought',
      {},
      { active: -1, ready: -1 },
      {},
      [
        'status.active: Invalid value: -1: must be greater than or equal to 0',
        'status.ready: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
    [
      'ends in both ways',
      {},
      { ...complete, conditions: is('SuccessCriteriaMet', 'Complete', 'FailureTarget', 'Failed') },
      {},
      [
        `status.conditions: Invalid value: ${both}`,
        'status.conditions: Invalid value: cannot set Complete=True and FailureTarget=true conditions',
        'status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and Failed=true conditions',
        'status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and FailureTarget=true conditions',
      ],
    ],
    [
      'ends without what goes before',
      {},
      { startTime: done.startTime, conditions: is('Failed') },
      {},
      ['status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition'],
    ],
    [
      'fails by indexes without what goes before',
      indexed,
      { startTime: done.startTime, conditions: is('Failed'), failedIndexes: '1' },
      { startTime: done.startTime, conditions: is('Failed'), failedIndexes: '' },
      ['status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition'],
    ],
    [
      'loses what goes before its end',
      {},
      { ...complete, conditions: is('Complete') },
      complete,
      [
        'status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
        'status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition',
      ],
    ],
    [
      'ends without a beginning, since it is suspended and has nothing to do',
      { suspend: true, completions: 0 },
      { conditions: is('SuccessCriteriaMet', 'Complete'), completionTime: done.completionTime },
      { conditions: is('SuccessCriteriaMet') },
      [],
    ],
    [
      'ends with pods, before it began',
      {},
      { ...complete, startTime: undefined as never, active: 1, terminating: 1 },
      {},
      [
        'status.active: Invalid value: 1: active>0 is invalid for finished job',
        'status.startTime: Required value: startTime is required for finished job',
        'status.terminating: Invalid value: 1: terminating>0 is invalid for finished job',
      ],
    ],
    [
      'a time of an end that was not',
      {},
      done,
      {},
      [
        'status.completionTime: Invalid value: "2025-01-01T00:01:00Z": cannot set completionTime when there is no Complete=True condition',
      ],
    ],
    [
      'an end before the start',
      {},
      { ...complete, completionTime: '2024-01-01T00:00:00Z' },
      {},
      ['status.completionTime: Invalid value: "2024-01-01T00:00:00Z": must be equal to or after `startTime`'],
    ],
    [
      'is taken back',
      {},
      { startTime: done.startTime },
      complete,
      [
        'status.conditions: Invalid value: cannot disable the terminal Complete=True condition',
        'status.succeeded: Invalid value: 0: cannot decrease the succeeded counter',
        'status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition',
      ],
    ],
    [
      'another start while it runs',
      {},
      { startTime: '2025-01-01T00:00:05Z' },
      { startTime: done.startTime },
      ['status.startTime: Required value: startTime cannot be removed for unsuspended job'],
    ],
    ['another start after a pause', { suspend: true }, {}, { startTime: done.startTime }, []],
    [
      'another start with the end of a pause',
      {},
      { startTime: '2025-01-01T00:00:05Z', conditions: [{ type: 'Suspended', status: 'False' }] },
      { startTime: done.startTime, conditions: is('Suspended') },
      [],
    ],
    [
      'indexes of a job without',
      {},
      { completedIndexes: '0', failedIndexes: '1' },
      {},
      [
        'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
        'status.failedIndexes: Invalid value: "1": cannot set non-null failedIndexes when backoffLimitPerIndex is null',
      ],
    ],
    [
      'indexes that are none',
      indexed,
      { completedIndexes: '5', failedIndexes: '2-1' },
      {},
      [
        'status.completedIndexes: Invalid value: "5": error parsing completedIndexes: too large index: "5"',
        'status.failedIndexes: Invalid value: "2-1": error parsing failedIndexes: non-increasing order, previous: 2, current: 1',
      ],
    ],
    [
      'indexes that did both',
      indexed,
      { completedIndexes: '0-2', failedIndexes: '2' },
      {},
      ['status.failedIndexes: Invalid value: "2": failedIndexes and completedIndexes overlap at index: 2'],
    ],
    ['what was wrong before', indexed, { completedIndexes: '9', active: 1 }, { completedIndexes: '9' }, []],
    [
      'more ready than there are',
      {},
      { ready: 2, active: 1 },
      {},
      ['status.ready: Invalid value: 2: cannot set more ready pods than active'],
    ],
    [
      'a pod that is counted twice',
      {},
      { uncountedTerminatedPods: { succeeded: ['a', ''], failed: ['a'] } },
      {},
      [
        'status.uncountedTerminatedPods.succeeded[1]: Invalid value: "": must not be empty',
        'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
      ],
    ],
  ]
  for (const [name, own, now, before, expected] of rows) {
    test(name, () => {
      const [job, old] = [now, before].map((status) => ({ ...created(own), status }))
      const { validate } = jobStrategy.subresources!['status']!
      assert.deepEqual(
        refusals((report) => validate!(job!, old!, report, servingContext)),
        expected,
      )
    })
  }
})

describe('columns of jobs', () => {
  const now = Date.parse('2025-01-01T01:00:00Z')
  const cell = (column: string, own: Partial<JobSpec>, status: JobStatus, metadata = {}): unknown =>
    jobStrategy.columns!.find(({ name }) => name === column)!.value({ ...created(own, metadata), status }, now)
  const is = (type: string): JobStatus => ({ conditions: [{ type, status: 'True' }] })
  const rows: readonly [string, string, unknown, unknown][] = [
    ['Status', 'running', cell('Status', {}, {}), 'Running'],
    ['Status', 'complete', cell('Status', {}, is('Complete')), 'Complete'],
    ['Status', 'suspended', cell('Status', {}, is('Suspended')), 'Suspended'],
    ['Status', 'succeeding', cell('Status', {}, is('SuccessCriteriaMet')), 'SuccessCriteriaMet'],
    ['Status', 'failing', cell('Status', {}, is('FailureTarget')), 'FailureTarget'],
    ['Status', 'going', cell('Status', {}, is('Suspended'), { deletionTimestamp: 'x' }), 'Terminating'],
    ['Completions', 'of some', cell('Completions', { completions: 3 }, { succeeded: 1 }), '1/3'],
    ['Completions', 'of any', cell('Completions', { parallelism: 1 }, {}), '0/1'],
    ['Completions', 'of any of several', cell('Completions', { parallelism: 4 }, {}), '0/1 of 4'],
    ['Duration', 'not begun', cell('Duration', {}, {}), ''],
    ['Duration', 'so far', cell('Duration', {}, { startTime: '2025-01-01T00:59:00Z' }), '60s'],
    [
      'Duration',
      'in all',
      cell('Duration', {}, { startTime: '2025-01-01T00:00:00Z', completionTime: '2025-01-01T00:00:09Z' }),
      '9s',
    ],
  ]
  for (const [column, name, found, expected] of rows) test(`${column}: ${name}`, () => assert.equal(found, expected))
})
