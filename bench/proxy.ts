/**
 * The service proxy at 30,000 services with 60,000 endpoints, in the real kernel of network namespaces of its own: how long a
 * cold start and one change take, what a connection through a service costs beside a direct one, and what flapping endpoints
 * cost. Needs root and nft.
 *
 *     node bin/pinned.js bench/proxy.ts
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Service } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { Nft } from '#lib/host/nft.ts'
import { runChecked } from '#lib/host/process.ts'
import { FrontendTable } from '#proxy/frontendTable.ts'
import { NftablesTable } from '#proxy/nftables.ts'
import { renderTable } from '#proxy/nftText.ts'
import { Ruleset } from '#proxy/ruleset.ts'
import { planFrontends } from '#proxy/serviceTable.ts'
import { FedProxy, host, httpPort, ProxyNetwork, service, slice } from '../test/node/proxyFixture.ts'
import { median, quantile, renderMeasurements, type Measurement } from './measurement.ts'

const serviceCount = 30_000
/** One of so many endpoints is on this node. */
const localShare = 500
const coldRounds = 5
const changeCount = 400
const flapSeconds = 5
const flapsPerSecond = 10
const place = { name: 'node' }
const ranges = {
  clusterPodRanges: ['10.244.0.0/14', '10.248.0.0/13'],
  nodePodRanges: ['10.244.1.0/24'],
  serviceRanges: ['10.96.0.0/12'],
}

const addressIn = (first: number, index: number): string =>
  `10.${first + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`

function makeObjects(): { services: Service[]; slices: EndpointSlice[] } {
  const made: { services: Service[]; slices: EndpointSlice[] } = { services: [], slices: [] }
  for (let index = 0; index < serviceCount; index++) {
    const clusterIP = addressIn(97, index)
    made.services.push(service(`s${index}`, { clusterIP, clusterIPs: [clusterIP], ports: [{ port: 80 }] }))
    made.slices.push(endpointsOf(index, 0))
  }
  return made
}

/** The endpoints of a service; each of eight turns gives it another second one. */
function endpointsOf(index: number, turn: number): EndpointSlice {
  const addresses = [addressIn(245, index), addressIn(246 + (turn % 8), index)]
  const made = slice(`s${index}`, [httpPort], ...addresses)
  made.endpoints![0]!.nodeName = index % localShare === 0 ? 'node' : 'other'
  return made
}

export async function run(): Promise<Measurement[]> {
  if (process.getuid?.() !== 0) {
    console.log('  skipped: rules can be given to the kernel by root only')
    return []
  }
  await using network = await ProxyNetwork.create(`k8ts-bp${process.pid}`)
  const objects = makeObjects()
  return [...(await measureColdStart(network, objects)), ...(await measureChanges(network, objects))]
}

