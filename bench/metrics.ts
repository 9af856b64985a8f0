/** What counting costs: our registry, with the series looked up and kept, against prom-client. */
import { Histogram, Registry } from 'prom-client'
import { MetricRegistry, requestBuckets } from '#lib/metrics.ts'
import { renderMeasurements, type Measurement } from './measurement.ts'

const rounds = 1_000_000
const verbs = ['GET', 'LIST', 'WATCH', 'PUT']

export function run(): Promise<Measurement[]> {
  const labels = ['verb', 'resource', 'code']
  const ours = new MetricRegistry().histogram({ name: 'seconds', help: 'Seconds.', labels, buckets: requestBuckets })
  const theirs = new Histogram({
    name: 'seconds',
    help: 'Seconds.',
    labelNames: labels,
    buckets: [...requestBuckets],
    registers: [new Registry()],
  })
  const theirsKept = theirs.labels('GET', 'pods', '200')
  const kept = ours.with('GET', 'pods', '200')
  return Promise.resolve([
    measure('observe, prom-client', (i) =>
      theirs.observe({ verb: verbs[i & 3]!, resource: 'pods', code: '200' }, i % 7),
    ),
    measure('observe, prom-client, series kept', (i) => theirsKept.observe(i % 7)),
    measure('observe, series looked up', (i) => ours.with(verbs[i & 3]!, 'pods', '200').observe(i % 7)),
    measure('observe, series kept', (i) => kept.observe(i % 7)),
  ])
}

function measure(name: string, work: (i: number) => void): Measurement {
  for (let i = 0; i < rounds / 10; i++) work(i)
  const begun = performance.now()
  for (let i = 0; i < rounds; i++) work(i)
  return { name, value: ((performance.now() - begun) / rounds) * 1000, unit: 'µs' }
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
