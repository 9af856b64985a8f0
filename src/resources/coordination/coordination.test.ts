import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Lease, LeaseSpec } from '#api/coordination/v1/lease.ts'
import type { LeaseCandidateSpec } from '#api/coordination/v1beta1/leaseCandidate.ts'
import { refusals, servingContext } from '#resources/testReport.ts'
import { leaseStrategy } from './lease.ts'
import { leaseCandidateStrategy } from './leaseCandidate.ts'

const meta = { apiVersion: '', kind: '', metadata: { name: 'a' } }

describe('a candidate for a lease', () => {
  const spec: LeaseCandidateSpec = {
    leaseName: 'l',
    binaryVersion: '1.34.0',
    emulationVersion: '1.33.0',
    strategy: 'OldestEmulationVersion',
  }
  const rows: readonly [string, Partial<LeaseCandidateSpec>, readonly string[]][] = [
    ['that is right', {}, []],
    [
      'that says nothing',
      { leaseName: '', binaryVersion: '', emulationVersion: '', strategy: '' },
      ['spec.leaseName: Required value', 'spec.binaryVersion: Required value', 'spec.strategy: Required value'],
    ],
    [
      'that behaves like a later version than it is',
      { emulationVersion: '1.34.0', binaryVersion: '1.34.0-rc.1' },
      ['spec.binaryVersion: Invalid value: "1.34.0-rc.1": must be greater than or equal to `emulationVersion`'],
    ],
    [
      'without a version to behave like',
      { emulationVersion: 'v1' },
      [
        'spec.emulationVersion: Invalid value: "v1": must be a valid semantic version',
        "spec.emulationVersion: Required value: must be specified when `strategy` is 'OldestEmulationVersion'",
      ],
    ],
    [
      'chosen in an unknown way',
      { strategy: 'Luck' },
      ['spec.strategy.strategy: Unsupported value: "Luck": supported values: "OldestEmulationVersion"'],
    ],
    ['chosen in a way of its own', { strategy: 'example.com/Luck' }, []],
    [
      'chosen in a way without a domain',
      { strategy: '/Luck' },
      ['spec.strategy.strategy: Invalid value: "/Luck": prefix part must be non-empty'],
    ],
  ]
  for (const [name, own, expected] of rows) {
    test(name, () => {
      const candidate = { ...meta, spec: { ...spec, ...own } }
      assert.deepEqual(
        refusals((report) => leaseCandidateStrategy.validate!(candidate, undefined, report)),
        expected,
      )
    })
  }
})

test('a lease keeps nothing of what coordinates leaders, unless it was there', () => {
  const lease = (spec: LeaseSpec): Lease => ({ ...meta, spec })
  const spec: LeaseSpec = { holderIdentity: 'a', strategy: 'OldestEmulationVersion', preferredHolder: 'b' }
  const prepared = (old?: Lease): LeaseSpec => {
    const now = lease({ ...spec })
    leaseStrategy.prepare!(now, old, servingContext)
    return now.spec
  }
  assert.deepEqual(prepared(), { holderIdentity: 'a' })
  assert.deepEqual(prepared(lease({})), { holderIdentity: 'a' })
  assert.deepEqual(prepared(lease(spec)), spec)
})
