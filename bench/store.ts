/** Durable compare-and-swap writes: our SQLite store beside etcd, in turns in one run. Needs etcd (Debian: etcd-server). */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js'
import { fromJSON, type ServiceDefinition } from '@grpc/proto-loader'
import { systemClock } from '#lib/clock.ts'
import { openSqliteStore } from '#storage/sqlite.ts'
import { renderMeasurements, type Measurement } from './measurement.ts'

const etcd = '/usr/bin/etcd'
const writerCounts = [1, 16, 64]
const rounds = 3
const roundMilliseconds = 2_000
const liveKeys = 10_000
const value = Buffer.alloc(3 * 1024, 'v')

/** One of the two stores, seen by a writer: writes if the key is still at `expected`, returns the new revision. */
interface Side extends AsyncDisposable {
  readonly name: string
  write(key: string, expected: number): Promise<number>
}

interface Round {
  readonly rate: number
  readonly p50: number
  readonly p99: number
}

/** How many times etcd's rate is wanted, by the number of writers. */
const wantedRatio: Readonly<Record<number, number>> = { 16: 2, 64: 3 }

/** The two take turns; each figure is the median of its rounds. The writers are in this process, etcd is its own. */
export async function run(): Promise<Measurement[]> {
  if (!existsSync(etcd)) throw new Error(`${etcd} is missing: apt-get install etcd-server`)
  const directory = mkdtempSync(join(tmpdir(), 'k8ts-bench-'))
  try {
    await using ours = await startOurs(join(directory, 'ours'))
    await using theirs = await startEtcd(join(directory, 'etcd'))
    const sides = [ours, theirs]
    const revisions = new Map<Side, number[]>()
    for (const side of sides) revisions.set(side, await fill(side))
    const measurements: Measurement[] = []
    for (const writers of writerCounts) {
      const results = new Map<Side, Round[]>(sides.map((side) => [side, []]))
      for (let round = 0; round < rounds; round++) {
        for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
          results.get(side)!.push(await measure(side, revisions.get(side)!, writers))
        }
      }
      const [own, other] = sides.map((side) => medianRound(results.get(side)!)) as [Round, Round]
      const ratio = wantedRatio[writers]
      measurements.push(
        {
          name: `durable writes of ${value.length / 1024} KiB, ${writers} ${writers === 1 ? 'writer' : 'writers'}`,
          value: own.rate,
          unit: '/s',
          ...(ratio === undefined ? {} : { goal: { atLeast: ratio * other.rate } }),
          beside: { name: theirs.name, value: other.rate },
        },
        { name: '  p50', value: own.p50, unit: 'ms', beside: { name: theirs.name, value: other.p50 } },
        { name: '  p99', value: own.p99, unit: 'ms', beside: { name: theirs.name, value: other.p99 } },
      )
    }
    return measurements
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function startOurs(directory: string): Promise<Side> {
  const store = await openSqliteStore({ directory })
  return {
    name: 'k8ts',
    async write(key, expected) {
      const result = await store.commit(key, expected, { value })
      if (!result.ok) throw new Error(`conflict on "${key}"`)
      return result.revision
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

async function startEtcd(directory: string): Promise<Side> {
  const [client, peer] = [await freePort(), await freePort()].map((port) => `http://127.0.0.1:${port}`) as [
    string,
    string,
  ]
  const child = spawn(
    etcd,
    [
      ['--data-dir', directory],
      ['--listen-client-urls', client, '--advertise-client-urls', client],
      ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
      ['--quota-backend-bytes', String(8 * 1024 ** 3), '--logger', 'zap', '--log-level', 'error'],
    ].flat(),
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const failed = once(child, 'exit').then(() => {
    throw new Error('etcd ended')
  })
  const answers = async (): Promise<void> => {
    for (;;) {
      try {
        if ((await fetch(`${client}/health`)).ok) return
      } catch {
        // Not listening yet.
      }
      await systemClock.sleep(50)
    }
  }
  await Promise.race([answers(), failed])
  failed.catch(() => {})
  const api = connectEtcd(new URL(client).host)
  return {
    name: 'etcd',
    async write(key, expected) {
      const name = Buffer.from(key)
      const result = await api.transact({
        compare: [{ result: equal, target: lastWrite, key: name, mod_revision: expected }],
        success: [{ request_put: { key: name, value } }],
      })
      if (!result.succeeded) throw new Error(`conflict on "${key}"`)
      return Number(result.header.revision)
    },
    async [Symbol.asyncDispose]() {
      api.close()
      child.kill()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

/** The values of etcd's `Compare.result` and `Compare.target` that mean a comparison with the revision of the last write. */
const equal = 0
const lastWrite = 2

/** As much of etcd's gRPC interface as one compare-and-swap takes; names and numbers are etcd's. */
const etcdMessages = {
  ResponseHeader: { fields: { revision: { type: 'int64', id: 3 } } },
  PutRequest: { fields: { key: { type: 'bytes', id: 1 }, value: { type: 'bytes', id: 2 } } },
  RequestOp: { fields: { request_put: { type: 'PutRequest', id: 2 } } },
  Compare: {
    fields: {
      result: { type: 'int32', id: 1 },
      target: { type: 'int32', id: 2 },
      key: { type: 'bytes', id: 3 },
      mod_revision: { type: 'int64', id: 6 },
    },
  },
  TxnRequest: {
    fields: {
      compare: { rule: 'repeated', type: 'Compare', id: 1 },
      success: { rule: 'repeated', type: 'RequestOp', id: 2 },
    },
  },
  TxnResponse: { fields: { header: { type: 'ResponseHeader', id: 1 }, succeeded: { type: 'bool', id: 2 } } },
  KV: { methods: { Txn: { requestType: 'TxnRequest', responseType: 'TxnResponse' } } },
}

interface TransactionResult {
  readonly succeeded: boolean
  readonly header: { readonly revision: string }
}

interface Etcd {
  transact(request: object): Promise<TransactionResult>
  close(): void
}

function connectEtcd(address: string): Etcd {
  const description = { nested: { etcdserverpb: { nested: etcdMessages } } }
  // The library's typing of a description asks for more than the library does.
  const definitions = fromJSON(description as unknown as Parameters<typeof fromJSON>[0], {
    longs: String,
    keepCase: true,
  })
  const Service = makeGenericClientConstructor(definitions['etcdserverpb.KV'] as ServiceDefinition, 'KV')
  const client = new Service(address, credentials.createInsecure())
  return {
    transact: (request) =>
      new Promise((resolve, reject) => {
        client['Txn']!(request, (error: Error | null, result: TransactionResult) => {
          if (error === null) resolve(result)
          else reject(error)
        })
      }),
    close: () => client.close(),
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const keyOf = (index: number): string => `/registry/pods/default/name-${index}`

/** Creates every key; returns their revisions. */
async function fill(side: Side): Promise<number[]> {
  const revisions: number[] = Array.from({ length: liveKeys }, () => 0)
  let next = 0
  const writer = async (): Promise<void> => {
    for (let index = next++; index < liveKeys; index = next++) revisions[index] = await side.write(keyOf(index), 0)
  }
  await Promise.all(Array.from({ length: 64 }, writer))
  return revisions
}

/** Each writer goes over keys of its own, one write after the other. */
async function measure(side: Side, revisions: number[], writers: number): Promise<Round> {
  const latencies: number[] = []
  const begun = performance.now()
  const end = begun + roundMilliseconds
  const writer = async (first: number): Promise<void> => {
    for (let index = first; ; index = index + writers < liveKeys ? index + writers : first) {
      const start = performance.now()
      if (start >= end) return
      revisions[index] = await side.write(keyOf(index), revisions[index]!)
      latencies.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: writers }, (_, first) => writer(first)))
  const seconds = (performance.now() - begun) / 1000
  latencies.sort((a, b) => a - b)
  const quantile = (fraction: number): number => latencies[Math.floor((latencies.length - 1) * fraction)]!
  return { rate: latencies.length / seconds, p50: quantile(0.5), p99: quantile(0.99) }
}

function medianRound(all: readonly Round[]): Round {
  const median = (of: (round: Round) => number): number => all.map(of).toSorted((a, b) => a - b)[all.length >> 1]!
  return { rate: median((each) => each.rate), p50: median((each) => each.p50), p99: median((each) => each.p99) }
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
