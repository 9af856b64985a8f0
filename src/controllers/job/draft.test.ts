import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JobSpec } from '#api/batch/v1/job.ts'
import { draftPod } from './draft.ts'
import { job, pod } from './fixture.ts'
import { failureCountAnnotation, ignoredCountAnnotation, noIndex } from './jobPods.ts'

const tracking = 'batch.kubernetes.io/job-tracking'
const index = 'batch.kubernetes.io/job-completion-index'
const variable = { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { fieldPath: `metadata.labels['${index}']` } } }

test('a pod is as the template says, with the finalizer by which it is counted', () => {
  const template = {
    metadata: { labels: { app: 'work' }, annotations: { note: 'x' }, finalizers: ['example.com/mine'] },
    spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] },
  } as const satisfies JobSpec['template']
  const { metadata, spec } = draftPod(job({ template: template as unknown as JobSpec['template'] }), noIndex)
  assert.deepEqual(metadata, {
    generateName: 'work-',
    namespace: 'default',
    labels: { app: 'work' },
    annotations: { note: 'x' },
    finalizers: ['example.com/mine', tracking],
    ownerReferences: [
      { apiVersion: 'batch/v1', kind: 'Job', name: 'work', uid: 'job', controller: true, blockOwnerDeletion: true },
    ],
  })
  assert.deepEqual(spec, template.spec)
})

test('a pod of an index has it as label, annotation, host name and variable; a variable of its own wins', () => {
  const own = { name: 'JOB_COMPLETION_INDEX', value: 'mine' }
  const made = job({
    completionMode: 'Indexed',
    template: {
      spec: {
        restartPolicy: 'Never',
        initContainers: [{ name: 'first', image: 'i' }],
        containers: [
          { name: 'c', image: 'i', env: [{ name: 'A', value: '1' }] },
          { name: 'd', image: 'i', env: [own] },
        ],
      },
    },
  })
  const { metadata, spec } = draftPod(made, 7)
  assert.equal(metadata.generateName, 'work-7-')
  assert.deepEqual(metadata.labels, { [index]: '7' })
  assert.deepEqual(metadata.annotations, { [index]: '7' })
  assert.equal(spec.hostname, 'work-7')
  assert.deepEqual(
    [...spec.initContainers!, ...spec.containers].map(({ env }) => env),
    [[variable], [{ name: 'A', value: '1' }, variable], [own]],
  )
})

test('a long name is cut before the index', () => {
  const name = 'n'.repeat(63)
  const { metadata } = draftPod(job({ completionMode: 'Indexed' }, {}, { name }), 123)
  assert.equal(metadata.generateName, `${'n'.repeat(53)}-123-`)
})

describe('a pod goes on counting how often its index failed', () => {
  const ignore: Partial<JobSpec> = {
    podFailurePolicy: { rules: [{ action: 'Ignore', onExitCodes: { operator: 'In', values: [42] } }] },
  }
  const rows: readonly {
    name: string
    spec?: Partial<JobSpec>
    before?: Readonly<Record<string, string>>
    exitCode?: number
    counts: readonly [string, string | undefined]
  }[] = [
    { name: 'the first', counts: ['0', undefined] },
    { name: 'after one', before: { [failureCountAnnotation]: '0' }, counts: ['1', undefined] },
    { name: 'after two', before: { [failureCountAnnotation]: '1' }, counts: ['2', undefined] },
    { name: 'what is no count is none', before: { [failureCountAnnotation]: '-3' }, counts: ['1', undefined] },
    {
      name: 'an ignored one',
      spec: ignore,
      before: { [failureCountAnnotation]: '1' },
      exitCode: 42,
      counts: ['1', '1'],
    },
    {
      name: 'a counted one after an ignored one',
      spec: ignore,
      before: { [failureCountAnnotation]: '1', [ignoredCountAnnotation]: '1' },
      counts: ['2', '1'],
    },
  ]
  for (const { name, spec, before, exitCode, counts } of rows) {
    test(name, () => {
      const shape = {
        phase: 'Failed',
        index: 3,
        annotations: before ?? {},
        ...(exitCode === undefined ? {} : { exitCode }),
      } as const
      const made = job({ completionMode: 'Indexed', backoffLimitPerIndex: 9, ...spec })
      const { annotations } = draftPod(made, 3, before === undefined ? undefined : pod('a', shape)).metadata
      assert.deepEqual([annotations?.[failureCountAnnotation], annotations?.[ignoredCountAnnotation]], counts)
    })
  }
})
