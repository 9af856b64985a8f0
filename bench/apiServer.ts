/** An API server over TLS in a process of its own, so that the load does not take its core. */
import { spawn } from 'node:child_process'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { systemClock } from '#lib/clock.ts'
import { HttpServer } from '#lib/http/server.ts'
import { TokenSigner, TokenVerifier } from '#lib/pki/token.ts'
import { systemRandom } from '#lib/random.ts'
import { isReason } from '#machinery/status.ts'
import { allStrategies } from '#resources/index.ts'
import { httpHandler } from '#server/http.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { createApiServer } from '#server/server.ts'
import { openSqliteStore } from '#storage/sqlite.ts'
import { issueCertificates, type Address } from './certificates.ts'

export interface Usage {
  /** Microseconds of processor time since the start. */
  readonly cpu: number
  /** The longest time for which the loop was held since the last question, in milliseconds. */
  readonly longestStall: number
  readonly residentMegabytes: number
}

export interface ServerProcess extends AsyncDisposable {
  readonly pid: number
  readonly address: Address
  usage(): Promise<Usage>
}

/** Starts a server over the store in a directory, with a namespace `default` and its service account. */
export async function startServer(directory: string): Promise<ServerProcess> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = readLines(child.stdout)
  return {
    pid: child.pid!,
    address: JSON.parse(await lines()) as Address,
    async usage() {
      child.stdin.write('usage\n')
      return JSON.parse(await lines()) as Usage
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    },
  }
}

function readLines(stream: NodeJS.ReadableStream): () => Promise<string> {
  let rest = ''
  const lines: string[] = []
  const waiting: ((line: string) => void)[] = []
  stream.on('data', (bytes: Buffer) => {
    const parts = (rest + bytes.toString()).split('\n')
    rest = parts.pop()!
    for (const line of parts) {
      const next = waiting.shift()
      if (next === undefined) lines.push(line)
      else next(line)
    }
  })
  return () => {
    const line = lines.shift()
    return line === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(line)
  }
}

async function serve(directory: string): Promise<void> {
  const store = await openSqliteStore({ directory })
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = 'https://kubernetes.default.svc.cluster.local'
  const unreachable = (): Promise<never> => Promise.reject(new Error('There are no nodes'))
  const server = createApiServer({
    store,
    strategies: allStrategies({ addresses: '10.96.0.0/16', nodePorts: [30_000, 32_767] }),
    clock: systemClock,
    random: systemRandom,
    newUid: randomUUID,
    tokens: {
      signer: new TokenSigner(keys.privateKey),
      verifier: new TokenVerifier({ keys: [keys.publicKey], issuers: [issuer] }),
      issuer,
      audiences: [issuer],
    },
    nodes: () => ({ request: unreachable, upgrade: unreachable }),
    serverAddress: '127.0.0.1:6443',
    onBug: (error) => console.error(error),
  })
  const stop = new AbortController()
  const ready = Promise.withResolvers<void>()
  const running = server.run(ready.resolve, stop.signal).catch(() => undefined)
  await ready.promise
  const transport = inProcessTransport(server, { name: 'benchmark', groups: ['system:masters'] })
  const body = { metadata: { name: 'default' } }
  for (const path of ['/api/v1/namespaces', '/api/v1/namespaces/default/serviceaccounts']) {
    await transport.send({ method: 'POST', path, body }).catch((error: unknown) => {
      if (!isReason(error, 'AlreadyExists')) throw error
    })
  }

  const { server: tls, client } = issueCertificates()
  const http = new HttpServer({ handler: httpHandler(server), tls })
  const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
  const address: Address = { port, ...client }
  console.log(JSON.stringify(address))
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  process.stdin.on('data', () => {
    const { user, system } = process.cpuUsage()
    const usage: Usage = {
      cpu: user + system,
      longestStall: delay.max / 1e6,
      residentMegabytes: process.memoryUsage.rss() / 1e6,
    }
    delay.reset()
    console.log(JSON.stringify(usage))
  })
  await once(process.stdin, 'end')
  await http.close(AbortSignal.abort())
  stop.abort()
  await running
  await store[Symbol.asyncDispose]()
}

if (import.meta.main) await serve(process.argv[2]!)
