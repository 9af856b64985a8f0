import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { StorageVersionStatus } from '#api/apiserverinternal/v1alpha1/storageVersion.ts'
import type {
  MigrationCondition,
  StorageVersionMigration,
  StorageVersionMigrationStatus,
} from '#api/storagemigration/v1alpha1/storageVersionMigration.ts'
import { storageVersionStrategy } from '#resources/apiserverinternal/storageVersion.ts'
import { refusals, servingContext } from '#resources/testReport.ts'
import { storageVersionMigrationStrategy } from './storageVersionMigration.ts'

const meta = { apiVersion: '', kind: '', metadata: { name: 'a' } }

describe('what API servers say of their versions', () => {
  const server = { apiServerID: 's', encodingVersion: 'v1', decodableVersions: ['v1'] }
  const rows: readonly [string, StorageVersionStatus, readonly string[]][] = [
    ['is right', { storageVersions: [server], commonEncodingVersion: 'v1' }, []],
    [
      'names versions that are none',
      {
        storageVersions: [{ ...server, encodingVersion: '/1', decodableVersions: ['/1'] }],
        commonEncodingVersion: '/1',
      },
      [
        'encodingVersion: Invalid value: "/1": group part: must be non-empty,version part: a DNS-1035 label',
        'decodableVersions[0]: Invalid value: "/1": group part: must be non-empty,version part: a DNS-1035 label',
      ],
    ],
    [
      'leaves out what it writes and serves',
      { storageVersions: [{ ...server, decodableVersions: [], servedVersions: ['v2'] }], commonEncodingVersion: 'v1' },
      [
        'decodableVersions: Invalid value: []: decodableVersions must include encodingVersion v1',
        'servedVersions[0]: Invalid value: "v2": individual served version : v2 must be included in decodableVersions : []',
      ],
    ],
    [
      'has a fact twice, without words',
      {
        conditions: [
          { type: 'A', status: 'True', reason: 'r', message: 'm' },
          { type: 'A', status: 'Perhaps' as 'True', reason: '', message: '' },
        ],
      },
      [
        'status[1].type: Invalid value: "A": the type of the condition is not unique, it also appears in conditions[0]',
        'status[1].reason: Required value',
        'status[1].message: Required value',
      ],
    ],
  ]
  for (const [name, status, expected] of rows) {
    test(name, () => {
      const { validate } = storageVersionStrategy.subresources!['status']!
      const version = { ...meta, spec: {}, status }
      const found = refusals((report) => validate!(version, version, report, servingContext))
      const shown = found.map((line) =>
        line.replace('status.storageVersions[0].', '').replace(/(DNS-1035 label).*/, '$1'),
      )
      assert.deepEqual(shown, expected)
    })
  }
})

describe('the status of a migration', () => {
  const condition = (type: MigrationCondition['type'], status: MigrationCondition['status'] = 'True') => ({
    type,
    status,
    reason: 'Because',
    lastUpdateTime: '2026-01-01T00:00:00Z',
  })
  const shown = (type: string): string =>
    `{"Type":"${type}","Status":"True","LastUpdateTime":"2026-01-01T00:00:00Z","Reason":"Because","Message":""}`
  const rows: readonly [string, StorageVersionMigrationStatus, StorageVersionMigrationStatus, readonly string[]][] = [
    ['that it runs', { conditions: [condition('Running')], resourceVersion: '5' }, {}, []],
    [
      'of another revision',
      { resourceVersion: 'x' },
      { resourceVersion: '5' },
      [
        'status.resourceVersion: Invalid value: "x": failed to parse resource version "x": strconv.ParseInt: parsing "x": invalid syntax',
        'status.resourceVersion: Invalid value: "x": field is immutable',
      ],
    ],
    [
      'of no revision',
      { resourceVersion: '-1' },
      {},
      ['status.resourceVersion: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'in two ways',
      { conditions: [condition('Succeeded'), condition('Failed')] },
      {},
      [
        `status.conditions: Invalid value: [${shown('Succeeded')},${shown('Failed')}]: Both success and failed conditions cannot be true at the same time`,
      ],
    ],
    [
      'that has no time and no reason',
      { conditions: [{ type: 'Running', status: 'True' }] },
      {},
      ['status.conditions[0].lastTransitionTime: Required value', 'status.conditions[0].reason: Required value'],
    ],
    [
      'that failed no more',
      { conditions: [] },
      { conditions: [condition('Failed')] },
      ['status.conditions: Invalid value: []: Failed condition cannot be set to false once it is true'],
    ],
  ]
  for (const [name, status, before, expected] of rows) {
    test(name, () => {
      const { validate } = storageVersionMigrationStrategy.subresources!['status']!
      const of = (own: StorageVersionMigrationStatus): StorageVersionMigration => ({
        ...meta,
        spec: { resource: {} },
        status: own,
      })
      assert.deepEqual(
        refusals((report) => validate!(of(status), of(before), report, servingContext)),
        expected,
      )
    })
  }
})
