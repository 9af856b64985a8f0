// The API server: serves whatever strategies it is given, over a store. Built by `createApiServer`; on a connection it is
// reached through `httpHandler` (http.ts), in this process through `inProcessTransport` (inProcess.ts).
//
//   const server = createApiServer({ store, strategies, clock, random, newUid, … })
//   component:   { name: 'apiServer', run: (ready, signal) => server.run(ready, signal) }
//   HTTPS:       new HttpServer({ handler: httpHandler(server), tls })
//   in process:  const transport = inProcessTransport(server, { name: 'system:kube-scheduler', groups: ['system:authenticated'] })
import type { Secret } from '#api/core/v1/secret.ts'
import type { ServiceAccount } from '#api/core/v1/serviceAccount.ts'
import type { Resource } from '#api/resource.ts'
import { Deadlines } from '#lib/async/deadlines.ts'
import { Turns } from '#lib/async/turns.ts'
import type { Clock } from '#lib/clock.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import type { TokenSigner, TokenVerifier } from '#lib/pki/token.ts'
import type { Random } from '#lib/random.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import type { Store } from '#storage/store.ts'
import { admissionPlugins, type AdmissionConfiguration } from './admission/plugins.ts'
import { admissionChain, type AdmissionPlugin, type ClusterView } from './admission/chain.ts'
import { Audit, type AuditOptions } from './audit/audit.ts'
import type { AnonymousPaths, Authenticator } from './authenticate/authenticator.ts'
import { bootstrapTokens } from './authenticate/bootstrapTokens.ts'
import { bearerTokens, type TokenAuthenticator } from './authenticate/tokenAuthenticator.ts'
import { LegacyTokenUses, pathOfSecret } from './authenticate/legacyTokenUses.ts'
import { ProjectedTokenUses } from './authenticate/projectedTokenUses.ts'
import { ServiceAccountTokens } from './authenticate/serviceAccountTokens.ts'
import { accessOf } from './authorize/access.ts'
import { authorizationOf, type AuthorizationMode } from './authorize/authorizers.ts'
import { maySignBy } from './authorize/signers.ts'
import type { BootstrapObject } from './authorize/bootstrap/policy.ts'
import { PolicyKeeper } from './authorize/bootstrap/policyKeeper.ts'
import { checkEscalation } from './authorize/escalation.ts'
import { checkPolicyParams } from './authorize/policyParams.ts'
import { createClusterView } from './clusterView.ts'
import { Discovery } from './endpoints/discovery.ts'
import { OpenApiDocuments } from './endpoints/openapi.ts'
import { serverVersion, type Build } from './endpoints/version.ts'
import type { ServerContext } from './exchange.ts'
import { Aggregation, type AggregationOptions } from './extensions/aggregation/aggregation.ts'
import type { ClusterTrust } from './extensions/aggregation/clusterTrust.ts'
import { CustomResources } from './extensions/customResources/customResources.ts'
import { DanglingKeeper } from './flowControl/danglingKeeper.ts'
import { FlowControl } from './flowControl/flowControl.ts'
import { Health, storeProblem, type HealthCheck } from './health.ts'
import { componentCaller, managerOf } from './identities.ts'
import { inProcessTransport, type InProcessTransport } from './inProcess.ts'
import { Kinds, serveKind } from './kind.ts'
import { ServerMetrics } from './metrics/serverMetrics.ts'
import type { NodeConnector } from './nodeProxy.ts'
import { serve } from './pipeline.ts'
import type { RegistryContext } from './registry/context.ts'
import { LeasePool } from './registry/leasePool.ts'
import type { ServerReply, ServerRequest } from './request.ts'
import { InFlight, openLimits, type RequestLimits } from './requestLimits.ts'
import type { Strategy } from './strategy.ts'
import { WatchCache } from './watchCache.ts'
import { createWebhookCaller } from './webhooks/caller.ts'

