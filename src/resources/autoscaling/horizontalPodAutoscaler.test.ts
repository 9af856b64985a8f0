import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HorizontalPodAutoscaler as First } from '#api/autoscaling/v1/horizontalPodAutoscaler.ts'
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HorizontalPodAutoscalerStatus,
  HPAScalingRules,
} from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import type { MetricSpec, MetricStatus } from '#api/autoscaling/v2/metric.ts'
import { seededRandom } from '#lib/random.ts'
import { decodeValue } from '#machinery/codec/schemaDecoder.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import { refusals } from '#resources/testReport.ts'
import { firstVersion } from './firstVersion.ts'
import { horizontalPodAutoscalerStrategy as strategy } from './horizontalPodAutoscaler.ts'

const scaleTargetRef = { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' }
const cpu = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
})
const autoscaler = (
  own: Partial<HorizontalPodAutoscalerSpec>,
  status?: HorizontalPodAutoscalerStatus,
  metadata = {},
): HorizontalPodAutoscaler => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'h', ...metadata },
  spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 5, metrics: [cpu(50)], ...own },
  ...(status === undefined ? {} : { status }),
})

describe('an autoscaler', () => {
  const metrics = (...list: object[]): Partial<HorizontalPodAutoscalerSpec> => ({ metrics: list as MetricSpec[] })
  const target = { type: 'AverageValue', averageValue: '5' }
  const at = 'spec.metrics[0]'
  const rules = (own: object): Partial<HorizontalPodAutoscalerSpec> => ({
    behavior: { scaleDown: { policies: [{ type: 'Pods', value: 1, periodSeconds: 1 }], ...own } },
  })
  const rows: readonly [string, Partial<HorizontalPodAutoscalerSpec>, readonly string[]][] = [
    ['as it should be', {}, []],
    [
      'of what has no group',
      { scaleTargetRef: { kind: 'Deployment', name: 'd' } },
      ['spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group'],
    ],
    [
      'of replication controllers, which have none',
      { scaleTargetRef: { kind: 'ReplicationController', name: 'd' } },
      [],
    ],
    [
      'by what has two groups',
      metrics({
        type: 'Object',
        object: {
          describedObject: { kind: 'K', name: 'n', apiVersion: 'a/b/c' },
          metric: { name: 'm' },
          target: { type: 'Value', value: '1' },
        },
      }),
      [`${at}.object.describedObject.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c`],
    ],
    [
      'a measure of two kinds',
      metrics({
        type: 'Pods',
        pods: { metric: { name: 'm' }, target },
        resource: {},
        object: { describedObject: scaleTargetRef, metric: { name: 'm' }, target },
      }),
      [
        `${at}.object: Forbidden: must populate the given metric source only`,
        `${at}.resource: Forbidden: must populate the given metric source only`,
      ],
    ],
    [
      'a measure of no kind',
      metrics({}),
      [
        `${at}.type: Required value: must specify a metric source type`,
        `${at}.type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"`,
        `${at}.type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"`,
      ],
    ],
    [
      'a measure without a target',
      metrics({ type: 'External', external: { metric: {}, target: {} } }),
      [
        `${at}.external.metric.name: Required value: must specify a metric name`,
        `${at}.external.target.type: Required value: must specify a metric target type`,
        `${at}.external.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue`,
        `${at}.external.target.averageValue: Required value: must set either a target value for metric or a per-pod target`,
      ],
    ],
    [
      'a target of nothing',
      metrics({ type: 'Pods', pods: { metric: { name: 'm' }, target: { ...target, averageValue: '0' } } }),
      [`${at}.pods.target.averageValue: Invalid value: "0": must be positive`],
    ],
    [
      'a container without a name',
      metrics({ type: 'ContainerResource', containerResource: { name: 'cpu', target } }),
      [`${at}.containerResource.container: Required value: must specify a container`],
    ],
    [
      'two targets of a resource',
      metrics({ type: 'Resource', resource: { name: 'cpu', target: { ...target, averageUtilization: 5 } } }),
      [`${at}.resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization`],
    ],
    [
      'none, for a queue',
      { minReplicas: 0, ...metrics({ type: 'External', external: { metric: { name: 'm' }, target } }) },
      ['spec.minReplicas: Invalid value: 0: must be greater than or equal to 1'],
    ],
    [
      'rules beyond their bounds',
      rules({ stabilizationWindowSeconds: 3601, policies: [{ type: 'X', value: 0, periodSeconds: 1801 }] }),
      [
        'spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600',
        'spec.behavior.scaleDown.policies[0].type: Unsupported value: "X": supported values: "Percent", "Pods"',
        'spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero',
        'spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800',
      ],
    ],
  ]
  for (const [name, own, expected] of rows) {
    test(name, () => {
      assert.deepEqual(
        refusals((report) => strategy.validate?.(autoscaler(own), undefined, report)),
        expected,
      )
    })
  }

  test('of none may stay so', () => {
    const none = autoscaler({
      minReplicas: 0,
      ...metrics({ type: 'External', external: { metric: { name: 'm' }, target } }),
    })
    assert.deepEqual(
      refusals((report) => strategy.validate?.(none, none, report)),
      [],
    )
  })

  test('looks at cpu, and behaves as usual where it says nothing', () => {
    const object = autoscaler({ metrics: [], behavior: { scaleUp: { selectPolicy: 'Min' } } })
    strategy.default?.(object)
    assert.deepEqual(object.spec.metrics, [cpu(80)])
    const policies = [{ type: 'Percent', value: 100, periodSeconds: 15 }]
    assert.deepEqual(object.spec.behavior, {
      scaleUp: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Min',
        policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, ...policies],
      },
      scaleDown: { selectPolicy: 'Max', policies },
    })
  })

  test('names a policy where it lists them', () => {
    const asked = autoscaler({ behavior: { scaleUp: { policies: [] } } })
    const read = decodeValue(schemaOfKind({ group: 'autoscaling', version: 'v2', kind: asked.kind })!, asked)
    const object = 'value' in read ? (read.value as unknown as HorizontalPodAutoscaler) : assert.fail(read.problem)
    strategy.default?.(object)
    assert.deepEqual(
      refusals((report) => strategy.validate?.(object, undefined, report)),
      ['spec.behavior.scaleUp.policies: Required value: must specify at least one Policy'],
    )
  })

  test('has no tolerance of its own unless it had', () => {
    const context = { caller: { name: 'a', groups: [] }, now: 0, random: seededRandom(1), dryRun: false }
    const tolerant = (): HorizontalPodAutoscaler => autoscaler({ behavior: { scaleUp: { tolerance: '10m' } } })
    const [fresh, kept] = [tolerant(), tolerant()]
    strategy.prepare?.(fresh, undefined, context)
    strategy.prepare?.(kept, tolerant(), context)
    const rulesOf = ({ spec }: HorizontalPodAutoscaler): HPAScalingRules | undefined => spec.behavior?.scaleUp
    assert.deepEqual([rulesOf(fresh), rulesOf(kept)], [{}, { tolerance: '10m' }])
  })
})

