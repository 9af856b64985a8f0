/**
 * From a change of an endpoint, and of an ingress, to what ingresses lead to, in a cluster of a thousand ingresses with ten endpoints
 * each: through the API server, a watch, the plan and a data plane. HAProxy is measured where it is installed.
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
import { HostPlans } from '#ingress/plan/hostPlans.ts'
import { planRouting } from '#ingress/plan/planRouting.ts'
import { PoolMaker } from '#ingress/plan/pools.ts'
import { runProgramming } from '#ingress/programming.ts'
import type { DataPlane, Routing } from '#ingress/routing.ts'
import { cluster, type Cluster } from '#simulation/testing/cluster.ts'
import { median, quantile, renderMeasurements, type Measurement } from './measurement.ts'

const count = 1_000
const endpointsEach = 10
const changes = 50

const at = (number: number) => ({ name: `web-${number}`, namespace: 'default' })
const addressOf = (number: number, last: number): string => `10.${100 + (number >> 8)}.${number & 255}.${last}`

/** Nine that stay, and one. */
function endpointsOf(number: number, last: number) {
  const stay = Array.from({ length: endpointsEach - 1 }, (_, index) => 1 + index)
  return [...stay, last].map((each) => ({ addresses: [addressOf(number, each)], conditions: { ready: true } }))
}

/** The host of an ingress leads to a service. */
function rulesOf(number: number, service: number) {
  const backend = { service: { name: `web-${service}`, port: { number: 80 } } }
  return [{ host: `web-${number}.test`, http: { paths: [{ path: '/', pathType: 'Prefix' as const, backend }] } }]
}

async function fill({ client }: Cluster): Promise<void> {
  await client.create(ingressClasses, usualIngressClass)
  for (let number = 0; number < count; number++) {
    await client.create(services, { metadata: at(number), spec: { ports: [{ port: 80 }] } })
    await client.create(endpointSlices, {
      metadata: { ...at(number), labels: { 'kubernetes.io/service-name': `web-${number}` } },
      addressType: 'IPv4',
      ports: [{ name: '', port: 8080, protocol: 'TCP' }],
      endpoints: endpointsOf(number, 10),
    })
    await client.create(ingresses, {
      metadata: at(number),
      spec: { ingressClassName: 'nginx', rules: rulesOf(number, number) },
    })
  }
}

interface Times {
  readonly endpoints: readonly number[]
  readonly routes: readonly number[]
}

/** How long after the answer to a write what is served is as it says, in milliseconds. */
async function programmingTimes(it: Cluster, maker: DataPlaneMaker, base: number): Promise<Times> {
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
  const until = async (isServed: (routing: Routing) => boolean | undefined): Promise<void> => {
    while (served === undefined || isServed(served) !== true) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  const isServed = (number: number, address: string): Promise<void> =>
    until(({ pools }) => pools.get(`default/web-${number}/80`)?.servers.some((server) => server.address === address))
  const leadsTo = (number: number, service: number): Promise<void> =>
    until(({ routes }) =>
      routes.some(
        ({ name, action }) =>
          name === `default/web-${number}/0/0` &&
          action.kind === 'forward' &&
          action.shares[0]!.pool === `default/web-${service}/80`,
      ),
    )
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
  const routes: number[] = []
  for (let change = 0; change < changes; change++) {
    const number = (change * 37) % count
    for (const service of [number + 1, number]) {
      const rules = rulesOf(number, service % count)
      await it.client.patch(ingresses, at(number), { type: 'merge', body: { spec: { rules } } })
      const began = performance.now()
      await leadsTo(number, service % count)
      routes.push(performance.now() - began)
    }
  }
  stop.abort()
  await running
  await plane[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
  return { endpoints: times, routes }
}

/** Milliseconds of whole plans: from nothing, and when all that there is has stayed. */
function wholePlans({ informers }: Cluster): { readonly first: number; readonly again: number } {
  using state = new ClusterState(informers)
  const view = state.view({ addresses: () => undefined, defaultCertificate: { chain: '', key: '' }, now: Date.now() })
  const [pools, hosts] = [new PoolMaker(), new HostPlans()]
  const time = (plan: () => unknown): number => {
    const began = performance.now()
    plan()
    return performance.now() - began
  }
  const times = Array.from({ length: 10 }, () => [
    time(() => planRouting(view, new PoolMaker())),
    time(() => planRouting(view, pools, hosts)),
  ])
  return { first: median(times.map(([first]) => first!)), again: median(times.slice(1).map(([, again]) => again!)) }
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
    const { endpoints: times, routes } = await programmingTimes(it, maker, 90 + 70 * index)
    const beside = { name: 'nothing served', value: quantile(bare.endpoints, 0.99) }
    measurements.push(
      {
        name: `an endpoint to ${maker.kind}, median`,
        value: median(times),
        unit: 'ms',
        beside: { name: 'nothing served', value: median(bare.endpoints) },
      },
      {
        name: `an endpoint to ${maker.kind}, p99`,
        value: quantile(times, 0.99),
        unit: 'ms',
        goal: { atMost: 50 },
        beside,
      },
      {
        name: `a route to ${maker.kind}, median`,
        value: median(routes),
        unit: 'ms',
        beside: { name: 'nothing served', value: median(bare.routes) },
      },
      { name: `a route to ${maker.kind}, p99`, value: quantile(routes, 0.99), unit: 'ms' },
    )
  }
  const { first, again } = wholePlans(it)
  measurements.push(
    { name: `a whole plan of ${count} ingresses`, value: first, unit: 'ms' },
    { name: 'the same when all of them have stayed', value: again, unit: 'ms' },
  )
  return measurements
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