export interface ApiServerOptions {
  readonly store: Store
  /** Every kind that is served, in any order. */
  readonly strategies: readonly Strategy<any>[]
  readonly clock: Clock
  readonly random: Random
  /** Makes the uids of objects. */
  readonly newUid: () => string
  /** Makes service-account tokens, and checks them. */
  readonly tokens: {
    readonly signer: TokenSigner
    readonly verifier: TokenVerifier
    readonly issuer: string
    readonly audiences: readonly string[]
    /** The longest life that tokens may ask for, in seconds; any when absent. */
    readonly longestSeconds?: number
    /** False: tokens of pods end when they were asked to, and not a year later for clients that do not read them again. */
    readonly extendsExpiration?: boolean
  }
  /** Reaches the kubelets, once there is a view of the nodes (`httpsNodeConnector` of nodeProxy.ts). */
  readonly nodes: (cluster: ClusterView) => NodeConnector
  /** `host:port`, as discovery tells clients. */
  readonly serverAddress: string
  readonly admission?: readonly AdmissionPlugin[]
  /** What can be decided about the plugins, when they are not all given. */
  readonly admissionConfiguration?: AdmissionConfiguration
  /** Who decides what callers may do, in order; nodes and roles when absent. */
  readonly authorizationModes?: readonly AuthorizationMode[]
  /** Whoever does not show who he is is refused: everywhere (false), or but at these paths. */
  readonly anonymous?: AnonymousPaths
  /** False: tokens of machines that are about to join are not known. */
  readonly bootstrapTokens?: boolean
  /** What requests may cost; `openLimits` for what is absent. */
  readonly limits?: Partial<RequestLimits>
  /** Milliseconds for which the server goes on after it was told to stop, no longer ready, so that others see it first. */
  readonly shutdownDelay?: number
  /** Further kinds of bearer tokens, asked before those that the server knows by itself. */
  readonly tokenAuthenticators?: readonly TokenAuthenticator[]
  /** Further ways to show who one is, asked after client certificates and bearer tokens. */
  readonly authenticators?: readonly Authenticator[]
  /** How this server and those that extend its API know each other; without it they see none of their certificates. */
  readonly aggregation?: AggregationOptions
  readonly healthChecks?: readonly HealthCheck[]
  readonly metrics?: MetricRegistry
  /** Who did what is noted for those who look afterwards; not when absent. */
  readonly audit?: AuditOptions
  /** The roles and bindings that are put in place at the start, before the server is ready; none when absent. */
  readonly policy?: () => readonly BootstrapObject[]
  /** What `/version` tells of the server's origin. */
  readonly build?: Build
  /** Events kept per resource for watches that start in the past; 8192 when absent. */
  readonly windowEvents?: number
  /** How long watches last at least that do not say it themselves, in seconds (`--min-request-timeout`); 1800 when absent. */
  readonly minRequestTimeoutSeconds?: number
  /** How often a watch in which nothing happens tells how far it is, in seconds; 60 when absent. */
  readonly bookmarkSeconds?: number
  /** Told of errors that are bugs; the client gets a 500. */
  readonly onBug?: (error: unknown, request: string) => void
}

export interface ApiServer {
  /**
   * Follows the store. Ready once everything stored can be served. When the signal aborts the server says that it is not
   * ready any more; after `shutdownDelay` it ends all watches and calls `drain`, which takes no new requests and resolves
   * when those under way are answered. Until then they have all that they need.
   */
  run(ready: () => void, signal: AbortSignal, drain?: () => Promise<void>): Promise<void>
  /** Answers one request. Never rejects. */
  handle(request: ServerRequest): Promise<ServerReply>
  /** Milliseconds since the epoch, by the server's clock. */
  now(): number
  readonly clock: Clock
  /** Signs a token for a Secret that holds one; it is good while the Secret is there. */
  signSecretToken(secret: Secret, account: ServiceAccount): Promise<string>
  /** Believes other clients and front proxies from now on: other authorities vouch for them. */
  changeTrust(trust: ClusterTrust): void
  /** What the server's own cache holds, for parts of the control plane that live beside it. */
  readonly cluster: ClusterView
  readonly metrics: MetricRegistry
  /** Callers in the same process ask here before each request, so that a burst of them does not hold the event loop. */
  readonly turns: Turns
}

