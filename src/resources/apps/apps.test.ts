import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DaemonSet, DaemonSetSpec, DaemonSetStatus } from '#api/apps/v1/daemonSet.ts'
import type { StatefulSet, StatefulSetSpec, StatefulSetStatus } from '#api/apps/v1/statefulSet.ts'
import type { PodSpec } from '#api/core/v1/pod.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { refusals, servingContext } from '#resources/testReport.ts'
import { daemonSetStrategy } from './daemonSet.ts'
import { statefulSetStrategy } from './statefulSet.ts'

const meta = { apiVersion: 'apps/v1', metadata: { name: 'a' } }
const selector = { matchLabels: { app: 'a' } }
const template = (spec: Partial<PodSpec> = {}): StatefulSetSpec['template'] => ({
  metadata: { labels: { app: 'a' } },
  spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
})

describe('a stateful set', () => {
  const one = (own: Partial<StatefulSetSpec>, status?: StatefulSetStatus): StatefulSet => {
    const set: StatefulSet = {
      ...meta,
      kind: 'StatefulSet',
      spec: { serviceName: 's', selector, template: template(), ...own },
      ...(status && { status }),
    }
    statefulSetStrategy.default!(set)
    return set
  }
  const claim = (own: Partial<PersistentVolumeClaim['spec']> = {}): PersistentVolumeClaim => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...own },
  })
  const mounts = template({
    containers: [{ name: 'c', image: 'x', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
    hostname: 'Not one',
    subdomain: 'Neither',
  })
  const rows: readonly [string, StatefulSet, StatefulSet | undefined, readonly string[]][] = [
    [
      'that mounts its claims, whatever its template says of names',
      one({ template: mounts, volumeClaimTemplates: [claim()] }),
      undefined,
      [],
    ],
    [
      'that mounts what it does not claim',
      one({ template: mounts }),
      undefined,
      ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    ],
    [
      'with a claim for nothing and an odd service',
      one({ volumeClaimTemplates: [claim({ accessModes: [] })], serviceName: 'a.b' }),
      undefined,
      [
        'spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required',
        'spec.serviceName: Invalid value: "a.b": must not contain dots',
      ],
    ],
    [
      'that had them before',
      one({ volumeClaimTemplates: [claim({ accessModes: [] })], serviceName: 'a.b' }),
      one({ volumeClaimTemplates: [claim({ accessModes: [] })], serviceName: 'a.b' }),
      [],
    ],
    [
      'that keeps claims as nobody knows',
      one({ persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Ask' as 'Delete' } }),
      undefined,
      [
        'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Ask": supported values: "Retain", "Delete"',
      ],
    ],
    [
      'that says how to roll but does not',
      one({ updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } }),
      undefined,
      [
        'spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1,"MaxUnavailable":null}: only allowed for updateStrategy \'RollingUpdate\'',
      ],
    ],
    [
      'that may miss nothing',
      one({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '0%' } } }),
      undefined,
      ['spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "0%": cannot be 0'],
    ],
  ]
  for (const [name, now, old, expected] of rows) {
    test(name, () =>
      assert.deepEqual(
        refusals((report) => statefulSetStrategy.validate!(now, old, report)),
        expected,
      ),
    )
  }
  test('does not keep how many pods it may miss, an alpha feature', () => {
    const rolling = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } } as const
    const set = one(structuredClone(rolling))
    statefulSetStrategy.prepare!(set, undefined, servingContext)
    assert.deepEqual(set.spec.updateStrategy, { type: 'RollingUpdate', rollingUpdate: { partition: 0 } })
    const kept = one(structuredClone(rolling))
    statefulSetStrategy.prepare!(kept, one(structuredClone(rolling)), servingContext)
    assert.equal(kept.spec.updateStrategy?.rollingUpdate?.maxUnavailable, 2)
  })
  test('reports counts that fit together', () => {
    const { validate } = statefulSetStrategy.subresources!['status']!
    const [now, old] = [
      one({}, { replicas: 1, readyReplicas: -1, availableReplicas: 2 }),
      one({}, { replicas: 1, collisionCount: 1 }),
    ]
    assert.deepEqual(
      refusals((report) => validate!(now, old, report, servingContext)),
      [
        'status.readyReplicas: Invalid value: -1: must be greater than or equal to 0',
        'status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas',
        'status.availableReplicas: Invalid value: 2: cannot be greater than status.readyReplicas',
        'status.collisionCount: Invalid value: 0: cannot be decremented',
      ],
    )
  })
})

describe('a daemon set', () => {
  const one = (own: Partial<DaemonSetSpec>, status?: DaemonSetStatus): DaemonSet => {
    const set: DaemonSet = {
      ...meta,
      kind: 'DaemonSet',
      spec: { selector, template: template(), ...own },
      ...(status && { status }),
    }
    daemonSetStrategy.default!(set)
    return set
  }
  const rolling = (rollingUpdate: object): DaemonSet =>
    one({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } })
  const at = 'spec.updateStrategy.rollingUpdate'
  const rows: readonly [string, DaemonSet, DaemonSet | undefined, readonly string[]][] = [
    ['that is right', one({}), undefined, []],
    [
      'without a selector',
      one({ selector: undefined! }),
      undefined,
      ['spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`'],
    ],
    [
      'that selects everything',
      one({ selector: {} }),
      undefined,
      ['spec.selector: Invalid value: {}: empty selector is invalid for daemonset'],
    ],
    [
      'that selects others than before',
      one({ selector: { matchLabels: { app: 'b' } } }),
      one({}),
      [
        'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
        'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
      ],
    ],
    [
      'that rolls too much at once',
      rolling({ maxUnavailable: '101%', maxSurge: '120%' }),
      undefined,
      [
        `${at}.maxUnavailable: Invalid value: "101%": must not be greater than 100%`,
        `${at}.maxSurge: Invalid value: "120%": must not be greater than 100%`,
        `${at}.maxSurge: Invalid value: "120%": may not be set when maxUnavailable is non-zero`,
      ],
    ],
    [
      'that rolls nothing',
      rolling({ maxUnavailable: 0, maxSurge: '0%' }),
      undefined,
      [`${at}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0`],
    ],
  ]
  for (const [name, now, old, expected] of rows) {
    test(name, () =>
      assert.deepEqual(
        refusals((report) => daemonSetStrategy.validate!(now, old, report)),
        expected,
      ),
    )
  }
  test('reports no counts below nothing', () => {
    const { validate } = daemonSetStrategy.subresources!['status']!
    const counts = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: -1, numberReady: 0 }
    const now = one({}, { ...counts, collisionCount: -1 })
    assert.deepEqual(
      refusals((report) => validate!(now, one({}), report, servingContext)),
      [
        'status.desiredNumberScheduled: Invalid value: -1: must be greater than or equal to 0',
        'status.collisionCount: Invalid value: -1: must be greater than or equal to 0',
      ],
    )
  })
})
