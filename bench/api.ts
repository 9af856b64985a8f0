/** The API server over TLS with a store on disk, beside the figures of a real one on the same class of machine (two cores shared with the load). */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import { performance } from 'node:perf_hooks'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { startServer, type Usage } from './apiServer.ts'
import { startBareWatch } from './bareWatch.ts'
import type { Address } from './certificates.ts'
import { median, quantile, renderMeasurements, type Measurement } from './measurement.ts'

const wrk = '/usr/bin/wrk'
const podsPath = '/api/v1/namespaces/default/pods'
const connections = 16
const listed = 5_000
const watchers = 100
const changes = 300
const rounds = 8
/** Rounds in which the code of both sides becomes warm: the load is so already when it comes to the bare server. */
const warmingRounds = 4

export async function run(): Promise<Measurement[]> {
  const directory = mkdtempSync(join(tmpdir(), 'k8ts-bench-'))
  try {
    await using server = await startServer(directory)
    return await measure(server.address, server.usage, directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function measure(address: Address, usage: () => Promise<Usage>, directory: string): Promise<Measurement[]> {
  const results: Measurement[] = []
  const client = clientOf(address)
  const add = (name: string, value: number, unit: string, more: Pick<Measurement, 'goal' | 'beside'> = {}): void => {
    results.push({ name, value, unit, ...more })
  }
  const timed = async (
    name: string,
    more: Pick<Measurement, 'goal' | 'beside'>,
    count: number,
    act: (index: number) => Promise<unknown>,
  ): Promise<void> => {
    const before = await usage()
    const { rate, p99 } = await load(count, act)
    const after = await usage()
    add(name, rate, '/s', more)
    add(`${name}, p99`, p99, 'ms')
    add(`${name}, processor time of the server`, (after.cpu - before.cpu) / count, 'µs')
    add(`${name}, longest stall of the loop`, after.longestStall, 'ms')
  }
  const create = (index: number): Promise<unknown> => client('POST', podsPath, JSON.stringify(pod(`p${index}`)))
  const patch = (index: number): Promise<unknown> =>
    client(
      'PATCH',
      `${podsPath}/p${index % listed}/status`,
      statusPatch(index),
      'application/strategic-merge-patch+json',
    )

  await load(1_000, (index) => client('POST', podsPath, JSON.stringify(pod(`warm${index}`))))
  await load(1_000, (index) => client('DELETE', `${podsPath}/warm${index}`, '{"gracePeriodSeconds":0}'))
  await timed('pod create, 16 connections', timesKubernetes(3, 874), listed, create)
  await timed('pod patch, 16 connections', timesKubernetes(4, 481), 4_000, patch)
  if (existsSync(wrk)) {
    const before = await usage()
    const { rate, count } = await runWrk(address, `${podsPath}/p7`, directory, await tokenOf(client))
    const after = await usage()
    add('pod get, wrk -t1 -c16', rate, '/s', timesKubernetes(4, 5_200))
    add('pod get, processor time of the server', (after.cpu - before.cpu) / count, 'µs')
  }
  const lists: number[] = []
  let size = 0
  await usage()
  for (let turn = 0; turn < 5; turn++) {
    const began = performance.now()
    size = (await client('GET', podsPath)).length
    lists.push(performance.now() - began)
  }
  add(`list of ${listed} pods, ${Math.round(size / 1e6)} MB`, median(lists), 'ms', {
    goal: { atMost: 150 },
    beside: { name: kubernetes, value: 560 },
  })
  add('list, longest stall of the loop', (await usage()).longestStall, 'ms')
  for (let index = 0; index < changes; index++)
    await client('POST', podsPath, JSON.stringify(smallPod(`small${index}`)))
  const beforeWatch = await usage()
  const watched = await watchRounds(address, client)
  const afterWatch = await usage()
  add(`${watchers} watchers of ${changes} changes`, watched.rate, 'events/s', timesKubernetes(10, 17_000))
  add('watch latency, p99', watched.p99, 'ms', {
    goal: { atMost: 50 },
    beside: { name: kubernetes, value: 488 },
  })
  const perEvent = (afterWatch.cpu - beforeWatch.cpu) / (rounds * watchers * changes)
  add('watch, processor time of the server for an event', perEvent, 'µs')
  add('watch, longest stall of the loop', afterWatch.longestStall, 'ms')
  add('resident memory at the end', afterWatch.residentMegabytes, 'MB')
  const { length: objectSize } = await client('GET', `${podsPath}/small0`)
  await using bare = await startBareWatch(objectSize)
  const alone = await watchRounds(bare.address, clientOf(bare.address))
  add('the same from a server that knows nothing', alone.rate, 'events/s')
  add('the same, latency, p99', alone.p99, 'ms')
  return results
}

const kubernetes = 'Kubernetes 1.24'

/** A rate that is to be so many times that of Kubernetes. */
const timesKubernetes = (times: number, rate: number): Pick<Measurement, 'goal' | 'beside'> => ({
  goal: { atLeast: times * rate },
  beside: { name: kubernetes, value: rate },
})

type Client = (method: string, path: string, body?: string, contentType?: string) => Promise<Buffer>

function clientOf({ port, authority, certificate, key }: Address): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, ca: authority, cert: certificate, key })
  return (method, path, body, contentType = 'application/json') =>
    new Promise((resolve, reject) => {
      const headers =
        body === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }
      const request = httpsRequest({ agent, host: '127.0.0.1', port, method, path, headers }, (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('end', () => {
          const bytes = Buffer.concat(pieces)
          if (response.statusCode! >= 400)
            reject(new Error(`${method} ${path}: ${response.statusCode} ${bytes.toString('utf8', 0, 500)}`))
          else resolve(bytes)
        })
        response.on('error', reject)
      })
      request.on('error', reject)
      request.end(body)
    })
}

