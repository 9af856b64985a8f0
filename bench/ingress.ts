/**
 * What the ingress costs: processor time of a request beside HAProxy configured by hand, requests while endpoints change ten
 * times a second, and how long a change takes until it is served. `INGRESS_SECONDS` shortens the minute of changes.
 *
 * There are two by hand. `sameFeatures` does what an ingress without annotations does, as a person would write it; it is what the goal
 * is about. `fewFeatures` only finds the host and tells servers the address, host, port and scheme of clients.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { certificatePem, createAuthority, privateKeyPem } from '#lib/pki/certificate.ts'
import { silentLogger } from '#lib/log.ts'
import { haproxyDataPlane } from '#ingress/haproxy/dataPlane.ts'
import { startNodeDataPlane } from '#ingress/node/thread.ts'
import { planRules } from '#ingress/plan/rules.ts'
import type { DataPlane, Pool, Route, Routing } from '#ingress/routing.ts'
import { median, quantile, renderMeasurements, type Measurement } from './measurement.ts'
import { readProcess } from './processFigures.ts'

const haproxy = '/usr/sbin/haproxy'
const wrk = '/usr/bin/wrk'
const address = '127.0.0.1'
const hosts = 1_000
const rounds = 9
const connections = 16
const changesPerSecond = 10
const clients = 8

export async function run(): Promise<Measurement[]> {
  for (const program of [haproxy, wrk])
    if (!existsSync(program)) throw new Error(`${program} is missing: apt-get install haproxy wrk`)
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'ingress-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const ports = await freePorts(8)
  const [few, same, ours, node, ...servers] = ports as [number, number, number, number, ...number[]]
  stack.use(await start(folder, 'servers', servers.map(serverSection).join('')))
  const map = join(folder, 'hosts.map')
  await writeFile(map, Array.from({ length: hosts }, (_, at) => `h${at}.test/ b\n`).join(''))
  const byHandFew = stack.use(await start(folder, 'few', fewFeatures(few, servers[0]!, map)))
  const byHandSame = stack.use(await start(folder, 'same', sameFeatures(same, servers[0]!, map)))
  const host = systemHost(systemClock)
  const run = join(folder, 'run')
  const plane = stack.use(
    await haproxyDataPlane({
      endsWithUs: true,
      folder: run,
      program: haproxy,
      listen: { http: [{ address, port: ours }], https: [] },
      host,
      log: silentLogger,
      threads: 1,
    }),
  )
  const nodePlane = stack.use(
    await startNodeDataPlane({ listen: { http: [{ address, port: node }], https: [] }, logger: silentLogger }),
  )
  const routing = routingOf(servers.slice(0, 1))
  for (const each of [plane, nodePlane]) await each.apply(routing)
  const worker = host.processes
    .list()
    .findLast(({ command, parent }) => command.includes(join(run, 'haproxy.cfg')) && parent !== process.pid)!

  const costs = { few: [] as number[], same: [] as number[], ours: [] as number[], node: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    costs.few.push(await costOf(few, () => readProcess(byHandFew.pid).cpu))
    costs.same.push(await costOf(same, () => readProcess(byHandSame.pid).cpu))
    costs.ours.push(await costOf(ours, () => readProcess(worker.pid).cpu))
    costs.node.push(await costOf(node, () => process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000))
  }
  const beside = { name: 'HAProxy by hand', value: median(costs.same) }
  const besides = (them: readonly number[]): number => median(costs.ours.map((cost, round) => cost / them[round]!))
  const changes = await change(plane, ours, servers)
  const nodeChanges = await change(nodePlane, node, servers)
  return [
    { name: `CPU of a request, ${hosts} hosts, HAProxy`, value: median(costs.ours), unit: 'µs', beside },
    { name: 'the same as ratio of interleaved rounds', value: besides(costs.same), unit: '×', goal: { atMost: 1.1 } },
    { name: 'beside one by hand that does less', value: besides(costs.few), unit: '×' },
    { name: `CPU of a request, ${hosts} hosts, Node`, value: median(costs.node), unit: 'µs', beside },
    ...describeChanges('HAProxy', changes, 50),
    ...describeChanges('Node', nodeChanges, 50),
  ]
}

interface ChangeFigures {
  readonly failed: number
  readonly requests: number
  readonly took: readonly number[]
  readonly seconds: number
  readonly reloads: number
}

function describeChanges(name: string, figures: ChangeFigures, goal: number): Measurement[] {
  const { failed, requests, took, seconds, reloads } = figures
  return [
    {
      name: `${name}: failed of ${requests} requests, ${changesPerSecond} changes/s for ${seconds} s`,
      value: failed,
      unit: 'requests',
      goal: { atMost: 0 },
    },
    { name: `${name}: endpoint to served, median`, value: median(took), unit: 'ms' },
    { name: `${name}: endpoint to served, p99`, value: quantile(took, 0.99), unit: 'ms', goal: { atMost: goal } },
    { name: `${name}: new processes meanwhile`, value: reloads, unit: '' },
  ]
}

/** A server that answers by itself, so that it costs little. */
const serverSection = (port: number): string => `frontend s${port}
  bind ${address}:${port}
  http-request return status 200 content-type text/plain string "${'x'.repeat(1_000)}"
`

/** A map of host and path, and what servers are told of clients. Nothing is tried again. */
const fewFeatures = (port: number, server: number, map: string): string => `frontend f
  bind ${address}:${port}
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port ${port}
  http-request set-header X-Forwarded-Proto http
  use_backend %[base,map_beg(${map})]
backend b
  server s ${address}:${server}
`

