import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { FlowSchemaSpec } from '#api/flowcontrol/v1/flowSchema.ts'
import type { PriorityLevelConfigurationSpec } from '#api/flowcontrol/v1/priorityLevelConfiguration.ts'
import { createReport, problemMessage, type Report } from '#machinery/validate/report.ts'
import { flowSchemaStrategy } from './flowSchema.ts'
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from '#machinery/mandatoryFlowControl.ts'
import { bootstrapFlowSchemas, bootstrapPriorityLevels } from './suggested.ts'
import { priorityLevelConfigurationStrategy } from './priorityLevelConfiguration.ts'

function refusals(check: (report: Report) => void): string[] {
  const { report, problems } = createReport()
  check(report)
  return problems.map((problem) => `${problem.field}: ${problemMessage(problem)}`)
}

interface Recorded<T> {
  readonly metadata: { readonly name: string }
  readonly spec: T
}

describe('what a cluster begins with', () => {
  const recorded = JSON.parse(readFileSync(join(import.meta.dirname, 'testdata/bootstrap.json'), 'utf8')) as {
    readonly flowschemas: readonly Recorded<FlowSchemaSpec>[]
    readonly prioritylevelconfigurations: readonly Recorded<PriorityLevelConfigurationSpec>[]
  }

  test('are the flow schemas of a real cluster, but for locks that are no leases, which v1.34 no longer knows', () => {
    const older = ['system-leader-election', 'workload-leader-election']
    const expected = recorded.flowschemas.filter(({ metadata }) => !older.includes(metadata.name))
    for (const { metadata, spec } of expected)
      assert.deepEqual(bootstrapFlowSchemas[metadata.name], spec, metadata.name)
    assert.equal(Object.keys(bootstrapFlowSchemas).length, expected.length + 1)
  })

  test('are its priority levels, which say by their newer names what they share and lend', () => {
    for (const { metadata, spec } of recorded.prioritylevelconfigurations) {
      const { type, limited } = bootstrapPriorityLevels[metadata.name]!
      const { nominalConcurrencyShares, limitResponse } = limited ?? {}
      const older = limited && { assuredConcurrencyShares: nominalConcurrencyShares, limitResponse }
      assert.deepEqual({ type, ...(older && { limited: older }) }, spec, metadata.name)
    }
    assert.equal(Object.keys(bootstrapPriorityLevels).length, recorded.prioritylevelconfigurations.length)
  })

  test('names only levels that there are', () => {
    for (const { priorityLevelConfiguration } of Object.values(bootstrapFlowSchemas)) {
      assert.ok(Object.hasOwn(bootstrapPriorityLevels, priorityLevelConfiguration.name))
    }
  })
})

describe('a flow schema', () => {
  const check = (name: string, spec: FlowSchemaSpec) =>
    refusals((report) =>
      flowSchemaStrategy.validate?.({ apiVersion: '', kind: '', metadata: { name }, spec }, undefined, report),
    )
  const spec: FlowSchemaSpec = {
    matchingPrecedence: 50,
    priorityLevelConfiguration: { name: 'a' },
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: '*' } }],
        resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], namespaces: ['*'] }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['/healthz', '/healthz/*'] }],
      },
    ],
  }
  test('that is right', () => assert.deepEqual(check('a', spec), []))
  test('that every server has', () => {
    for (const [name, own] of Object.entries(mandatoryFlowSchemas)) assert.deepEqual(check(name, own), [])
  })
  test('that takes the place of one', () => {
    const found = check('catch-all', { ...spec, matchingPrecedence: 2 })
    assert.equal(found.length, 1)
    assert.match(found[0]!, /spec of 'catch-all' must equal the fixed value$/)
  })
  test('with rules for nobody and nothing', () =>
    assert.deepEqual(check('a', { ...spec, matchingPrecedence: 1, rules: [{ subjects: [] }] }), [
      "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
      'spec.rules[0].subjects: Required value: subjects must contain at least one value',
      'spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty',
    ]))
  test('with an unknown way of telling flows apart, an account that is a group too, and a namespace that cannot be', () =>
    assert.deepEqual(
      check('a', {
        ...spec,
        distinguisherMethod: { type: 'ByMood' as 'ByUser' },
        rules: [
          {
            subjects: [
              {
                kind: 'ServiceAccount',
                group: { name: 'g' },
                user: { name: 'u' },
                serviceAccount: { name: '*', namespace: '' },
              },
            ],
            resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], namespaces: ['a.b'] }],
          },
        ],
      }),
      [
        'spec.distinguisherMethod.type: Unsupported value: {"Type":"ByMood"}: supported values: "ByNamespace", "ByUser"',
        'spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account',
        "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
        "spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'",
        'spec.rules[0].resourceRules[0].namespaces[0]: Invalid value: "a.b": each member of this list must be \'*\' or a DNS-1123 label; must not contain dots',
      ],
    ))
  test('with a subject of two kinds and odd rules', () =>
    assert.deepEqual(
      check('a', {
        ...spec,
        rules: [
          {
            subjects: [{ kind: 'Group', group: { name: 'g' }, user: { name: 'u' } }],
            resourceRules: [{ verbs: ['fly'], apiGroups: ['*', 'apps'], resources: [] }],
            nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/a*', 'b'] }],
          },
        ],
      }),
      [
        "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
        'spec.rules[0].resourceRules[0].verbs: Unsupported value: ["fly"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"',
        'spec.rules[0].resourceRules[0].apiGroups: Invalid value: ["*","apps"]: if \'*\' is present, must not specify other api groups',
        'spec.rules[0].resourceRules[0].resources: Required value: resource rules must supply at least one resource',
        'spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace',
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "/a*": wildcard can only do suffix matching',
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "b": must start with slash',
      ],
    ))
})

describe('a priority level', () => {
  const check = (name: string, spec: PriorityLevelConfigurationSpec) =>
    refusals((report) =>
      priorityLevelConfigurationStrategy.validate?.(
        { apiVersion: '', kind: '', metadata: { name }, spec },
        undefined,
        report,
      ),
    )
  const queuing = { queues: 64, handSize: 8, queueLengthLimit: 50 }
  const queue = (own: Partial<typeof queuing>): PriorityLevelConfigurationSpec => ({
    type: 'Limited',
    limited: { limitResponse: { type: 'Queue', queuing: { ...queuing, ...own } } },
  })
  test('that is right', () => assert.deepEqual(check('a', queue({})), []))
  test('that every server has', () => {
    for (const [name, own] of Object.entries(mandatoryPriorityLevels)) assert.deepEqual(check(name, own), [])
    assert.deepEqual(check('exempt', { type: 'Exempt', exempt: { lendablePercent: 50 } }), [])
    assert.deepEqual(check('exempt', { type: 'Exempt' }), [])
  })
  test('whose hands need more bits than there are', () =>
    assert.deepEqual(check('a', queue({ queues: 1024 })), [
      'spec.limited.limitResponse.queuing.handSize: Invalid value: 8: required entropy bits of deckSize 1024 and handSize 8 should not be greater than 60',
    ]))
  test('that is exempt under another name', () =>
    assert.deepEqual(check('a', { type: 'Exempt' }), [
      "spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'",
    ]))
})