/** Acts `count` times, 16 at once. */
async function load(count: number, act: (index: number) => Promise<unknown>): Promise<{ rate: number; p99: number }> {
  let next = 0
  const times: number[] = []
  const began = performance.now()
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const start = performance.now()
      await act(index)
      times.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: connections }, worker))
  return { rate: (count * 1_000) / (performance.now() - began), p99: quantile(times, 0.99) }
}

interface WatchFigures {
  readonly rate: number
  /** In milliseconds. */
  readonly p99: number
}

/** The median of the rounds in which the code is warm. */
async function watchRounds(address: Address, client: Client): Promise<WatchFigures> {
  const figures: WatchFigures[] = []
  for (let round = 0; round < rounds; round++) figures.push(await watchChanges(address, client, round * changes))
  const warm = figures.slice(warmingRounds)
  return { rate: median(warm.map(({ rate }) => rate)), p99: median(warm.map(({ p99 }) => p99)) }
}

/** Changes objects while all watch; the changes are numbered from `from` on, so that each is one. */
async function watchChanges(address: Address, client: Client, from: number): Promise<WatchFigures> {
  const { resourceVersion } = (
    JSON.parse((await client('GET', `${podsPath}?limit=1`)).toString()) as { metadata: { resourceVersion: string } }
  ).metadata
  const sent: number[] = []
  const latencies: number[] = []
  let seen = 0
  const all = Promise.withResolvers<void>()
  const sockets = await Promise.all(
    Array.from({ length: watchers }, async () => {
      const { port, authority: ca, certificate: cert, key } = address
      const socket = connect({ host: '127.0.0.1', port, ca, cert, key, ALPNProtocols: ['http/1.1'] })
      socket.on('error', () => undefined)
      await once(socket, 'secureConnect')
      socket.write(`GET ${podsPath}?watch=1&resourceVersion=${resourceVersion} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
      await once(socket, 'data')
      const take = changeReader((change) => {
        const start = sent[change]
        if (start !== undefined) latencies.push(performance.now() - start)
        if (++seen === watchers * changes) all.resolve()
      })
      socket.on('data', take)
      return socket
    }),
  )
  const began = performance.now()
  await load(changes, (index) => {
    sent[from + index] = performance.now()
    const body = JSON.stringify({ metadata: { annotations: { change: String(from + index) } } })
    return client('PATCH', `${podsPath}/small${index}`, body, 'application/merge-patch+json')
  })
  await all.promise
  const took = performance.now() - began
  for (const socket of sockets) socket.destroy()
  return { rate: (watchers * changes * 1_000) / took, p99: quantile(latencies, 0.99) }
}

const changeMark = Buffer.from('"change":"')

/**
 * Finds the changes that events tell of. The load shares the machine with the server, so it does no more than it must: it
 * looks for the mark in the bytes as they come, whatever frames are around them.
 */
function changeReader(tell: (change: number) => void): (piece: Buffer) => void {
  const longest = changeMark.length + 4
  let rest: Buffer = Buffer.alloc(0)
  return (piece) => {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    let begin = 0
    for (;;) {
      const at = bytes.indexOf(changeMark, begin)
      if (at < 0 || at + longest > bytes.length) {
        rest = bytes.subarray(at >= 0 ? at : Math.max(begin, bytes.length - changeMark.length + 1))
        return
      }
      begin = at + longest
      tell(Number.parseInt(bytes.toString('latin1', begin - 4, begin), 10))
    }
  }
}

async function tokenOf(client: Client): Promise<string> {
  const rbac = '/apis/rbac.authorization.k8s.io/v1'
  const apiGroup = 'rbac.authorization.k8s.io'
  const role = { metadata: { name: 'reader' }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }
  const binding = {
    metadata: { name: 'readers' },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'reader' },
    subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
  }
  await client('POST', `${rbac}/clusterroles`, JSON.stringify(role))
  await client('POST', `${rbac}/clusterrolebindings`, JSON.stringify(binding))
  const answer = await client('POST', '/api/v1/namespaces/default/serviceaccounts/default/token', '{}')
  return (JSON.parse(answer.toString()) as { status: { token: string } }).status.token
}

async function runWrk(
  address: Address,
  path: string,
  directory: string,
  token: string,
): Promise<{ rate: number; count: number }> {
  // wrk cannot show a certificate, so it shows a token.
  const script = join(directory, 'wrk.lua')
  writeFileSync(script, `wrk.headers["authorization"] = "Bearer ${token}"\n`)
  const child = spawn(wrk, [
    '-t1',
    `-c${connections}`,
    '-d4s',
    '-s',
    script,
    `https://127.0.0.1:${address.port}${path}`,
  ])
  let output = ''
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
  await once(child, 'exit')
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1] ?? Number.NaN)
  const count = Number(/(\d+) requests in/.exec(output)?.[1] ?? Number.NaN)
  if (/Non-2xx/.test(output)) throw new Error(output)
  return { rate, count }
}

