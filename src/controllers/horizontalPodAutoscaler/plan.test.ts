import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HorizontalPodAutoscaler } from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import type { MetricSpec } from '#api/autoscaling/v2/metric.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { timeText } from '#machinery/time.ts'
import type { Measured } from './measures.ts'
import { needsMeasures, planReplicas, statusAfter, type Decision } from './plan.ts'
import { selectorText } from './proposals.ts'

const now = Date.UTC(2026, 0, 1, 12)
const history = { wishes: [], rises: [], falls: [] }
const cpu: MetricSpec = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
}

function autoscaler(metrics: MetricSpec[], spec: object = {}): HorizontalPodAutoscaler {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'h', namespace: 'n' },
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'd' }, maxReplicas: 10, metrics, ...spec },
  }
}

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'n' },
  spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1', memory: '1Mi' } } }] },
  status: {
    phase: 'Running',
    startTime: timeText(now - 3_600_000),
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: timeText(now - 3_500_000) }],
  },
}
const ofPod = (milli: number): Measured => ({ pods: new Map([['p', { milli, at: now, window: 15_000 }]]) })
const failed = (problem: string): Measured => ({ problem })

function decide(metrics: MetricSpec[], measured: readonly Measured[], replicas = 1, spec: object = {}): Decision {
  const scale = { replicas, present: replicas, selector: 'app=a' }
  return planReplicas(autoscaler(metrics, spec), { scale, measured, pods: [pod], history, now })
}