/** From planned frontends to the kernel, beside what nft alone takes for the same text from a file. */
async function measureColdStart(
  network: ProxyNetwork,
  { services, slices }: ReturnType<typeof makeObjects>,
): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-bench-proxy-'))
  try {
    const file = join(folder, 'rules.nft')
    const times: Record<'plan' | 'kernel' | 'processor' | 'nft', number[]> = {
      plan: [],
      kernel: [],
      processor: [],
      nft: [],
    }
    for (let round = 0; round < coldRounds; round++) {
      const began = performance.now()
      const table = new FrontendTable()
      for (const [index, each] of services.entries()) {
        table.set(each.metadata.name!, planFrontends(each, [slices[index]!], place))
      }
      const planned = performance.now()
      const processorBefore = processorTime()
      const kernel = new NftablesTable(host.nft(network.file('pod2')), 4)
      const rules = new Ruleset(4, ranges, table.values())
      await kernel.apply(rules, undefined)
      const ended = performance.now()
      times.processor.push(processorTime() - processorBefore)
      await kernel.remove()
      writeFileSync(file, [...renderTable(rules, 1)].join(''))
      const bareBegan = performance.now()
      await network.enter('pod2', 'nft', '-f', file)
      times.nft.push(performance.now() - bareBegan)
      await kernel.remove()
      times.plan.push(planned - began)
      times.kernel.push(ended - planned)
    }
    return [
      { name: 'processor for text and kernel', value: median(times.processor), unit: 'ms' },
      { name: 'services and endpoints planned', value: median(times.plan), unit: 'ms' },
      {
        name: 'text and kernel, cold',
        value: median(times.kernel),
        unit: 'ms',
        goal: { atMost: 1_500 },
        beside: { name: 'nft alone', value: median(times.nft) },
      },
    ]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** With a whole proxy that follows changes: from the event to the kernel. */
async function measureChanges(
  network: ProxyNetwork,
  { services, slices }: ReturnType<typeof makeObjects>,
): Promise<Measurement[]> {
  const http = service('http', { clusterIP: '10.96.0.7', ports: [{ port: 80 }] })
  await network.serve('pod2', 'pod2', 'tcp/10.244.1.3/8080')
  let applied: (() => void) | undefined
  const watched = (nft: Nft): Nft => ({
    ...nft,
    apply: async (text, signal) => {
      await nft.apply(text, signal)
      applied?.()
    },
  })
  const began = performance.now()
  await using proxy = await FedProxy.start(
    { services: [...services, http], slices: [...slices, slice('http', [httpPort], '10.244.1.3')] },
    {
      ...ranges,
      namespaceFile: network.file('node'),
      host: { ...host, nft: (namespace) => watched(host.nft(namespace)) },
    },
  )
  const started = performance.now() - began
  // The watch of others' changes reads all that there is when it starts.
  await host.clock.sleep(5_000)
  const before = processorTime()
  for (let turn = 0; turn < flapSeconds * flapsPerSecond; turn++) {
    proxy.set(endpointsOf(7, turn % 2))
    await host.clock.sleep(1_000 / flapsPerSecond)
  }
  const flapping = processorTime() - before
  const times: number[] = []
  for (let turn = 1; turn <= changeCount; turn++) {
    const from = performance.now()
    const done = new Promise<void>((resolve) => (applied = resolve))
    proxy.set(endpointsOf((turn * 149) % serviceCount, 1))
    await done
    times.push(performance.now() - from)
  }
  applied = undefined
  const { direct, served } = await measureConnections(network)
  return [
    { name: 'start of a proxy until it is ready', value: started, unit: 'ms' },
    { name: 'one change, event to kernel, p50', value: median(times), unit: 'ms' },
    { name: 'one change, event to kernel, p99', value: quantile(times, 0.99), unit: 'ms', goal: { atMost: 50 } },
    { name: 'processor for 10 changes a second', value: flapping / flapSeconds / 10, unit: '%' },
    {
      name: 'connections through a service',
      value: served,
      unit: '/s',
      goal: { atLeast: 0.95 * direct },
      beside: { name: 'direct', value: direct },
    },
  ]
}

/** Milliseconds of processor that this process, its children and theirs took so far. */
function processorTime(): number {
  const children = readdirSync('/proc/self/task')
    .flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' '))
    .filter((pid) => pid !== '')
  return ['self', ...children].reduce((sum, pid) => sum + processorTimeOf(pid), 0)
}

/** Of one process and of its children that have ended; the kernel counts in hundredths of a second. */
function processorTimeOf(pid: string): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
  return [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0) * 10
}

/** In turns of a fifth of a second, so that whatever else runs meets both alike. */
async function measureConnections(network: ProxyNetwork): Promise<{ direct: number; served: number }> {
  const script = `
    const net = require('net')
    const connect = (host, port) => new Promise((done, fail) => {
      const socket = net.connect({ host, port })
      socket.on('error', fail)
      socket.on('data', () => {})
      socket.on('end', () => { socket.resetAndDestroy(); done() })
    })
    const worker = async (host, port, end, count) => {
      while (performance.now() < end) { await connect(host, port); count.connections++ }
    }
    const turn = async (host, port) => {
      const count = { connections: 0 }
      const began = performance.now()
      await Promise.all(Array.from({ length: 16 }, () => worker(host, port, began + 200, count)))
      return count.connections / (performance.now() - began) * 1000
    }
    const main = async () => {
      const rates = { direct: [], served: [] }
      for (let i = 0; i < 24; i++) {
        const direct = () => turn('10.244.1.3', 8080).then((rate) => rates.direct.push(rate))
        const served = () => turn('10.96.0.7', 80).then((rate) => rates.served.push(rate))
        for (const each of i % 2 === 0 ? [direct, served] : [served, direct]) await each()
      }
      console.log(JSON.stringify(rates))
    }
    main()
  `
  const text = await runChecked(
    host.processes,
    ['nsenter', `--net=${network.file('pod1')}`, process.execPath, '--eval', script],
    { timeoutMs: 60_000 },
  )
  const { direct, served } = JSON.parse(text) as Record<'direct' | 'served', number[]>
  return { direct: median(direct!), served: median(served!) }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const line of renderMeasurements(await run())) console.log(line)
