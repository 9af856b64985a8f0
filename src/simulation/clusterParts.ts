import { generateKeyPairSync } from 'node:crypto'
import { namespaces } from '#api/core/v1/namespace.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import { priorityClasses } from '#api/scheduling/v1/priorityClass.ts'
import { Causes } from '#client/causes.ts'
import { clientOver, type Client, type Draft } from '#client/client.ts'
import { controllerComponent, type Controller } from '#client/controller.ts'
import { eventWriter } from '#client/events.ts'
import { sharedInformers, type Informers } from '#client/informers.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { Transport } from '#client/transport.ts'
import type { ControllerConfig, Heartbeats } from '#controllers/context.ts'
import { controllers as allControllers } from '#controllers/index.ts'
import { makeControllers, permissionsOf } from '#controllers/makeControllers.ts'
import { controllerMetrics } from '#controllers/metrics.ts'
import { untilAborted } from '#lib/async/abort.ts'
import { queueMetrics } from '#lib/async/queueMetrics.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import { createAuthority, type Authority } from '#lib/pki/certificate.ts'
import { TokenSigner, TokenVerifier } from '#lib/pki/token.ts'
import { randomInteger, type Random } from '#lib/random.ts'
import { removerOf, standardStorageClass, usualVolumeFolder } from '#machinery/localVolumes.ts'
import { systemPriorityClasses } from '#machinery/priorityClasses.ts'
import { metricsObjects, type MetricsObjects } from '#metrics/api.ts'
import { firstThatKnows, type UsageSource } from '#metrics/usage.ts'
import { isReason, unavailable } from '#machinery/status.ts'
import type { PartChecks } from '#resources/core/componentStatus.ts'
import { allStrategies } from '#resources/index.ts'
import { schedulerComponent, type SchedulerOptions } from '#scheduler/scheduler.ts'
import { nodeVolumesRole } from '#server/authorize/bootstrap/nodeVolumesRole.ts'
import { bootstrapPolicy, type BootstrapObject } from '#server/authorize/bootstrap/policy.ts'
import { secretIssuer } from '#server/authenticate/serviceAccountTokens.ts'
import { storeProblem } from '#server/health.ts'
import { componentCaller, controllerCaller, managerOf } from '#server/identities.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { createApiServer, type ApiServer } from '#server/server.ts'
import type { Caller } from '#server/strategy.ts'
import type { Store } from '#storage/store.ts'
import type { ContainerBehaviour, DeclaredBehaviour } from './behaviour.ts'
import { simulatedLoad } from './load.ts'
import type { SimulatedNodeSpec } from './simulatedNode.ts'
import { simulatedNodes, type SimulatedNodes } from './simulatedNodes.ts'
import { simulatedVolumes } from './simulatedVolumes.ts'
import { simulatedNodeSpecs } from './simulatedNodeSpecs.ts'

/** What a cluster without machines consists of. */
export interface ClusterPartsOptions {
  /** How many nodes, or which; 3 unless told. */
  readonly nodes?: number | readonly SimulatedNodeSpec[]
  /** Names of the controllers to run; all unless told. */
  readonly controllers?: 'all' | readonly string[]
  /** False: pods stay without a node. As usual unless told. */
  readonly scheduler?: boolean | Pick<SchedulerOptions, 'configuration' | 'furtherPlugins'>
  readonly config?: Partial<ControllerConfig>
  /**
   * How nodes say that they are alive: by `leases` every ten seconds (unless told), or `directly` to the controller that asks,
   * with a lease every day; days of simulated time pass quickly then.
   */
  readonly heartbeats?: 'leases' | 'directly'
  /** Whether the nodes tell of everything that they do, or of trouble alone (unless told). */
  readonly tell?: 'everything' | 'warnings'
  /** What containers do of which nothing is asked. */
  readonly habits?: ContainerBehaviour
  /** What a test says that containers do; goes before annotations and habits. Made with the cluster's copies. */
  readonly declared?: (informers: Informers) => DeclaredBehaviour
  /** False: the cluster does not tell what nodes and pods use. */
  readonly metrics?: boolean
}

/** What it lives in. */
export interface ClusterSurroundings {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  /** Told of what went wrong and will be tried again. */
  readonly report: (problem: string, error?: unknown) => void
  /** Told of errors of the API server that are bugs. */
  readonly onBug: (error: unknown) => void
}

