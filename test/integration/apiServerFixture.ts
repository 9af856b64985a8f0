import { generateKeyPairSync } from 'node:crypto'
import { SimulatedClock, type Clock } from '#lib/clock.ts'
import { TokenSigner, TokenVerifier } from '#lib/pki/token.ts'
import { seededRandom, type Random } from '#lib/random.ts'
import { allStrategies, type StrategyOptions } from '#resources/index.ts'
import { bootstrapPolicy } from '#server/authorize/bootstrap/policy.ts'
import type { Authenticator } from '#server/authenticate/authenticator.ts'
import { secretIssuer } from '#server/authenticate/serviceAccountTokens.ts'
import type { TokenAuthenticator } from '#server/authenticate/tokenAuthenticator.ts'
import type { AggregationOptions } from '#server/extensions/aggregation/aggregation.ts'
import { inProcessTransport, type InProcessTransport } from '#server/inProcess.ts'
import type { NodeConnector } from '#server/nodeProxy.ts'
import { createApiServer, type ApiServer, type ApiServerOptions } from '#server/server.ts'
import { openMemoryStore } from '#storage/memory.ts'
import type { Store } from '#storage/store.ts'

/** A server over an empty store in memory, with the namespaces and accounts that every cluster has. */
export interface ServerFixture extends AsyncDisposable {
  readonly server: ApiServer
  readonly store: Store
  readonly clock: Clock
  readonly transport: InProcessTransport
  /** Errors that became a 500. */
  readonly bugs: unknown[]
}

export const administrator = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] }

type ServerSettings = Partial<
  Pick<
    ApiServerOptions,
    | 'admissionConfiguration'
    | 'audit'
    | 'authorizationModes'
    | 'anonymous'
    | 'bootstrapTokens'
    | 'limits'
    | 'shutdownDelay'
    | 'minRequestTimeoutSeconds'
  >
>

const noNodes: NodeConnector = {
  request: () => Promise.reject(new Error('There are no nodes')),
  upgrade: () => Promise.reject(new Error('There are no nodes')),
}

/** Knows users by a header, so that tests over HTTP need no certificates; `admin` may do everything. */
const headerUser: Authenticator = {
  name: 'Header',
  authenticate: (request) => {
    const name = request.header('x-test-user')
    return name === undefined ? undefined : { name, groups: name === 'admin' ? ['system:masters'] : [] }
  },
}

const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** Starts a server. Dispose of it at the end of the test. */
export async function startServer(
  options: {
    readonly clock?: Clock
    readonly store?: Store
    readonly nodes?: NodeConnector
    readonly windowEvents?: number
    readonly bare?: boolean
    readonly random?: Random
    /** Whether the bootstrap roles are there. */
    readonly roles?: boolean
    readonly tokenAuthenticators?: readonly TokenAuthenticator[]
    /** What an administrator decides; as usual when absent. */
    readonly settings?: ServerSettings
    /** What the server waits for when it stops, as its connections. */
    readonly drain?: () => Promise<void>
    readonly aggregation?: AggregationOptions
    /** The roles that are there, where those of Kubernetes alone are not enough. */
    readonly policy?: NonNullable<ApiServerOptions['policy']>
    /** What nodes and pods use. */
    readonly metrics?: StrategyOptions['metrics']
    /** How the parts of the control plane are. */
    readonly controlPlane?: StrategyOptions['controlPlane']
  } = {},
): Promise<ServerFixture> {
  const clock = options.clock ?? new SimulatedClock()
  const store = options.store ?? openMemoryStore({ clock })
  const issuer = 'https://kubernetes.default.svc.cluster.local'
  const bugs: unknown[] = []
  let uids = 0
  const server = createApiServer({
    store,
    strategies: allStrategies({
      addresses: '10.96.0.0/16',
      nodePorts: [30_000, 32_767],
      ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
      ...(options.controlPlane === undefined ? {} : { controlPlane: options.controlPlane }),
    }),
    clock,
    random: options.random ?? seededRandom(7),
    newUid: () => `00000000-0000-4000-8000-${String(++uids).padStart(12, '0')}`,
    tokens: {
      signer: new TokenSigner(keys.privateKey),
      verifier: new TokenVerifier({ keys: [keys.publicKey], issuers: [issuer, secretIssuer] }),
      issuer,
      audiences: [issuer],
    },
    nodes: () => options.nodes ?? noNodes,
    serverAddress: '127.0.0.1:6443',
    ...(options.windowEvents === undefined ? {} : { windowEvents: options.windowEvents }),
    authenticators: [headerUser],
    ...(options.tokenAuthenticators === undefined ? {} : { tokenAuthenticators: options.tokenAuthenticators }),
    ...(options.aggregation === undefined ? {} : { aggregation: options.aggregation }),
    ...(options.roles === true ? { policy: options.policy ?? (() => bootstrapPolicy()) } : {}),
    ...options.settings,
    onBug: (error) => bugs.push(error),
  })
  const stop = new AbortController()
  const { promise: ready, resolve } = Promise.withResolvers<void>()
  const running = server.run(resolve, stop.signal, options.drain).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  await Promise.race([ready, running])
  const transport = inProcessTransport(server, administrator)
  if (options.bare !== true) {
    for (const name of ['default', 'kube-system', 'kube-public']) {
      const isThere = options.roles === true && name !== 'default'
      if (!isThere) await transport.send({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name } } })
      await transport.send({
        method: 'POST',
        path: `/api/v1/namespaces/${name}/serviceaccounts`,
        body: { metadata: { name: 'default' } },
      })
    }
  }
  return {
    server,
    store,
    clock,
    transport,
    bugs,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
      if (options.store === undefined) await store[Symbol.asyncDispose]()
    },
  }
}
