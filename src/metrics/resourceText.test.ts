import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseResourceMetrics } from './resourceText.ts'

const text = `# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the container in core-seconds
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="c",namespace="n",pod="p"} 4.710169 1624961073000
container_cpu_usage_seconds_total{container="half",namespace="n",pod="q"} 1 1624961073000
container_cpu_usage_seconds_total{container="idle",namespace="n",pod="r"} 0 1624961073000
container_memory_working_set_bytes{container="c",namespace="n",pod="p"} 1.253376e+06 1624961073000
container_memory_working_set_bytes{container="idle",namespace="n",pod="r"} 7 1624961073000
container_start_time_seconds{container="c",namespace="n",pod="p"} 1.62496e+09
container_start_time_seconds{container="half",namespace="n",pod="q"} 1.62496e+09
node_cpu_usage_seconds_total 3.5 1624961074000
node_memory_working_set_bytes 2000
pod_cpu_usage_seconds_total{namespace="n",pod="p"} 9 1624961073000
resource_scrape_error 0
what is this
`

test('nodes and the containers of pods of which everything is known', () => {
  assert.deepEqual(parseResourceMetrics(text, 5), {
    node: { at: 1_624_961_074_000, cpuNanoseconds: 3_500_000_000, memoryBytes: 2000 },
    pods: new Map([
      [
        'n/p',
        new Map([
          [
            'c',
            {
              at: 1_624_961_073_000,
              cpuNanoseconds: 4_710_169_000,
              memoryBytes: 1_253_376,
              startedAt: 1_624_960_000_000,
            },
          ],
        ]),
      ],
    ]),
  })
})

test('a moment that is not told is that of the answer', () => {
  const { node } = parseResourceMetrics('node_cpu_usage_seconds_total 1\nnode_memory_working_set_bytes 2\n', 5)
  assert.equal(node?.at, 5)
})

test('an answer without anything', () => {
  assert.deepEqual(parseResourceMetrics('', 5), { pods: new Map() })
})