export interface ClusterParts {
  readonly components: readonly Component[]
  readonly server: ApiServer
  /** May do everything. */
  readonly client: Client
  readonly informers: Informers
  readonly causes: Causes
  readonly nodes: SimulatedNodes
}

const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease']
const podBlock = '10.244.0.0/16'
/** The lease of a node that says otherwise that it is alive. */
const slowLeaseSeconds = 4 * 86_400
/** Watches within a process need not end to find another server. */
const slowWatchSeconds = 6 * 3_600

/** Puts a whole cluster together in this process: API server, scheduler, controllers and simulated nodes over one store. */
export function clusterParts(options: ClusterPartsOptions, around: ClusterSurroundings): ClusterParts {
  const { clock, random, report } = around
  const isSlow = options.heartbeats === 'directly'
  let controllers: readonly Controller[] = []
  const usage: UsageSource[] = []
  const metrics =
    options.metrics === false
      ? undefined
      : metricsObjects(
          firstThatKnows(() => usage),
          clock,
        )
  const policy = () => bootstrapPolicy(permissionsOf(controllers), [nodeVolumesRole])
  // All of it runs or ends together: by itself only the store can fail.
  const controlPlane: PartChecks = {
    'controller-manager': () => undefined,
    'etcd-0': () => storeProblem(around.store),
    scheduler: () => (options.scheduler === false ? 'this cluster has no scheduler' : undefined),
  }
  const server = apiServerOver(around, controlPlane, metrics, policy, isSlow)
  const clientAs = (caller: Caller | (() => Caller), fieldManager: string): Client =>
    clientOver(inProcessTransport(server, caller) as Transport, { fieldManager })
  const clientOf = (name: string): Client => clientAs(componentCaller(name), managerOf(name))
  const client = clientOf('system:kube-controller-manager')
  const watchSeconds = isSlow ? { watchSeconds: slowWatchSeconds } : {}
  const informers = sharedInformers({ client, clock, random, report, ...watchSeconds })
  const events = eventWriter({ client, clock, random, report })
  const causes = new Causes(clock)
  const shared = { informers, clock, random, causes, report }
  const config = {
    rootCertificate: 'simulated',
    podCidrs: [podBlock],
    localVolumeFolder: usualVolumeFolder,
    signSecretToken: server.signSecretToken,
    certificateAuthority: simulatedAuthority(clock),
    ...(isSlow ? { heartbeats: heartbeatsOf(() => nodes.heartbeats), discoveryMilliseconds: 3_600_000 } : {}),
    ...options.config,
  }
  const counts = controllerMetrics(server.metrics)
  controllers = makeControllers(allControllers, { ...shared, events, metrics: counts, config }, (account) =>
    clientAs(controllerCaller(account), 'kube-controller-manager'),
  )
  const running = chosenControllers(controllers, options.controllers ?? 'all')
  const queueObserver = queueMetrics(server.metrics, clock)
  const controllerParts = running.map((controller) => controllerComponent(controller, { clock, queueObserver, report }))
  const hasIpam = running.some(({ name }) => name === 'node-ipam-controller')
  const specs =
    typeof options.nodes === 'object'
      ? options.nodes
      : simulatedNodeSpecs({ count: options.nodes ?? 3, podBlocks: hasIpam ? 'none' : 'own' })
  const nodes: SimulatedNodes = simulatedNodes({
    ...(isSlow ? { leaseSeconds: slowLeaseSeconds } : {}),
    clientOf: (name) => clientOf(`system:node:${name}`),
    informers,
    clock,
    nodes: specs,
    events,
    report,
    ...(options.tell === undefined ? {} : { tell: options.tell }),
    ...(options.habits === undefined ? {} : { habits: options.habits }),
    ...(options.declared === undefined ? {} : { declared: options.declared(informers) }),
  })
  const volumes = simulatedVolumes({
    clientOf: (name) => clientOf(removerOf(name)),
    folderOf: config.localVolumeFolder,
    answers: (name) => nodes.answers(name),
    onChange: (handle) => nodes.heartbeats.onChange(handle),
    informers,
    events,
    clock,
    report,
  })
  const scheduling = { ...shared, client: clientOf('system:kube-scheduler'), events, metrics: server.metrics }
  const schedulers =
    options.scheduler === false
      ? []
      : [schedulerComponent({ ...scheduling, ...(typeof options.scheduler === 'object' ? options.scheduler : {}) })]
  usage.push(simulatedLoad({ informers, clock, nodes }))
  const components: readonly Component[] = [
    { name: 'api-server', run: (ready, signal) => server.run(ready, signal) },
    systemObjectsComponent(clientOf('system:apiserver')),
    loop('informers', (signal) => informers.run(signal)),
    loop('events', (signal) => events.run(signal)),
    ...[...controllerParts, ...schedulers, nodes.component, volumes].map((part) => ({
      ...part,
      needs: ['system-objects', ...(part.needs ?? [])],
    })),
  ]
  const administrator = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] }
  return { components, server, client: clientAs(administrator, 'kubectl'), informers, causes, nodes }
}