/**
 * What ingress-nginx does without annotations: its headers (a client's X-Request-ID is kept, its X-Forwarded-For passed on under
 * another name), bodies of a MiB at most that are read first, other tries where there was no answer but for requests that change
 * something, and an end for requests whose client has gone. Paths are not put right, and headers with odd names not removed.
 */
const sameFeatures = (port: number, server: number, map: string): string => `frontend f
  bind ${address}:${port}
  http-request set-header X-Original-Forwarded-For %[req.hdr(x-forwarded-for)] if { req.hdr(x-forwarded-for) -m found }
  http-request set-header X-Request-ID %[uuid()] if !{ req.hdr(x-request-id) -m found }
  http-request set-header X-Real-IP %[src]
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port ${port}
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Scheme http
  http-request set-header X-Scheme http
  http-request del-header Proxy
  use_backend %[base,map_beg(${map})]
backend b
  option abortonclose
  option http-buffer-request
  http-request deny deny_status 413 if { req.body_size gt 1048576 }
  retries 2
  option redispatch 1
  retry-on conn-failure empty-response response-timeout
  http-request disable-l7-retry if { method POST PATCH LOCK }
  server s ${address}:${server}
`

async function start(
  folder: string,
  name: string,
  sections: string,
): Promise<AsyncDisposable & { readonly pid: number }> {
  const file = join(folder, `${name}.cfg`)
  await writeFile(
    file,
    `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${sections}`,
  )
  const child: ChildProcess = spawn(haproxy, ['-db', '-q', '-f', file], { stdio: 'inherit' })
  await once(child, 'spawn')
  return {
    pid: child.pid!,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

const authority = createAuthority(
  { commonName: 'bench' },
  { notBefore: systemClock.now() - 60_000, notAfter: systemClock.now() + 86_400_000 },
)
const identity = { chain: certificatePem(authority.certificate), key: privateKeyPem(authority.privateKey) }

/** Those of an ingress without annotations. */
const { rules: usualRules } = planRules(
  {},
  {
    view: {
      ingresses: [],
      service: () => undefined,
      slices: () => [],
      secret: () => undefined,
      configMap: () => undefined,
      addresses: () => undefined,
      defaultCertificate: identity,
      now: systemClock.now(),
    },
    namespace: 'bench',
    host: 'h.test',
    tls: undefined,
    path: '/',
  },
)

function routingOf(ports: readonly number[]): Routing {
  const pools = new Map<string, Pool>()
  const routes: Route[] = []
  for (let at = 0; at < hosts; at++) {
    const pool = `p${at % 100}`
    pools.set(pool, {
      name: pool,
      servers: ports.map((port) => ({ id: `${address}:${port}`, address, port, draining: false })),
      protocol: 'http',
      balance: { kind: 'round-robin' },
    })
    routes.push({
      name: `r${at}`,
      owner: 'Ingress bench/ingress',
      match: { host: { kind: 'exact', name: `h${at}.test` }, path: { kind: 'prefix', path: '/' } },
      rules: usualRules,
      action: { kind: 'forward', overrides: [], shares: [{ pool, weight: 1 }], keepsPool: false },
    })
  }
  return {
    routes,
    pools,
    certificates: new Map([['default', identity]]),
    serverNames: [],
    defaultCertificate: 'default',
    fallback: { kind: 'respond', status: 404, body: '' },
  }
}

/** Microseconds of processor time per request. */
async function costOf(port: number, cpu: () => number): Promise<number> {
  const before = cpu()
  const child = spawn(
    wrk,
    ['-t1', `-c${connections}`, '-d2s', '-H', 'Host: h500.test', `http://${address}:${port}/a/b`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let text = ''
  child.stdout.on('data', (piece: Buffer) => (text += piece.toString()))
  await once(child, 'close')
  const spent = cpu() - before
  if (/Non-2xx|Socket errors/.test(text)) throw new Error(`requests failed: ${text}`)
  return (spent * 1_000) / Number(/(\d+) requests in/.exec(text)![1])
}

/** Changes the endpoints of the pool that is asked while requests come one after the other. */
async function change(plane: DataPlane, port: number, servers: readonly number[]): Promise<ChangeFigures> {
  const seconds = Number(process.env['INGRESS_SECONDS'] ?? 60)
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const base = routingOf(servers.slice(0, 1))
  let isOver = false
  let requests = 0
  let failed = 0
  const ask = (): Promise<boolean> =>
    new Promise((resolve) => {
      request({ host: address, port, agent, headers: { host: 'h500.test' } }, (response) => {
        response
          .resume()
          .on('end', () => resolve(response.statusCode === 200))
          .on('error', () => resolve(false))
      })
        .on('error', () => resolve(false))
        .end()
    })
  const load = Array.from({ length: clients }, async () => {
    while (!isOver) {
      if (!(await ask())) failed++
      requests++
    }
  })
  const took: number[] = []
  let reloads = 0
  for (let step = 0; step < seconds * changesPerSecond; step++) {
    const members = servers.filter((_, at) => (step + at) % servers.length < 2)
    const pool: Pool = {
      ...base.pools.get('p0')!,
      servers: members.map((each) => ({ id: `${address}:${each}`, address, port: each, draining: false })),
    }
    const begun = performance.now()
    const { how } = await plane.apply({ ...base, pools: new Map([...base.pools, ['p0', pool]]) })
    const elapsed = performance.now() - begun
    took.push(elapsed)
    if (how === 'reload') reloads++
    await systemClock.sleep(Math.max(0, 1_000 / changesPerSecond - elapsed))
  }
  isOver = true
  await Promise.all(load)
  agent.destroy()
  return { failed, requests, took, seconds, reloads }
}

async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, address)
      await once(server, 'listening')
      return server
    }),
  )
  const ports = held.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(held.map((server) => once(server.close(), 'close')))
  return ports
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
