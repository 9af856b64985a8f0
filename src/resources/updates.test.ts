import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DaemonSet } from '#api/apps/v1/daemonSet.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import { seededRandom } from '#lib/random.ts'
import { createReport } from '#machinery/validate/report.ts'
import { daemonSetStrategy } from '#resources/apps/daemonSet.ts'
import { persistentVolumeClaimStrategy } from '#resources/core/persistentVolumeClaim.ts'
import { checkPodUpdate } from '#resources/core/pod/update.ts'

/** The fields that rules complain about, with the beginning of what they say. */
function refusals(check: (report: ReturnType<typeof createReport>['report']) => void): string[] {
  const { report, problems } = createReport()
  check(report)
  return problems.map(({ field, detail }) => `${field}: ${detail.split(/[ \n]/).slice(0, 5).join(' ')}`)
}

describe('an update of a pod', () => {
  const spec: PodSpec = {
    containers: [{ name: 'a', image: 'x:1' }],
    tolerations: [{ key: 'k', operator: 'Exists' }],
    terminationGracePeriodSeconds: 30,
    nodeSelector: { a: 'b' },
  }
  const pod = (own: Partial<PodSpec>): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { ...spec, ...own },
  })
  const fixed = 'spec: pod updates may not change'
  const gated = { schedulingGates: [{ name: 'x/y' }] }
  const rows: readonly [string, Partial<PodSpec>, Partial<PodSpec>, readonly string[]][] = [
    ['nothing', {}, {}, []],
    ['an image', { containers: [{ name: 'a', image: 'x:2' }] }, {}, []],
    ['the name of a container', { containers: [{ name: 'b', image: 'x:1' }] }, {}, [fixed]],
    [
      'one container more',
      { containers: [{ name: 'a', image: 'x:1' }, { name: 'b' }] },
      {},
      ['spec.containers: pod updates may not add'],
    ],
    ['a toleration more', { tolerations: [...spec.tolerations!, { key: 'l', operator: 'Exists' }] }, {}, []],
    ['a toleration less', { tolerations: [] }, {}, ['spec.tolerations: existing toleration can not be']],
    ['a first deadline', { activeDeadlineSeconds: 10 }, {}, []],
    [
      'a later deadline',
      { activeDeadlineSeconds: 10 },
      { activeDeadlineSeconds: 5 },
      ['spec.activeDeadlineSeconds: must be less than or'],
    ],
    ['a gate less', {}, gated, []],
    ['a gate more', gated, {}, ['spec.schedulingGates[0].name: only deletion is allowed, but']],
    ['the place, behind a gate', { ...gated, nodeSelector: { a: 'b', c: 'd' } }, gated, []],
    ['the place', { nodeSelector: { a: 'b', c: 'd' } }, {}, [fixed]],
    ['no more negative grace', { terminationGracePeriodSeconds: 1 }, { terminationGracePeriodSeconds: -1 }, []],
    ['another grace', { terminationGracePeriodSeconds: 1 }, {}, [fixed]],
  ]
  for (const [name, now, before, expected] of rows) {
    test(name, () =>
      assert.deepEqual(
        refusals((report) => checkPodUpdate(pod(now), pod(before), report)),
        expected,
      ),
    )
  }

  test('that is refused shows what would differ', () => {
    const { report, problems } = createReport()
    checkPodUpdate(pod({ restartPolicy: 'Never' }), pod({ restartPolicy: 'Always' }), report)
    assert.match(
      problems[0]!.detail,
      /\n@@ -\d+,\d+ \+\d+,\d+ @@\n[^]*\n- "restartPolicy": "Never"\n\+ "restartPolicy": "Always"\n/,
    )
  })
})

describe('an update of a claim', () => {
  const claim = (size: string, phase: 'Pending' | 'Bound', own = {}): PersistentVolumeClaim => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'c' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      volumeMode: 'Filesystem',
      resources: { requests: { storage: size } },
      ...own,
    },
    status: { phase, capacity: { storage: '1Gi' } },
  })
  const fixed = 'spec: spec is immutable after creation'
  const rows: readonly [string, PersistentVolumeClaim, PersistentVolumeClaim, readonly string[]][] = [
    ['more, bound', claim('2Gi', 'Bound'), claim('1Gi', 'Bound'), []],
    ['more, without a volume', claim('2Gi', 'Pending'), claim('1Gi', 'Pending'), [fixed]],
    [
      'less, bound',
      claim('1Gi', 'Bound'),
      claim('2Gi', 'Bound'),
      ['spec.resources.requests.storage: field can not be less'],
    ],
    ['a volume', claim('1Gi', 'Pending', { volumeName: 'v' }), claim('1Gi', 'Pending'), []],
    ['another volume', claim('1Gi', 'Bound', { volumeName: 'w' }), claim('1Gi', 'Bound', { volumeName: 'v' }), [fixed]],
  ]
  for (const [name, now, before, expected] of rows) {
    test(name, () =>
      assert.deepEqual(
        refusals((report) => persistentVolumeClaimStrategy.validate?.(now, before, report)),
        expected,
      ),
    )
  }
})

describe('the generation of a daemon set template', () => {
  const annotation = 'deprecated.daemonset.template.generation'
  const context = { caller: { name: 'a', groups: [] }, now: 0, random: seededRandom(1), dryRun: false }
  const daemonSet = (image: string, annotations?: Record<string, string>): DaemonSet => ({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'd', ...(annotations === undefined ? {} : { annotations }) },
    spec: { selector: {}, template: { spec: { containers: [{ name: 'c', image }] } } },
  })
  const rows: readonly [string, DaemonSet, DaemonSet | undefined, string][] = [
    ['begins with one', daemonSet('a'), undefined, '1'],
    ['may begin higher', daemonSet('a', { [annotation]: '7' }), undefined, '7'],
    ['stays while the template stays', daemonSet('a'), daemonSet('a', { [annotation]: '3' }), '3'],
    ['rises with the template', daemonSet('b'), daemonSet('a', { [annotation]: '3' }), '4'],
    ['is not the writer’s', daemonSet('b', { [annotation]: '99' }), daemonSet('a', { [annotation]: '3' }), '4'],
    ['takes no other text', daemonSet('a', { [annotation]: '-5' }), undefined, '1'],
  ]
  for (const [name, now, before, expected] of rows) {
    test(name, () => {
      const wanted = structuredClone(now)
      daemonSetStrategy.prepare?.(wanted, before, context)
      assert.equal(wanted.metadata.annotations?.[annotation], expected)
    })
  }
})