/** Builds a server; it answers once `run` has said that it is ready. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { store, clock, random, newUid } = options
  const cache = new WatchCache({
    store,
    clock,
    ...(options.windowEvents === undefined ? {} : { windowEvents: options.windowEvents }),
  })
  const kinds = new Kinds(options.strategies.flatMap((strategy) => serveKind(strategy, schemaFor, cache)))
  const webhooks = createWebhookCaller({ clock })
  const leases = new LeasePool(store, clock)
  const cluster = createClusterView({ kinds, cache, clock, random, newUid, store, leases })
  const metrics = options.metrics ?? new MetricRegistry()
  const legacyUses = new LegacyTokenUses(metrics, (secret, body) =>
    asServer().send({
      method: 'PATCH',
      path: pathOfSecret(secret),
      query: { fieldManager: managerOf('system:apiserver') },
      body,
      contentType: 'application/merge-patch+json',
    }),
  )
  const projectedUses = new ProjectedTokenUses(metrics)
  const tokens = new ServiceAccountTokens({ ...options.tokens, newId: newUid, cluster, legacyUses, projectedUses })
  const tokenAuthenticators = [
    ...(options.tokenAuthenticators ?? []),
    tokens,
    ...(options.bootstrapTokens === false ? [] : [bootstrapTokens(cluster, tokens.audiences)]),
  ]
  const closing = new AbortController()
  const onBug = options.onBug ?? (() => {})
  const authorization = authorizationOf(kinds, cluster, options.authorizationModes)
  let isReady = false
  let isStopping = false
  const limits = { ...openLimits, ...options.limits }
  const counts = new ServerMetrics(metrics)
  const inFlight = new InFlight()
  const seats = limits.inFlight + limits.mutatingInFlight
  const flowControl = new FlowControl({ kinds, clock, metrics: counts.flowControl, seats })
  counts.follow(cache, inFlight)
  const registry: RegistryContext = {
    store,
    cache,
    clock,
    random,
    newUid,
    cluster,
    kinds,
    leases,
    admission: admissionChain(
      options.admission ??
        admissionPlugins({
          ...options.admissionConfiguration,
          webhooks,
          metrics: counts.admission,
          maySign: maySignBy(authorization),
          access: accessOf(authorization.authorizers),
        }),
      counts.admission,
    ),
    guard: (write) => checkEscalation(authorization, { ...write, current: () => cluster.current() }),
    guardChecked: (write) => checkPolicyParams(authorization.authorizers, cluster, write),
  }
  const aggregation = new Aggregation({ kinds, registry, metrics: counts.aggregation, onBug, ...options.aggregation })
  const context: ServerContext = {
    registry,
    kinds,
    aggregation,
    authenticators: [
      ...aggregation.authenticators,
      bearerTokens(tokenAuthenticators, tokens.audiences),
      ...(options.authenticators ?? []),
    ],
    tokenAuthenticators,
    issuer: {
      issuer: options.tokens.issuer,
      keysUrl: `https://${options.serverAddress}/openid/v1/jwks`,
      verifier: options.tokens.verifier,
    },
    authorization,
    tokens,
    discovery: new Discovery(kinds, aggregation.registrations, options.serverAddress),
    openApi: new OpenApiDocuments(kinds, aggregation.registrations),
    health: new Health(
      [
        { name: 'ping', of: ['livez', 'readyz'], run: () => undefined },
        { name: 'log', of: ['livez', 'readyz'], run: () => undefined },
        { name: 'etcd', of: ['livez', 'readyz'], run: () => storeProblem(store) },
        { name: 'etcd-readiness', of: ['readyz'], run: () => storeProblem(store) },
        {
          name: 'informer-sync',
          of: ['readyz'],
          run: () => (isReady ? undefined : 'the cache has not been filled yet'),
        },
        ...(options.policy === undefined
          ? []
          : [
              {
                name: 'poststarthook/rbac/bootstrap-roles',
                of: ['livez', 'readyz'] as const,
                run: () => (policy?.isThere === true ? undefined : 'the bootstrap roles are not in place'),
              },
            ]),
        ...(options.healthChecks ?? []),
        {
          name: 'shutdown',
          of: ['readyz'],
          run: () => (isStopping ? 'process is shutting down' : undefined),
        },
      ],
      metrics,
    ),
    metrics: counts,
    audit:
      options.audit === undefined
        ? undefined
        : new Audit(options.audit, { registry: metrics, newId: newUid, now: () => clock.now() }),
    nodes: options.nodes(cluster),
    version: serverVersion(options.build),
    bookmarkMs: (options.bookmarkSeconds ?? 60) * 1_000,
    minRequestTimeoutMs: (options.minRequestTimeoutSeconds ?? 1_800) * 1_000,
    limits,
    flowControl,
    inFlight,
    deadlines: new Deadlines(clock, limits.timeout),
    allowAnonymous: options.anonymous ?? true,
    closing: closing.signal,
    onBug,
  }
  const policy = options.policy === undefined ? undefined : new PolicyKeeper(options.policy, { registry, kinds, onBug })
  const asServer = (): InProcessTransport => inProcessTransport(server, componentCaller('system:apiserver'))
  const dangling = new DanglingKeeper({ flowControl, clock, transport: asServer, onBug })
  const customResources = new CustomResources({ kinds, registry, webhooks, conversions: counts.conversions, onBug })
  const server: ApiServer = {
    async run(ready, signal, drain) {
      using ending = new DisposableStack()
      const following = new AbortController()
      const end = (): void => {
        closing.abort()
        const drained = drain?.() ?? Promise.resolve()
        drained.finally(() => following.abort()).catch((error: unknown) => context.onBug(error, 'shutdown'))
      }
      const stop = (): void => {
        isStopping = true
        const { shutdownDelay = 0 } = options
        if (shutdownDelay === 0) end()
        else ending.use(clock.after(shutdownDelay, end))
      }
      signal.addEventListener('abort', stop, { once: true })
      if (signal.aborted) stop()
      try {
        await cache.follow(() => {
          adoptStored(kinds)
          customResources.start(closing.signal)
          dangling.start(closing.signal)
          isReady = true
          const begin = (): void => {
            ready()
            aggregation.start(closing.signal)
          }
          if (policy === undefined) begin()
          else policy.put(begin, closing.signal)
        }, following.signal)
      } finally {
        closing.abort()
        webhooks[Symbol.dispose]()
        aggregation[Symbol.dispose]()
        context.deadlines[Symbol.dispose]()
        signal.removeEventListener('abort', stop)
      }
    },
    handle: (request) => serve(context, request),
    now: () => clock.now(),
    clock,
    signSecretToken: (secret, account) => tokens.issueForSecret(secret, account),
    changeTrust: (trust) => aggregation.changeTrust(trust),
    cluster,
    metrics,
    turns: new Turns(clock),
  }
  return server
}

/** Lets strategies know what is taken already: addresses and ports of services. */
function adoptStored(kinds: Kinds): void {
  for (const { strategy, cache } of kinds.all()) {
    if (strategy.adopt === undefined) continue
    for (const { object } of cache.entries.list(cache.prefix)) strategy.adopt(object)
  }
}

function schemaFor(resource: Resource): NonNullable<ReturnType<typeof schemaOfKind>> {
  const { group, version, kind } = resource
  const schema = schemaOfKind({ group, version, kind })
  if (schema === undefined) throw new Error(`Cannot serve ${group}/${version} ${kind}: there is no schema for it`)
  return schema
}
