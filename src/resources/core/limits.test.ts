/** Rules of quotas and limit ranges. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LimitRangeItem } from '#api/core/v1/limitRange.ts'
import type { ResourceQuotaSpec } from '#api/core/v1/resourceQuota.ts'
import { refusals, servingContext } from '#resources/testReport.ts'
import { limitRangeStrategy } from './limitRange.ts'
import { resourceQuotaStrategy } from './resourceQuota.ts'

const meta = { apiVersion: 'v1', kind: '', metadata: { name: 'a' } }

test('what is used of a quota are amounts of what there are quotas of', () => {
  const quota = { ...meta, spec: {}, status: { hard: { foo: '1' }, used: { pods: '-1', cpu: '1' } } }
  assert.deepEqual(
    refusals((report) =>
      resourceQuotaStrategy.subresources!['status']!.validate!(quota, quota, report, servingContext),
    ),
    [
      'status.hard[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
      'status.hard[foo]: Invalid value: "foo": must be a standard resource for quota',
      'status.used[pods]: Invalid value: "-1": must be greater than or equal to 0',
    ],
  )
})

describe('a quota', () => {
  const list = 'spec.scopeSelector.matchExpressions'
  const rows: readonly [string, ResourceQuotaSpec, readonly string[]][] = [
    ['of everything', { hard: { cpu: '1', 'count/jobs.batch': '1', 'requests.example.com/gpu': '1' } }, []],
    ['of claims of a class', { hard: { persistentvolumeclaims: '1' }, scopes: ['VolumeAttributesClass'] }, []],
    [
      'of what nobody knows',
      { hard: { foo: '1', storage: '1Gi', 'example.com/gpu': '500m' } },
      [
        'spec.hard[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
        'spec.hard[foo]: Invalid value: "foo": must be a standard resource for quota',
        'spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota',
        'spec.hard[example.com/gpu]: Invalid value: "500m": must be an integer',
      ],
    ],
    [
      'of what pods of a scope have none of',
      { hard: { secrets: '1', cpu: '1', pods: '1' }, scopes: ['BestEffort'] },
      [
        'spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource',
        'spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource',
      ],
    ],
    [
      'whose selector says nothing',
      {
        scopeSelector: {
          matchExpressions: [
            { scopeName: 'PriorityClass', operator: 'In' },
            { scopeName: 'Terminating', operator: 'DoesNotExist', values: ['a'] },
            { scopeName: 'NotTerminating', operator: 'Exists' },
            { scopeName: 'Some' as never, operator: 'Is' as never },
          ],
        },
      },
      [
        `${list}.values: Required value: must be at least one value when \`operator\` is 'In' or 'NotIn' for scope selector`,
        `${list}.operator: Invalid value: "DoesNotExist": must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity`,
        `${list}.values: Invalid value: ["a"]: must be no value when \`operator\` is 'Exist' or 'DoesNotExist' for scope selector`,
        `${list}.scopeName: Invalid value: "Some": unsupported scope`,
        `${list}.operator: Invalid value: "Is": not a valid selector operator`,
        `${list}: Invalid value: []: conflicting scopes`,
      ],
    ],
    [
      'whose selector chooses pods that use nothing of it',
      {
        hard: { secrets: '1' },
        scopeSelector: { matchExpressions: [{ scopeName: 'BestEffort', operator: 'Exists' }] },
      },
      [
        `${list}: Invalid value: {"MatchExpressions":[{"ScopeName":"BestEffort","Operator":"Exists","Values":null}]}: unsupported scope applied to resource`,
      ],
    ],
  ]
  for (const [name, spec, expected] of rows) {
    test(name, () => {
      const found = refusals((report) => resourceQuotaStrategy.validate!({ ...meta, spec }, undefined, report))
      assert.deepEqual(found, expected)
    })
  }
})

describe('a limit', () => {
  const at = 'spec.limits[0]'
  const rows: readonly [string, LimitRangeItem, readonly string[]][] = [
    [
      'that is right',
      { type: 'Container', min: { cpu: '1' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '2' } },
      [],
    ],
    [
      'of an unknown type',
      { type: 'Jobs' as never },
      [`${at}.type: Invalid value: "Jobs": must be a standard limit type or fully qualified`],
    ],
    ['of a type of somebody', { type: 'example.com/Job' as never, max: { storage: '1' } }, []],
    [
      'of containers, by what they do not have',
      { type: 'Container', max: { pods: '1' }, min: { foo: '1' } },
      [
        `${at}.max[pods]: Invalid value: "pods": must be a standard resource for containers`,
        `${at}.min[foo]: Invalid value: "foo": must be a standard resource type or fully qualified`,
        `${at}.min[foo]: Invalid value: "foo": must be a standard resource for containers`,
      ],
    ],
    [
      'of claims without a size',
      { type: 'PersistentVolumeClaim' },
      [`${at}.limits: Required value: either minimum or maximum storage value is required, but neither was provided`],
    ],
    [
      'wider than its bounds',
      { type: 'Pod', min: { cpu: '1' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '2500m' } },
      [`${at}.maxLimitRequestRatio[cpu]: Invalid value: "2500m": ratio 2500m is greater than max/min = 2.000000`],
    ],
    [
      'of what is given whole, with another default',
      { type: 'Container', default: { 'example.com/gpu': '2' }, defaultRequest: { 'example.com/gpu': '1' } },
      [
        `${at}.defaultRequest[example.com/gpu]: Invalid value: "1": default value 2 must equal to defaultRequest value 1 in example.com/gpu`,
      ],
    ],
  ]
  for (const [name, limit, expected] of rows) {
    test(name, () => {
      const range = { ...meta, spec: { limits: [limit] } }
      assert.deepEqual(
        refusals((report) => limitRangeStrategy.validate!(range, undefined, report)),
        expected,
      )
    })
  }
})