function apiServerOver(
  { store, clock, random, onBug }: ClusterSurroundings,
  controlPlane: PartChecks,
  metrics: MetricsObjects | undefined,
  policy: () => readonly BootstrapObject[],
  isSlow: boolean,
): ApiServer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = 'https://kubernetes.default.svc.cluster.local'
  const refuse = async (node: string): Promise<never> => {
    throw unavailable(`Simulated node "${node}" has no containers to connect to`)
  }
  return createApiServer({
    store,
    strategies: allStrategies({
      addresses: '10.96.0.0/12',
      nodePorts: [30_000, 32_767],
      controlPlane,
      ...(metrics === undefined ? {} : { metrics }),
    }),
    clock,
    random,
    newUid: () => uidFrom(random),
    tokens: {
      signer: new TokenSigner(privateKey),
      verifier: new TokenVerifier({ keys: [publicKey], issuers: [issuer, secretIssuer] }),
      issuer,
      audiences: [issuer],
    },
    nodes: () => ({ request: refuse, upgrade: refuse }),
    serverAddress: '127.0.0.1:6443',
    policy,
    onBug,
    ...(isSlow ? { bookmarkSeconds: slowWatchSeconds } : {}),
  })
}

/** A random UUID (version 4) of the simulation's own randomness. */
function uidFrom(random: Random): string {
  const word = (): string =>
    randomInteger(random, 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  const [a, b, c, d] = [word(), word(), word(), word()]
  const variant = '89ab'[randomInteger(random, 4)]!
  return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-${variant}${c.slice(1, 4)}-${c.slice(4)}${d}`
}

function chosenControllers(made: readonly Controller[], wanted: 'all' | readonly string[]): readonly Controller[] {
  const names = new Set(made.map(({ name }) => name))
  for (const name of wanted === 'all' ? [] : wanted) {
    if (!names.has(name)) throw new Error(`There is no controller "${name}": there are ${[...names].join(', ')}`)
  }
  return made.filter(({ name }) => wanted === 'all' || wanted.includes(name))
}

function systemObjectsComponent(client: Client): Component {
  return {
    name: 'system-objects',
    needs: ['api-server'],
    async run(ready, signal) {
      // Some are there already: namespaces that were made with the roles in them, and all of them after a restart.
      const ensure = async <T extends KubeObject>(resource: Resource<T>, object: Draft<T>): Promise<void> => {
        await client.create(resource, object, { signal }).catch((error: unknown) => {
          if (!isReason(error, 'AlreadyExists')) throw error
        })
      }
      const isNew = (await unlessGone(client.get(namespaces, { name: 'default' }, { signal }))) === undefined
      if (isNew) await ensure(storageClasses, standardStorageClass)
      for (const name of systemNamespaces) await ensure(namespaces, { metadata: { name }, spec: {} })
      for (const [name, { value, description }] of Object.entries(systemPriorityClasses)) {
        await ensure(priorityClasses, { metadata: { name }, value, description })
      }
      ready()
      await untilAborted(signal)
    },
  }
}

/** Signs the certificates of a cluster without machines; made when the first one is asked for. */
function simulatedAuthority(clock: Clock): () => Authority {
  let made: Authority | undefined
  const validity = () => ({ notBefore: clock.now() - 3_600_000, notAfter: clock.now() + 10 * 365 * 86_400_000 })
  return () => (made ??= createAuthority({ commonName: 'simulated' }, validity()))
}

/** Those of nodes that are yet to be made. */
function heartbeatsOf(made: () => Heartbeats): Heartbeats {
  return { lastHeard: (node) => made().lastHeard(node), onChange: (handle) => made().onChange(handle) }
}

/** A part that is ready as soon as it runs. */
function loop(name: string, run: (signal: AbortSignal) => Promise<void>): Component {
  return {
    name,
    needs: ['system-objects'],
    async run(ready, signal) {
      ready()
      await run(signal)
    },
  }
}
