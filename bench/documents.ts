/** How soon discovery and OpenAPI are answered over TLS once they were asked for, and what the first answer costs. */
import { spawn } from 'node:child_process'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request as httpsRequest } from 'node:https'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { systemClock } from '#lib/clock.ts'
import { HttpServer } from '#lib/http/server.ts'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import { TokenSigner, TokenVerifier } from '#lib/pki/token.ts'
import { systemRandom } from '#lib/random.ts'
import { allStrategies } from '#resources/index.ts'
import { httpHandler } from '#server/http.ts'
import { createApiServer } from '#server/server.ts'
import { openMemoryStore } from '#storage/memory.ts'
import { median, quantile, renderMeasurements, type Measurement } from './measurement.ts'

interface Address {
  readonly port: number
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

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
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'serve'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const [first] = (await once(child.stdout, 'data')) as [Buffer]
    const ask = asker(JSON.parse(first.toString()) as Address)
    const results: Measurement[] = []
    for (const [name, path, headers] of documents) results.push(...(await measure(ask, name, path, headers)))
    return results
  } finally {
    child.kill()
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

async function serve(): Promise<void> {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const unreachable = (): Promise<never> => Promise.reject(new Error('There are no nodes'))
  const server = createApiServer({
    store: openMemoryStore({ clock: systemClock }),
    strategies: allStrategies({ addresses: '10.96.0.0/16', nodePorts: [30_000, 32_767] }),
    clock: systemClock,
    random: systemRandom,
    newUid: randomUUID,
    tokens: {
      signer: new TokenSigner(keys.privateKey),
      verifier: new TokenVerifier({ keys: [keys.publicKey], issuers: ['bench'] }),
      issuer: 'bench',
      audiences: ['bench'],
    },
    nodes: () => ({ request: unreachable, upgrade: unreachable }),
    serverAddress: '127.0.0.1:6443',
    onBug: (error) => console.error(error),
  })
  const ready = Promise.withResolvers<void>()
  server.run(ready.resolve, new AbortController().signal).catch(console.error)
  await ready.promise
  const validity = { notBefore: Date.now() - 3_600_000, notAfter: Date.now() + 86_400_000 }
  const authority = createAuthority({ commonName: 'bench' }, validity)
  const own = generateKey()
  const certificate = issueCertificate(authority, {
    subject: { commonName: 'server' },
    publicKey: own.publicKey,
    extendedUsages: ['serverAuth'],
    addresses: ['127.0.0.1'],
    ...validity,
  })
  const theirs = generateKey()
  const client = issueCertificate(authority, {
    subject: { commonName: 'admin', organizations: ['system:masters'] },
    publicKey: theirs.publicKey,
    extendedUsages: ['clientAuth'],
    ...validity,
  })
  const clientAuthority = certificatePem(authority.certificate)
  const http = new HttpServer({
    handler: httpHandler(server),
    tls: { certificate: certificatePem(certificate), key: privateKeyPem(own.privateKey), clientAuthority },
  })
  const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
  const address: Address = {
    port,
    authority: clientAuthority,
    certificate: certificatePem(client),
    key: privateKeyPem(theirs.privateKey),
  }
  process.stdout.write(JSON.stringify(address))
}

if (process.argv[2] === 'serve') await serve()
else if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