describe('an autoscaler in v1', () => {
  const note = (name: string): string => `autoscaling.alpha.kubernetes.io/${name}`
  const selector = { matchLabels: { a: 'b' } }
  const others: readonly MetricSpec[] = [
    { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } } },
    { type: 'Pods', pods: { metric: { name: 'm', selector }, target: { type: 'AverageValue', averageValue: '5' } } },
    {
      type: 'Object',
      object: { describedObject: scaleTargetRef, metric: { name: 'm' }, target: { type: 'Value', value: '3' } },
    },
    { type: 'External', external: { metric: { name: 'm', selector }, target: { type: 'Value', value: '3' } } },
    {
      type: 'ContainerResource',
      containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 9 } },
    },
  ]
  const measured: MetricStatus[] = [
    { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 20, averageValue: '100m' } } },
    { type: 'External', external: { metric: { name: 'm' }, current: { averageValue: '4' } } },
  ]
  const full = autoscaler(
    {
      metrics: [...others, cpu(50)],
      behavior: { scaleUp: { selectPolicy: 'Max', policies: [{ type: 'Pods', value: 1, periodSeconds: 2 }] } },
    },
    {
      observedGeneration: 1,
      currentReplicas: 2,
      desiredReplicas: 3,
      currentMetrics: measured,
      conditions: [{ type: 'AbleToScale', status: 'True', lastTransitionTime: '2025-01-01T00:00:00Z', reason: 'R' }],
    },
    { annotations: { mine: 'x' } },
  )
  const down = ({ kind, metadata, ...object }: HorizontalPodAutoscaler): First => ({
    kind,
    metadata,
    apiVersion: 'autoscaling/v1',
    ...firstVersion.down!({ ...object, kind, metadata }),
  })
  const up = (object: First): unknown => ({ ...object, apiVersion: 'autoscaling/v2', ...firstVersion.up!(object) })

  test('has the target for cpu in a field, and all else in annotations', () => {
    const { metadata, spec, status } = down(full)
    assert.deepEqual(spec, { scaleTargetRef, minReplicas: 1, maxReplicas: 5, targetCPUUtilizationPercentage: 50 })
    assert.deepEqual(status, {
      observedGeneration: 1,
      currentReplicas: 2,
      desiredReplicas: 3,
      currentCPUUtilizationPercentage: 20,
    })
    assert.deepEqual(metadata.annotations, {
      mine: 'x',
      [note('metrics')]:
        '[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"1Gi"}},' +
        '{"type":"Pods","pods":{"metricName":"m","targetAverageValue":"5","selector":{"matchLabels":{"a":"b"}}}},' +
        '{"type":"Object","object":{"target":{"kind":"Deployment","name":"d","apiVersion":"apps/v1"},"metricName":"m","targetValue":"3"}},' +
        '{"type":"External","external":{"metricName":"m","metricSelector":{"matchLabels":{"a":"b"}},"targetValue":"3"}},' +
        '{"type":"ContainerResource","containerResource":{"name":"cpu","targetAverageUtilization":9,"container":"c"}}]',
      [note('behavior')]:
        '{"ScaleUp":{"StabilizationWindowSeconds":null,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":2}],"Tolerance":null},"ScaleDown":null}',
      [note('current-metrics')]:
        '[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":20,"currentAverageValue":"100m"}},' +
        '{"type":"External","external":{"metricName":"m","currentValue":"0","currentAverageValue":"4"}}]',
      [note('conditions')]:
        '[{"type":"AbleToScale","status":"True","lastTransitionTime":"2025-01-01T00:00:00Z","reason":"R"}]',
    })
  })

  test('is the same again in v2', () => {
    assert.deepEqual(up(down(full)), full)
    const plain = autoscaler({})
    assert.deepEqual(up(down(plain)), plain)
  })

  const first = (spec: Partial<First['spec']>, annotations?: Record<string, string>): First => ({
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'h', ...(annotations === undefined ? {} : { annotations }) },
    spec: { scaleTargetRef, maxReplicas: 5, ...spec },
  })
  const rows: readonly [string, First, readonly MetricSpec[]][] = [
    ['without a target', first({}), [cpu(80)]],
    ['with a target', first({ targetCPUUtilizationPercentage: 10 }), [cpu(10)]],
    [
      'with other measures',
      first({}, { [note('metrics')]: '[{"type":"Pods","pods":{"metricName":"m","targetAverageValue":"5"}}]' }),
      [{ type: 'Pods', pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '5' } } }],
    ],
    ['with measures that are no JSON', first({}, { [note('metrics')]: '[' }), [cpu(80)]],
    [
      'with measures that are none',
      first({}, { [note('metrics')]: '[{"type":5}]', [note('behavior')]: '[]' }),
      [cpu(80)],
    ],
    [
      'with a measure that is nothing',
      first({}, { [note('metrics')]: '[null]', [note('conditions')]: '"x"' }),
      [{ type: '' as never }],
    ],
  ]
  for (const [name, object, metrics] of rows) {
    test(`${name}`, () => {
      const content = firstVersion.up!(object)
      assert.deepEqual(content.spec.metrics, metrics)
      assert.deepEqual(Object.keys(content.metadata?.annotations ?? {}), [])
    })
  }
})

