/** How soon discovery and OpenAPI are answered over TLS once they were asked for, and what the first answer costs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { startServer } from './apiServer.ts'
import type { Address } from './certificates.ts'
import { median, quantile, renderMeasurements, type Measurement } from './measurement.ts'

interface Answered {
  /** Milliseconds until the head of the answer was there. */
  readonly head: number
  readonly bytes: number
  readonly etag: string | undefined
}

type Ask = (path: string, headers: Record<string, string>) => Promise<Answered>

const rounds = 300
/** As clients written in Go ask. */
const zipped = { 'accept-encoding': 'gzip' }
const json = { accept: 'application/json', ...zipped }
const aggregated = { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList', ...zipped }
const protobuf = { accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf', ...zipped }

/** What clients ask for: name, path, headers. */
const documents: readonly (readonly [name: string, path: string, headers: Record<string, string>])[] = [
  ['/apis, aggregated', '/apis', aggregated],
  ['/api, aggregated', '/api', aggregated],
  ['/apis', '/apis', json],
  ['/api/v1', '/api/v1', json],
  ['/openapi/v3', '/openapi/v3', json],
  ['/openapi/v3/apis/apps/v1', '/openapi/v3/apis/apps/v1', json],
  ['/openapi/v3/api/v1', '/openapi/v3/api/v1', json],
  ['/openapi/v2, protobuf', '/openapi/v2', protobuf],
]

/** The server runs in a process of its own, so that the load does not take its core. */
export async function run(): Promise<Measurement[]> {
  const directory = mkdtempSync(join(tmpdir(), 'k8ts-bench-'))
  try {
    await using server = await startServer(directory)
    const ask = asker(server.address)
    const results: Measurement[] = []
    for (const [name, path, headers] of documents) results.push(...(await measure(ask, name, path, headers)))
    return results
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function measure(ask: Ask, name: string, path: string, headers: Record<string, string>): Promise<Measurement[]> {
  const first = await ask(path, headers)
  const heads: number[] = []
  for (let round = 0; round < rounds; round++) heads.push((await ask(path, headers)).head)
  const results: Measurement[] = [
    { name: `${name}: first answer`, value: first.head, unit: 'ms' },
    { name: `${name}: ${Math.ceil(first.bytes / 1_000)} KB`, value: median(heads), unit: 'ms', goal: { atMost: 1 } },
    { name: `${name}: p90`, value: quantile(heads, 0.9), unit: 'ms' },
  ]
  const { etag } = first
  if (etag === undefined) return results
  const known: number[] = []
  for (let round = 0; round < rounds; round++) {
    known.push((await ask(path, { ...headers, 'if-none-match': etag })).head)
  }
  return [...results, { name: `${name}: unchanged`, value: median(known), unit: 'ms', goal: { atMost: 1 } }]
}

function asker({ port, authority, certificate, key }: Address): Ask {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: authority, cert: certificate, key })
  return (path, headers) =>
    new Promise((resolve, reject) => {
      const began = performance.now()
      const request = httpsRequest({ agent, host: '127.0.0.1', port, path, headers }, (response) => {
        const head = performance.now() - began
        let bytes = 0
        response.on('data', (piece: Buffer) => (bytes += piece.length))
        response.on('error', reject)
        response.on('end', () => {
          if (response.statusCode! >= 400) reject(new Error(`${path}: ${response.statusCode}`))
          else resolve({ head, bytes, etag: response.headers.etag })
        })
      })
      request.on('error', reject)
      request.end()
    })
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