/** The pod with which the figures of Kubernetes were taken: six kilobytes once the server has completed it, owners included. */
function pod(name: string): object {
  const container = (index: number): object => ({
    name: `c${index}`,
    image: 'registry.example/some/image:1.2.3',
    command: ['/bin/app', '--flag=value', '--other=thing'],
    env: Array.from({ length: 8 }, (_, each) => ({ name: `VAR_${each}`, value: `value-${each}-${name}` })),
    resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '500m', memory: '256Mi' } },
    ports: [{ containerPort: 8080 + index }],
    readinessProbe: { httpGet: { path: '/ready', port: 8080 + index }, periodSeconds: 5 },
  })
  const labels = { app: `a${name.length}`, tier: 'bench' }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels, annotations: { note: 'x'.repeat(400) } },
    spec: { schedulerName: 'nobody', containers: [container(1), container(2)] },
  }
}

/** About two kilobytes once the server has completed it. */
function smallPod(name: string): object {
  return { metadata: { name }, spec: { containers: [{ name: 'main', image: 'busybox' }] } }
}

function statusPatch(index: number): string {
  return JSON.stringify({
    status: {
      phase: 'Running',
      podIP: `10.244.0.${index % 250}`,
      startTime: '2026-01-01T00:00:00Z',
      conditions: [
        { type: 'Ready', status: index % 2 === 0 ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
      containerStatuses: [
        {
          name: 'c1',
          ready: true,
          restartCount: index,
          image: 'a',
          imageID: 'b',
          state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
        },
      ],
    },
  })
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
