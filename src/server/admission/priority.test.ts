import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pods, type Pod, type PodSpec } from '#api/core/v1/pod.ts'
import type { KubeObject } from '#api/resource.ts'
import { priorityClasses, type PriorityClass } from '#api/scheduling/v1/priorityClass.ts'
import { seededRandom } from '#lib/random.ts'
import { StatusError } from '#machinery/status.ts'
import type { AdmissionRequest, ClusterView } from './chain.ts'
import { priority } from './priority.ts'

const classOf = (name: string, value: number, own: Partial<PriorityClass> = {}): PriorityClass => ({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name },
  value,
  preemptionPolicy: 'PreemptLowerPriority',
  ...own,
})

const low = classOf('low', -10)
const polite = classOf('polite', 100, { preemptionPolicy: 'Never' })
const usual = classOf('usual', 50, { globalDefault: true })
const twin = classOf('twin', 40, { globalDefault: true })

/** A cache that holds some classes at once and the others once it is current. */
function view(known: readonly PriorityClass[], later: readonly PriorityClass[] = []): ClusterView {
  let objects = known
  return {
    now: 0,
    random: seededRandom(1),
    get: <T extends KubeObject>(_: unknown, _namespace: string, name: string) =>
      objects.find(({ metadata }) => metadata.name === name) as unknown as T | undefined,
    list: <T extends KubeObject>() => objects as unknown as readonly T[],
    pause: async () => {},
    newUid: () => '',
    forms: () => [],
    kind: () => undefined,
    replace: async () => false,
    current: async () => {
      objects = [...known, ...later]
    },
  }
}

const request = (own: Partial<AdmissionRequest>): AdmissionRequest => ({
  operation: 'CREATE',
  resource: pods,
  subresource: '',
  namespace: 'default',
  name: 'p',
  caller: { name: 'a', groups: [] },
  dryRun: false,
  requested: pods,
  options: () => ({}),
  warn: () => {},
  annotate: () => {},
  ...own,
})

const podOf = (spec: Partial<PodSpec>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: { containers: [], ...spec },
})

async function refusalOf(act: () => unknown): Promise<string> {
  try {
    await act()
    return ''
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    return error.message
  }
}

describe('the priority of a new pod', () => {
  const never = { preemptionPolicy: 'Never' } as const
  const may = { preemptionPolicy: 'PreemptLowerPriority' } as const
  const rows: readonly [string, Partial<PodSpec>, readonly PriorityClass[], Partial<PodSpec>][] = [
    ['is nought without classes', {}, [], { priority: 0, ...may }],
    ['is that of the default class', {}, [low, usual], { priorityClassName: 'usual', priority: 50, ...may }],
    ['is that of the lesser default', {}, [usual, twin], { priorityClassName: 'twin', priority: 40, ...may }],
    [
      'is that of its class',
      { priorityClassName: 'polite' },
      [polite, usual],
      { priorityClassName: 'polite', priority: 100, ...never },
    ],
    ['may be given if it is the same', { priority: 0 }, [low], { priority: 0, ...may }],
  ]
  for (const [name, spec, classes, expected] of rows) {
    test(name, async () => {
      const object = podOf(spec)
      await priority.admit?.(request({ object }), view(classes))
      assert.deepEqual(object.spec, { containers: [], ...expected })
    })
  }

  test('comes from a class that the cache did not hold yet', async () => {
    const object = podOf({ priorityClassName: 'low' })
    await priority.admit?.(request({ object }), view([], [low]))
    assert.equal(object.spec.priority, -10)
  })

  const refused: readonly [string, Partial<PodSpec>, string][] = [
    ['an unknown class', { priorityClassName: 'x' }, 'pods "p" is forbidden: no PriorityClass with name x was found'],
    [
      'another number',
      { priorityClassName: 'low', priority: 5 },
      'pods "p" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed -10 from the given PriorityClass name',
    ],
    [
      'another policy',
      { preemptionPolicy: 'Never' },
      'pods "p" is forbidden: the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission controller computed PreemptLowerPriority from the given PriorityClass name',
    ],
  ]
  for (const [name, spec, expected] of refused) {
    test(`is refused: ${name}`, async () => {
      const act = (): unknown => priority.admit?.(request({ object: podOf(spec) }), view([low]))
      assert.equal(await refusalOf(act), expected)
    })
  }
})

describe('priority classes', () => {
  const second =
    'priorityclasses.scheduling.k8s.io "new" is forbidden: PriorityClass usual is already marked as default. Only one default can exist'
  const own = (fields: Partial<AdmissionRequest>): AdmissionRequest => request({ resource: priorityClasses, ...fields })
  const fresh = classOf('new', 1, { globalDefault: true })
  const rows: readonly [string, AdmissionRequest, string][] = [
    ['a second default', own({ name: 'new', object: fresh }), second],
    ['one that becomes the second default', own({ operation: 'UPDATE', name: 'new', object: fresh }), second],
    ['the default itself', own({ operation: 'UPDATE', name: 'usual', object: usual }), ''],
    ['no default', own({ name: 'new', object: classOf('new', 1) }), ''],
    [
      'the end of one of the system',
      own({ operation: 'DELETE', name: 'system-node-critical' }),
      'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted',
    ],
    ['the end of another', own({ operation: 'DELETE', name: 'usual' }), ''],
  ]
  for (const [name, asked, expected] of rows) {
    test(name, async () => assert.equal(await refusalOf(() => priority.validate?.(asked, view([usual]))), expected))
  }
})
