import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addProcessMetrics, exponentialBuckets, formatNumber, MetricRegistry } from './metrics.ts'

describe('metrics', () => {
  test('the text of all kinds', () => {
    const registry = new MetricRegistry()
    const requests = registry.counter({
      name: 'requests_total',
      help: 'Requests,\nby verb \\ code.',
      labels: ['verb', 'code'],
    })
    requests.with('LIST', '200').inc()
    requests.with('GET', '200').inc(2)
    requests.with('GET', '200').inc()
    requests.with('GET', '200').inc(-5)
    requests.with('a"b\\c\nd', '').inc(0.5)
    registry.gauge({ name: 'depth', help: 'Depth.' }).set(-1.5)
    registry.counter({ name: 'unused_total', help: 'Never.', labels: ['x'] })
    registry.counter({ name: 'zero_total', help: 'Zero.' })
    const seconds = registry.histogram({ name: 'seconds', help: 'Time.', labels: ['verb'], buckets: [0.1, 1, 10] })
    for (const value of [0.05, 0.1, 0.5, 10, 11, Number.NaN]) seconds.with('GET').observe(value)
    assert.equal(
      registry.render(),
      [
        '# HELP depth Depth.',
        '# TYPE depth gauge',
        'depth -1.5',
        '# HELP requests_total Requests,\\nby verb \\\\ code.',
        '# TYPE requests_total counter',
        'requests_total{verb="GET",code="200"} 3',
        'requests_total{verb="LIST",code="200"} 1',
        'requests_total{verb="a\\"b\\\\c\\nd",code=""} 0.5',
        '# HELP seconds Time.',
        '# TYPE seconds histogram',
        'seconds_bucket{verb="GET",le="0.1"} 2',
        'seconds_bucket{verb="GET",le="1"} 3',
        'seconds_bucket{verb="GET",le="10"} 4',
        'seconds_bucket{verb="GET",le="+Inf"} 5',
        'seconds_sum{verb="GET"} 21.65',
        'seconds_count{verb="GET"} 5',
        '# HELP zero_total Zero.',
        '# TYPE zero_total counter',
        'zero_total 0',
        '',
      ].join('\n'),
    )
  })

  test('numbers as Go writes them', () => {
    const rows: [number, string][] = [
      [0, '0'],
      [1, '1'],
      [0.005, '0.005'],
      [0.00001, '1e-05'],
      [123456, '123456'],
      [1000000, '1e+06'],
      [123456789, '1.23456789e+08'],
      [1e21, '1e+21'],
      [1.5e22, '1.5e+22'],
      [-2.5, '-2.5'],
      [Infinity, '+Inf'],
      [-Infinity, '-Inf'],
      [Number.NaN, 'NaN'],
    ]
    assert.deepEqual(
      rows.map(([value]) => formatNumber(value)),
      rows.map(([, text]) => text),
    )
  })

  test('gauges are asked before rendering, and series can be forgotten', () => {
    const registry = new MetricRegistry()
    const gauge = registry.gauge({ name: 'g', help: 'G.', labels: ['a'] })
    registry.onRender(() => gauge.with('x').inc())
    gauge.with('y').set(1)
    gauge.remove('y')
    registry.render()
    assert.match(registry.render(), /^g\{a="x"\} 2$/m)
    gauge.clear()
    assert.equal(registry.render().includes('y'), false)
  })

  test('series beyond the limit share one', () => {
    const registry = new MetricRegistry()
    const counter = registry.counter({ name: 'c', help: 'C.', labels: ['path'] })
    for (let i = 0; i < 12_000; i++) counter.with(`/${i}`).inc()
    const text = registry.render()
    assert.match(text, /^c\{path="other"\} 2000$/m)
    assert.equal(text.split('\n').length, 2 + 10_001 + 1)
  })

  test('mistakes are named', () => {
    const registry = new MetricRegistry()
    const counter = registry.counter({ name: 'c', help: 'C.', labels: ['a'] })
    assert.throws(() => counter.with('1', '2'), { message: 'Metric "c" has the labels [a], given were 2 values' })
    assert.throws(() => registry.gauge({ name: 'c', help: 'C.' }), { message: 'There is a metric "c" already' })
    assert.throws(() => registry.gauge({ name: 'c-d', help: 'C.' }), { message: '"c-d" cannot name a metric' })
    assert.throws(() => registry.gauge({ name: 'd', help: 'D.', labels: ['le-x'] }), {
      message: '"le-x" cannot name a label of metric "d"',
    })
    assert.throws(() => registry.histogram({ name: 'h', help: 'H.', buckets: [2, 1] }), {
      message: 'Buckets of metric "h" do not ascend',
    })
  })

  test('buckets that grow', () => assert.deepEqual(exponentialBuckets(1, 2, 4), [1, 2, 4, 8]))

  test('process metrics', () => {
    const registry = new MetricRegistry()
    addProcessMetrics(registry, 1_500)
    const text = registry.render()
    assert.match(text, /^process_start_time_seconds 1\.5$/m)
    assert.match(text, /^process_resident_memory_bytes [1-9][\d.]+e\+\d\d$/m)
    assert.match(text, /^process_open_fds [1-9]/m)
  })
})
