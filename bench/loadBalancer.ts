/** Load balancers: what a name of this machine costs a connection, and what it takes to decide who answers for addresses. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Node } from '#api/core/v1/node.ts'
import type { Service } from '#api/core/v1/service.ts'
import { systemClock } from '#lib/clock.ts'
import { planAnnouncing, type Rankings } from '#loadBalancer/elect.ts'
import { HostPorts } from '#loadBalancer/hostNames/ports.ts'
import { planAddresses } from '#loadBalancer/plan.ts'
import { parsePool, type Pool } from '#loadBalancer/pool.ts'

import { median, quantile, type Measurement } from './measurement.ts'

const connections = 1_000
/** Stands for the address of a load balancer. */
const backendAddress = '127.0.0.9'
const name = 'web.default.bench.localhost'
const ownFile = fileURLToPath(import.meta.url)

export async function run(): Promise<readonly Measurement[]> {
  return [...(await measureNames()), ...measureDecisions()]
}

/** One request on a connection of its own, from the first packet to the end of the answer; microseconds. */
async function ask(address: string, port: number): Promise<number> {
  const began = process.hrtime.bigint()
  const socket = connect({ host: address, port, noDelay: true })
  socket.on('error', () => {})
  socket.write(`GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`)
  let size = 0
  socket.on('data', (bytes: Buffer) => (size += bytes.length))
  await once(socket, 'close')
  if (size === 0) throw new Error(`${address} gave no answer`)
  return Number(process.hrtime.bigint() - began) / 1_000
}

async function measureNames(): Promise<readonly Measurement[]> {
  const backend = fork(ownFile, ['backend'])
  const [port] = (await once(backend, 'message')) as [number]
  const holder = fork(ownFile, ['holder', String(port)])
  await once(holder, 'message')
  try {
    const direct: number[] = []
    const named: number[] = []
    for (let index = -100; index < connections; index++) {
      const [straight, around] = [await ask(backendAddress, port), await ask('127.0.0.1', port)]
      if (index < 0) continue
      direct.push(straight)
      named.push(around)
    }
    const figure = (what: string, of: (values: readonly number[]) => number): Measurement => ({
      name: `a request by name, on a connection of its own, ${what}`,
      value: of(named),
      unit: 'µs',
      beside: { name: 'without', value: of(direct) },
    })
    return [figure('median', median), figure('p99', (values) => quantile(values, 0.99))]
  } finally {
    for (const child of [holder, backend]) {
      child.kill()
      await once(child, 'exit')
    }
  }
}

function measureDecisions(): readonly Measurement[] {
  const pool = parsePool('172.30.0.0/20') as Pool
  const nodes = Array.from({ length: 100 }, (_, index) => ({
    metadata: { name: `node-${index}` },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  })) as unknown as Node[]
  const services: Service[] = []
  const users = new Map<string, string>()
  const beganGiving = process.hrtime.bigint()
  for (let index = 0; index < 1_000; index++) {
    const service = {
      metadata: { name: `s${index}`, namespace: 'a' },
      spec: { type: 'LoadBalancer', ipFamilies: ['IPv4'], ports: [{ port: 80 }] },
    } as unknown as Service
    const { ingress } = planAddresses(service, pool, (address) => users.get(address))
    users.set(ingress[0]!.ip!, `a/s${index}`)
    services.push({ ...service, status: { loadBalancer: { ingress: [...ingress] } } })
  }
  const giving = Number(process.hrtime.bigint() - beganGiving) / 1e6
  const rankings: Rankings = new Map()
  const decide = (): number => {
    const began = process.hrtime.bigint()
    planAnnouncing({ self: 'node-7', services, slicesOf: () => [], nodes, gone: new Set(), pool, rankings })
    return Number(process.hrtime.bigint() - began) / 1e6
  }
  const first = decide()
  return [
    { name: 'addresses for 1,000 services, one after the other', value: giving, unit: 'ms' },
    { name: 'for which of 1,000 addresses one of 100 nodes answers', value: first, unit: 'ms' },
    { name: 'the same again, after a change', value: median(Array.from({ length: 9 }, decide)), unit: 'ms' },
  ]
}

const [, , role, given] = process.argv
if (role === 'backend' && process.send !== undefined) {
  const { createServer } = await import('node:http')
  const server = createServer((_, answer) => answer.end('x'))
  server.listen(0, backendAddress, () => process.send!((server.address() as { port: number }).port))
} else if (role === 'holder' && process.send !== undefined) {
  const port = Number(given)
  const claim = { cluster: 'bench', namespace: 'default', service: 'web', address: backendAddress, port }
  // A second one with the same port: the name is looked for.
  const nobody = { page: { status: 404, body: '' }, certificate: () => Promise.reject(new Error('nobody asks for it')) }
  await new HostPorts(nobody, systemClock).apply([claim, { ...claim, service: 'other' }])
  process.send('ready')
}