const facts = ({ conditions }: Decision) => conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`)

describe('what an entry asks for', () => {
  const selector = { matchLabels: { queue: 'jobs' } }
  const described = { apiVersion: 'v1', kind: 'Service', name: 's' }
  const metric = { name: 'requests' }
  const rows: readonly [string, MetricSpec, Measured, readonly [number, string, object] | readonly [string, string]][] =
    [
      [
        'a share of what is requested',
        cpu,
        ofPod(1500),
        [
          3,
          'cpu resource utilization (percentage of request)',
          { resource: { name: 'cpu', current: { averageUtilization: 150, averageValue: '1500m' } } },
        ],
      ],
      [
        'an amount of a resource',
        { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Mi' } } },
        ofPod(3 * 2 ** 20 * 1000),
        [3, 'memory resource', { resource: { name: 'memory', current: { averageValue: '3145728' } } }],
      ],
      [
        'a share for one container',
        {
          type: 'ContainerResource',
          containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 50 } },
        },
        ofPod(1500),
        [
          3,
          'cpu container resource utilization (percentage of request)',
          {
            containerResource: {
              name: 'cpu',
              container: 'c',
              current: { averageUtilization: 150, averageValue: '1500m' },
            },
          },
        ],
      ],
      [
        'a measure of pods',
        { type: 'Pods', pods: { metric, target: { type: 'AverageValue', averageValue: '10' } } },
        ofPod(25_000),
        [3, 'pods metric requests', { pods: { metric, current: { averageValue: '25' } } }],
      ],
      [
        'a measure of an object',
        { type: 'Object', object: { describedObject: described, metric, target: { type: 'Value', value: '2k' } } },
        { milli: 5_000_000 },
        [3, 'Service metric requests', { object: { metric, describedObject: described, current: { value: '5k' } } }],
      ],
      [
        'a share of a measure of an object',
        {
          type: 'Object',
          object: { describedObject: described, metric, target: { type: 'AverageValue', averageValue: '2' } },
        },
        { milli: 5_000 },
        [
          3,
          'external metric requests(nil)',
          { object: { metric, describedObject: described, current: { averageValue: '5' } } },
        ],
      ],
      [
        'a measure from outside',
        { type: 'External', external: { metric: { ...metric, selector }, target: { type: 'Value', value: '2' } } },
        { milli: 5_000 },
        [
          3,
          `external metric requests(${selectorText(selector)})`,
          { external: { metric: { ...metric, selector }, current: { value: '5' } } },
        ],
      ],
      [
        'a share of a measure from outside',
        { type: 'External', external: { metric, target: { type: 'AverageValue', averageValue: '2' } } },
        { milli: 5_000 },
        [3, 'external metric requests(nil)', { external: { metric, current: { averageValue: '5' } } }],
      ],
      [
        'no measures of a resource',
        cpu,
        failed('no metrics returned from resource metrics API'),
        [
          'FailedGetResourceMetric: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API',
          'failed to get cpu resource metric value: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API',
        ],
      ],
      [
        'no measures of pods',
        { type: 'Pods', pods: { metric, target: { type: 'AverageValue', averageValue: '10' } } },
        failed('away'),
        [
          'FailedGetPodsMetric: unable to get metric requests: away',
          'failed to get pods metric value: unable to get metric requests: away',
        ],
      ],
      [
        'no measures of a container',
        {
          type: 'ContainerResource',
          containerResource: { name: 'cpu', container: 'c', target: { type: 'AverageValue', averageValue: '1' } },
        },
        failed('away'),
        [
          'FailedGetContainerResourceMetric: failed to get cpu usage: unable to get metrics for resource cpu: away',
          'failed to get c container metric value: failed to get cpu usage: unable to get metrics for resource cpu: away',
        ],
      ],
      [
        'no measure of an object',
        { type: 'Object', object: { describedObject: described, metric, target: { type: 'Value', value: '2' } } },
        failed('away'),
        ['FailedGetObjectMetric: away', 'failed to get object metric value: away'],
      ],
      [
        'no measure from outside',
        { type: 'External', external: { metric, target: { type: 'Value', value: '2' } } },
        failed('away'),
        [
          'FailedGetExternalMetric: away',
          'failed to get requests external metric value: failed to get external metric requests: away',
        ],
      ],
    ]
  for (const [name, spec, measured, is] of rows) {
    test(name, () => {
      const decision = decide([spec], [measured])
      const { notes } = decision
      if (is.length === 3) {
        const [replicas, told, status] = is
        assert.deepEqual(decision.rescale, { replicas, reason: `${told} above target` })
        assert.deepEqual(decision.metrics, [{ type: spec.type, ...status }])
        assert.deepEqual(notes, [])
        return
      }
      const [event, problem] = is
      assert.deepEqual(
        notes.map(({ type, reason, message }) => `${type} ${reason}: ${message}`),
        [
          `Warning ${event}`,
          `Warning FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: ${problem}`,
        ],
      )
      assert.equal(decision.desired, undefined)
      assert.deepEqual(decision.metrics, [{ type: '' }])
      const [, active] = decision.conditions
      const [reason, cause] = [event.slice(0, event.indexOf(':')), event.slice(event.indexOf(':') + 2)]
      assert.deepEqual(
        [active?.reason, active?.message],
        [reason, `the HPA was unable to compute the replica count: ${cause}`],
      )
    })
  }
})

test('the entry that asks for most decides', () => {
  const memory: MetricSpec = {
    type: 'Resource',
    resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1' } },
  }
  const decision = decide([cpu, memory], [ofPod(1000), ofPod(4_000)], 1)
  assert.deepEqual(decision.rescale, { replicas: 4, reason: 'memory resource above target' })
  assert.deepEqual(facts(decision), [
    'AbleToScale True ReadyForNewScale',
    'ScalingActive True ValidMetricFound',
    'ScalingLimited False DesiredWithinRange',
  ])
})

test('of what is not known it is believed that it might want more', () => {
  const memory: MetricSpec = {
    type: 'Resource',
    resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1' } },
  }
  const more = decide([cpu, memory], [ofPod(1500), failed('away')], 1)
  assert.equal(more.rescale?.replicas, 3)
  assert.deepEqual(
    more.notes.map(({ reason }) => reason),
    ['FailedGetResourceMetric'],
  )
  assert.match(more.problem ?? '', /^invalid metrics \(1 invalid out of 2\), first error is: failed to get memory/)
  const fewer = decide([cpu, memory], [ofPod(100), failed('away')], 4)
  assert.equal(fewer.rescale, undefined)
  assert.deepEqual(
    fewer.notes.map(({ reason }) => reason),
    ['FailedGetResourceMetric', 'FailedComputeMetricsReplicas'],
  )
  assert.deepEqual(facts(fewer), ['AbleToScale True SucceededGetScale', 'ScalingActive False FailedGetResourceMetric'])
})

describe('without looking at measures', () => {
  for (const [name, replicas, needs, rescale, told] of [
    ['none', 0, false, undefined, ['AbleToScale True SucceededGetScale', 'ScalingActive False ScalingDisabled']],
    [
      'too many',
      11,
      false,
      [10, 'Current number of replicas above Spec.MaxReplicas'],
      ['AbleToScale True SucceededGetScale'],
    ],
    [
      'too few',
      1,
      false,
      [2, 'Current number of replicas below Spec.MinReplicas'],
      ['AbleToScale True SucceededGetScale'],
    ],
    ['as many as may be', 10, true, undefined, undefined],
  ] as const) {
    test(name, () => {
      const spec = { minReplicas: 2 }
      const scale = { replicas, present: replicas, selector: 'a=b' }
      assert.equal(needsMeasures(autoscaler([cpu], spec), scale), needs)
      if (needs) return
      const decision = decide([cpu], [], replicas, spec)
      assert.deepEqual(
        decision.rescale,
        rescale === undefined ? undefined : { replicas: rescale[0], reason: rescale[1] },
      )
      assert.deepEqual(facts(decision), told)
      assert.equal(
        statusAfter(autoscaler([cpu], spec), decision, replicas, false, now).desiredReplicas,
        rescale?.[0] ?? 0,
      )
    })
  }
})

test('pods that cannot be told apart stop everything', () => {
  const message = 'pods by selector app=a are controlled by multiple HPAs: [n/g n/h]'
  const told = { reason: 'AmbiguousSelector', message }
  const scale = { replicas: 2, present: 2, selector: 'app=a' }
  const decision = planReplicas(autoscaler([cpu]), {
    scale,
    measured: { event: told, condition: told },
    pods: [],
    history,
    now,
  })
  assert.deepEqual(
    decision.notes.map(({ reason, message: said }) => [reason, said]),
    [
      ['AmbiguousSelector', message],
      ['FailedComputeMetricsReplicas', message],
    ],
  )
  assert.deepEqual(facts(decision), ['AbleToScale True SucceededGetScale', 'ScalingActive False AmbiguousSelector'])
})

test('a status keeps when the target was last changed, and what was wanted where nothing is known', () => {
  const before = {
    ...autoscaler([cpu]),
    status: { desiredReplicas: 4, currentMetrics: [], lastScaleTime: timeText(0) },
  }
  const decision = { conditions: [] }
  assert.deepEqual(statusAfter(before, decision, 3, false, now), {
    lastScaleTime: timeText(0),
    currentReplicas: 3,
    desiredReplicas: 4,
    currentMetrics: null,
    conditions: [],
  })
  assert.equal(statusAfter(before, { ...decision, desired: 5 }, 3, true, now).lastScaleTime, timeText(now))
})

test('selectors are shown as upstream shows them', () => {
  assert.equal(
    selectorText({
      matchLabels: { b: '2', a: '1' },
      matchExpressions: [{ key: 'c', operator: 'In', values: ['x', 'y'] }],
    }),
    '&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:c,Operator:In,Values:[x y],},},}',
  )
})