describe('the targets of an autoscaler', () => {
  const text = (metrics: MetricSpec[], currentMetrics: MetricStatus[] = []): unknown =>
    strategy
      .columns!.find(({ name }) => name === 'Targets')!
      .value(autoscaler({ metrics }, { desiredReplicas: 1, currentMetrics }), 0)
  const memory: MetricSpec = {
    type: 'Resource',
    resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
  }
  const queue: MetricSpec = {
    type: 'External',
    external: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '5' } },
  }
  const rows: readonly [string, unknown, string][] = [
    ['none', text([]), '<none>'],
    ['not looked at yet', text([cpu(80)]), 'cpu: <unknown>/80%'],
    [
      'looked at',
      text([cpu(80)], [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 20 } } }]),
      'cpu: 20%/80%',
    ],
    [
      'an amount',
      text([memory], [{ type: 'Resource', resource: { name: 'memory', current: { averageValue: '1Mi' } } }]),
      'memory: 1Mi/1Gi',
    ],
    [
      'from outside',
      text([queue], [{ type: 'External', external: { metric: { name: 'm' }, current: { averageValue: '3' } } }]),
      '3/5 (avg)',
    ],
    ['many', text([cpu(80), memory, queue, queue]), 'cpu: <unknown>/80%, memory: <unknown>/1Gi + 2 more...'],
  ]
  for (const [name, found, expected] of rows) test(name, () => assert.equal(found, expected))
})
