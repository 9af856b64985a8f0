/**
 * From a change of an endpoint to what ingresses lead to, in a cluster of a thousand ingresses with ten endpoints each: through the
 * API server, a watch, the plan and a data plane. HAProxy is measured where it is installed.
 */
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import { ingresses } from '#api/networking/v1/ingress.ts'
import { ingressClasses } from '#api/networking/v1/ingressClass.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { silentLogger } from '#lib/log.ts'
import { systemRandom } from '#lib/random.ts'
import { usualIngressClass } from '#ingress/classes.ts'
import { ClusterState } from '#ingress/clusterState.ts'
import { listenOn, type DataPlaneMaker } from '#ingress/dataPlane.ts'
import { dataPlanes } from '#ingress/dataPlanes.ts'
import { memoryDataPlane } from '#ingress/memoryDataPlane.ts'
import { planRouting } from '#ingress/plan/planRouting.ts'
import { PoolMaker } from '#ingress/plan/pools.ts'
import { runProgramming } from '#ingress/programming.ts'
import type { DataPlane, Routing } from '#ingress/routing.ts'
import { cluster, type Cluster } from '#simulation/testing/cluster.ts'
import { median, quantile, renderMeasurements, type Measurement } from './measurement.ts'

const count = 1_000
const endpoints = 10
const changes = 50

const at = (number: number) => ({ name: `web-${number}`, namespace: 'default' })
const addressOf = (number: number, last: number): string => `10.${100 + (number >> 8)}.${number & 255}.${last}`

/** Nine that stay, and one. */
function endpointsOf(number: number, last: number) {
  const stay = Array.from({ length: endpoints - 1 }, (_, index) => 1 + index)
  return [...stay, last].map((each) => ({ addresses: [addressOf(number, each)], conditions: { ready: true } }))
}

async function fill({ client }: Cluster): Promise<void> {
  await client.create(ingressClasses, usualIngressClass)
  for (let number = 0; number < count; number++) {
    const path = {
      path: '/',
      pathType: 'Prefix' as const,
      backend: { service: { name: `web-${number}`, port: { number: 80 } } },
    }
    await client.create(services, { metadata: at(number), spec: { ports: [{ port: 80 }] } })
    await client.create(endpointSlices, {
      metadata: { ...at(number), labels: { 'kubernetes.io/service-name': `web-${number}` } },
      addressType: 'IPv4',
      ports: [{ name: '', port: 8080, protocol: 'TCP' }],
      endpoints: endpointsOf(number, 10),
    })
    await client.create(ingresses, {
      metadata: at(number),
      spec: { ingressClassName: 'nginx', rules: [{ host: `web-${number}.test`, http: { paths: [path] } }] },
    })
  }
}

/** How long after the answer to a write what is served is as it says, in milliseconds. */
async function programmingTimes(it: Cluster, maker: DataPlaneMaker, base: number): Promise<readonly number[]> {
  const folder = await mkdtemp('/tmp/k8ts-ingress-bench-')
  const stop = new AbortController()
  using state = new ClusterState(it.informers)
  await state.synced(stop.signal)
  const plane = await maker.start(
    {
      listen: listenOn(['127.0.0.1']),
      host: systemHost(systemClock),
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      folder: `${folder}/plane`,
      nameServers: [],
      onEnd: () => {},
    },
    stop.signal,
  )
  let served: Routing | undefined
  let wake: () => void = () => {}
  const told: DataPlane = {
    kind: plane.kind,
    async apply(routing) {
      const applied = await plane.apply(routing)
      served = routing
      wake()
      return applied
    },
    [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose](),
  }
  const running = runProgramming(
    {
      state,
      plane: told,
      clock: systemClock,
      resolve: async () => [],
      onApplied: () => {},
      report: (problem, error) => console.log(problem, error),
    },
    stop.signal,
  )
  state.touch()
  const isServed = async (number: number, address: string): Promise<void> => {
    while (
      served?.pools.get(`default/web-${number}/80`)?.servers.some((server) => server.address === address) !== true
    ) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  const last = count - 1
  await it.client.patch(endpointSlices, at(last), { type: 'merge', body: { endpoints: endpointsOf(last, base - 1) } })
  await isServed(last, addressOf(last, base - 1))
  const times: number[] = []
  for (let change = 0; change < changes; change++) {
    const number = (change * 37) % count
    const from = base + change
    await it.client.patch(endpointSlices, at(number), {
      type: 'merge',
      body: { endpoints: endpointsOf(number, from) },
    })
    const began = performance.now()
    await isServed(number, addressOf(number, from))
    times.push(performance.now() - began)
  }
  stop.abort()
  await running
  await plane[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
  return times
}

function wholePlans({ informers }: Cluster): readonly number[] {
  using state = new ClusterState(informers)
  const pools = new PoolMaker()
  const view = state.view({ addresses: () => undefined, defaultCertificate: { chain: '', key: '' }, now: Date.now() })
  return Array.from({ length: 10 }, () => {
    const began = performance.now()
    planRouting(view, pools)
    return performance.now() - began
  })
}

export async function run(): Promise<readonly Measurement[]> {
  await using it = await cluster({ clock: 'real', nodes: 1, controllers: [], scheduler: false })
  await fill(it)
  const measurements: Measurement[] = []
  const bare = await programmingTimes(it, memoryDataPlane(), 20)
  const host = systemHost(systemClock)
  // Each time with other endpoints.
  for (const [index, maker] of dataPlanes.entries()) {
    if (!(await maker.isAvailable(host))) continue
    const times = await programmingTimes(it, maker, 90 + 70 * index)
    const beside = { name: 'nothing served', value: quantile(bare, 0.99) }
    measurements.push(
      {
        name: `an endpoint to ${maker.kind}, median`,
        value: median(times),
        unit: 'ms',
        beside: { name: 'nothing served', value: median(bare) },
      },
      {
        name: `an endpoint to ${maker.kind}, p99`,
        value: quantile(times, 0.99),
        unit: 'ms',
        goal: { atMost: 50 },
        beside,
      },
    )
  }
  const whole = wholePlans(it)
  measurements.push({ name: `a whole plan of ${count} ingresses`, value: median(whole), unit: 'ms' })
  return measurements
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
