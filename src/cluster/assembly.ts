import { createPrivateKey, createPublicKey, randomUUID } from 'node:crypto'
import { configMaps } from '#api/core/v1/configMap.ts'
import { nodes } from '#api/core/v1/node.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import { pods } from '#api/core/v1/pod.ts'
import { secrets } from '#api/core/v1/secret.ts'
import { services } from '#api/core/v1/service.ts'
import { ingresses } from '#api/networking/v1/ingress.ts'
import { ingressClasses } from '#api/networking/v1/ingressClass.ts'
import type { Resource } from '#api/resource.ts'
import { clientOver, type Client, type Selection } from '#client/client.ts'
import type { Controller } from '#client/controller.ts'
import { Causes } from '#client/causes.ts'
import { eventWriter, type EventWriter } from '#client/events.ts'
import { httpsTransport } from '#client/https.ts'
import { sharedInformers, type Informers } from '#client/informers.ts'
import type { Transport } from '#client/transport.ts'
import {
  ensureCertificates,
  frontProxyHeaders,
  ingressUser,
  proxyUser,
  readCredentials,
  type ClusterCertificates,
  type Credentials,
} from './certificates.ts'
import { ownBuild } from './build.ts'
import { clusterPolicy } from './roles.ts'
import type { SchedulerFile } from './schedulerFile.ts'
import { serverNames } from './addresses.ts'
import type { Surroundings } from '#cluster/commands/command.ts'
import type { ClusterConfig } from './config.ts'
import type { Roots } from '#cluster/place/layout.ts'
import { findOwnPlace, type Place } from '#cluster/place/place.ts'
import { rangesOf } from '#cluster/place/ranges.ts'
import { urlHost } from '#lib/net/ip.ts'
import { logNameOf } from './partLogs.ts'
import { loadBalancerController } from '#loadBalancer/controller.ts'
import { loadBalancerPool } from './loadBalancerPool.ts'
import { controlPlaneName } from './processes.ts'
import { partChecksOfProcess } from './partChecks.ts'
import { addStoreMetrics } from './storeMetrics.ts'
import { clusterPaths, type ClusterPaths, type ClusterRecord, type NodeRecord } from './record.ts'
import type { FileAuthentication } from './server/authenticationFile.ts'
import type { OpenAudit } from './server/openAudit.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import { messageOf, stackOf } from '#lib/errorText.ts'
import type { Host } from '#lib/host/host.ts'
import type { Logger } from '#lib/log.ts'
import { TokenSigner, TokenVerifier } from '#lib/pki/token.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import type { Random } from '#lib/random.ts'
import { controllers as allControllers } from '#controllers/index.ts'
import type { MakeController } from '#controllers/context.ts'
import { makeControllers } from '#controllers/makeControllers.ts'
import { controllerMetrics } from '#controllers/metrics.ts'
import { removerOf } from '#machinery/localVolumes.ts'
import { metricsObjects } from '#metrics/api.ts'
import { scrapeInterval } from '#metrics/scrape.ts'
import { MetricsStore } from '#metrics/store.ts'
import { firstThatKnows, type UsageSource } from '#metrics/usage.ts'
import { definitions } from '#machinery/schema/load.ts'
import { allStrategies } from '#resources/index.ts'
import { PodAdmission } from '#networkPolicy/admission.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { httpsNodeConnector, type NodeConnector } from '#server/nodeProxy.ts'
import { usualLimits } from '#server/requestLimits.ts'
import { createApiServer, type ApiServer } from '#server/server.ts'
import type { TokenAuthenticator } from '#server/authenticate/tokenAuthenticator.ts'
import { secretIssuer } from '#server/authenticate/serviceAccountTokens.ts'
import { componentCaller, controllerCaller, managerOf } from '#server/identities.ts'
import type { BootstrapObject } from '#server/authorize/bootstrap/policy.ts'
import type { Caller } from '#server/strategy.ts'
import { openSqliteStore } from '#storage/sqlite.ts'
import type { Store } from '#storage/store.ts'

/** The part of a control plane that its process keeps, beside the components that run in it. */
export interface ControlPlane {
  readonly store: Store
  readonly server: ApiServer
  readonly certificates: ClusterCertificates
  /** Keeps the audit log; absent where the cluster has none. */
  readonly audit: Component | undefined
  /** What nodes and pods use; absent where the cluster does not tell. */
  readonly metrics?: ClusterMetrics
}

/** What is read of all nodes, and where else their use is known. */
export interface ClusterMetrics {
  readonly store: MetricsStore
  /** Those that know of nodes which are not asked over the network, beside the store. */
  readonly others: UsageSource[]
  /** Asks the kubelet of a node. */
  readonly nodes: NodeConnector & Disposable
}

/** Everything that the components of one node's process are made from. */
export interface Assembly {
  readonly host: Host
  readonly roots: Roots
  readonly clock: Clock
  readonly random: Random
  readonly record: ClusterRecord
  readonly paths: ClusterPaths
  readonly nodeName: string
  /** The node that runs containers in this process; absent in a cluster that only has simulated ones. */
  readonly node: NodeRecord | undefined
  readonly place: Place | undefined
  /** The command line that runs this program, and the environment that what it starts is to have. */
  readonly program: readonly string[]
  readonly environment: Surroundings['environment']
  readonly controlPlane: ControlPlane | undefined
  /** PEM of the cluster's authority. */
  readonly authority: string
  /** With which this node's agent answers the API server. */
  readonly nodeServer: Credentials | undefined
  /** A client that speaks as one of the components. Over the network: as the node, or as its proxy. */
  clientOf(user: string): Client
  /** Made where the control plane runs. */
  readonly controllers: readonly Controller[]
  /** The file with the name servers of this machine, as they are reached from a place. */
  readonly resolvConf: string
  readonly informers: Informers
  readonly events: EventWriter
  readonly causes: Causes
  /** Between the kubelet of this process and its network policies. */
  readonly podAdmission: PodAdmission
  /** What the node's network counts: served by the proxy of this process. */
  readonly networkMetrics: MetricRegistry
  /** What the cluster's KubeSchedulerConfiguration says; read where the control plane runs. */
  readonly schedulerFile: SchedulerFile | undefined
  /** The names of the components of this process that are ready; whoever runs them says so here. */
  readonly ready: Set<string>
  /** The log of a component, and how it tells there what went wrong and is tried again. */
  logOf(component: string): { readonly log: Logger; readonly report: (problem: string, error?: unknown) => void }
}

/** The audience and issuer of service-account tokens. */
const issuer = 'https://kubernetes.default.svc.cluster.local'

/** Reads what a node's process needs and opens what it holds. */
export async function assembleNode(
  surroundings: Surroundings,
  record: ClusterRecord,
  nodeName: string,
  log: Logger,
): Promise<Assembly> {
  const { host, clock, random, roots, program, environment } = surroundings
  const paths = clusterPaths(record.config.name, roots)
  const node = record.nodes.find(({ name }) => name === nodeName)
  const place = await findOwnPlace(host, record.config.name, nodeName, roots)
  const logOf = (component: string): ReturnType<Assembly['logOf']> => {
    const own = log.child(logNameOf(component))
    return {
      log: own,
      report: (problem, error) => own.warn(problem, error === undefined ? {} : { error: messageOf(error) }),
    }
  }
  let controllers: readonly Controller[] = []
  const ready = new Set<string>()
  const controlPlane =
    nodeName === controlPlaneName
      ? await openControlPlane(
          surroundings,
          record,
          paths,
          logOf('api-server').log,
          () => clusterPolicy(controllers),
          ready,
        )
      : undefined
  const folder = paths.nodeFolder(nodeName)
  const authority =
    controlPlane?.certificates.authority ?? (await host.files.readText(`${paths.certificateFolder}/ca.crt`))!
  const clientOf =
    controlPlane === undefined
      ? await remoteClients(host, record, authority, folder)
      : (user: string) => inProcessClient(controlPlane.server, componentCaller(user), managerOf(user))
  const own = clientOf(controlPlane === undefined ? `system:node:${nodeName}` : 'system:kube-controller-manager')
  const shared = { client: own, clock, random, report: logOf('informers').report }
  const informers = sharedInformers({
    ...shared,
    ...(controlPlane === undefined
      ? { clientFor: readAsOthers(clientOf(proxyUser), clientOf(removerOf(nodeName)), clientOf(ingressUser)) }
      : {}),
  })
  const events = eventWriter(shared)
  const causes = new Causes(clock)
  if (controlPlane !== undefined) {
    const { signSecretToken } = controlPlane.server
    const config = {
      rootCertificate: authority,
      podCidrs: rangesOf(record.config.podRange),
      signSecretToken,
      certificateAuthority: () => controlPlane.certificates.signer,
      localVolumeFolder: (name: string) => paths.volumeFolder(name),
    }
    const metrics = controllerMetrics(controlPlane.server.metrics)
    const context = { informers, clock, random, events, causes, metrics, config }
    const pool = loadBalancerPool(record)
    const loadBalancers: readonly MakeController[] =
      pool === undefined ? [] : [(from) => loadBalancerController({ ...from, pool })]
    controllers = makeControllers([...allControllers, ...loadBalancers], context, (account) =>
      inProcessClient(controlPlane.server, controllerCaller(account), 'kube-controller-manager'),
    )
  }
  return {
    host,
    roots,
    clock,
    random,
    record,
    paths,
    nodeName,
    node,
    place,
    program,
    environment,
    controlPlane,
    authority,
    nodeServer: await readCredentials(host.files, `${folder}/server`),
    clientOf,
    resolvConf: await findResolvConf(host),
    informers,
    events,
    causes,
    podAdmission: new PodAdmission(),
    networkMetrics: new MetricRegistry(),
    schedulerFile: controlPlane === undefined ? undefined : await schedulerFileOf(host, record.config),
    controllers,
    ready,
    logOf,
  }
}

async function auditOf(
  surroundings: Surroundings,
  { audit }: ClusterConfig,
  log: Logger,
): Promise<OpenAudit | undefined> {
  if (audit === undefined) return undefined
  const { openAudit } = await import('./server/openAudit.ts')
  const { fileReader } = await import('./server/credentials.ts')
  return openAudit(audit, fileReader(surroundings), surroundings.clock, log)
}

/** Whoever uses none pays for none. */
async function schedulerFileOf(
  { files }: Host,
  { schedulerConfig }: ClusterConfig,
): Promise<SchedulerFile | undefined> {
  if (schedulerConfig === undefined) return undefined
  const { readSchedulerFile } = await import('./schedulerFile.ts')
  return readSchedulerFile(files, schedulerConfig)
}

/** The clients of a worker: with the certificates of its proxy and of its volumes, and as the node for all else. */
async function remoteClients(
  host: Host,
  { server }: ClusterRecord,
  authority: string,
  folder: string,
): Promise<(user: string) => Client> {
  const clientWith = async (name: keyof typeof managers): Promise<Client> => {
    const { certificate, key } = (await readCredentials(host.files, `${folder}/${name}`))!
    const transport = httpsTransport({
      url: `https://${urlHost(server.address)}:${server.port}`,
      tls: { authority, certificate, key },
      userAgent: 'k8ts-agent',
    })
    return clientOver(transport, { fieldManager: managers[name] })
  }
  const [node, proxy, volumes] = [await clientWith('client'), await clientWith('proxy'), await clientWith('volumes')]
  const ingress = await clientWith('ingress')
  return (user) =>
    user === proxyUser ? proxy : user === ingressUser ? ingress : user.startsWith(removerOf('')) ? volumes : node
}

/** By the names of certificates: under which name what is written belongs to its writer. */
const managers = { client: 'kubelet', proxy: 'kube-proxy', volumes: 'local-volumes', ingress: 'ingress' } as const

/** Nodes read themselves and their own pods; volumes, and what others need of the whole cluster, is not theirs to read. */
function readAsOthers(
  proxy: Client,
  volumes: Client,
  ingress: Client,
): (resource: Resource, selection: Selection) => Client | undefined {
  const ofIngress = new Set([ingresses.plural, ingressClasses.plural, secrets.plural])
  return ({ plural }, { fieldSelector, namespace }) => {
    if (plural === persistentVolumes.plural) return volumes
    if (ofIngress.has(plural) || (plural === configMaps.plural && namespace === undefined)) return ingress
    const isOwn = (plural === pods.plural || plural === nodes.plural) && fieldSelector !== undefined
    return isOwn || plural === services.plural ? undefined : proxy
  }
}

function inProcessClient(server: ApiServer, caller: Caller | (() => Caller), fieldManager: string): Client {
  return clientOver(inProcessTransport(server, caller) as Transport, { fieldManager })
}

async function openControlPlane(
  surroundings: Surroundings,
  record: ClusterRecord,
  paths: ClusterPaths,
  log: Logger,
  policy: () => readonly BootstrapObject[],
  ready: ReadonlySet<string>,
): Promise<ControlPlane> {
  const { host, clock, random } = surroundings
  const { config, server: at } = record
  await host.files.makeFolder(paths.storeFolder, 0o700)
  const opening = openSqliteStore({
    directory: paths.storeFolder,
    clock,
    history: { bytes: config.history.megabytes * 1024 * 1024, milliseconds: config.history.hours * 3_600_000 },
  })
  // Awaited below; should what comes before it fail, that is what is told.
  opening.catch(() => {})
  const certificates = await ensureCertificates(host.files, paths.certificateFolder, clock.now(), serverNames(record))
  const { tokens: tokenAuthenticators, anonymous } = await furtherAuthentication(surroundings, config)
  const audit = await auditOf(surroundings, config, log)
  const tokenKey = createPrivateKey(certificates.tokenKey)
  const { certificate, key } = certificates.kubeletClient
  const usage: Pick<ClusterMetrics, 'store' | 'others'> | undefined =
    config.metrics === false ? undefined : { store: new MetricsStore(scrapeInterval), others: [] }
  const strategies = allStrategies({
    addresses: config.serviceRange,
    nodePorts: config.nodePorts,
    controlPlane: partChecksOfProcess(ready, () => store),
    ...(usage === undefined
      ? {}
      : {
          metrics: metricsObjects(
            firstThatKnows(() => [...usage.others, usage.store]),
            clock,
          ),
        }),
  })
  // Parsed while the store's thread starts; whatever is served needs them.
  definitions()
  const store = await opening
  const server = createApiServer({
    store,
    strategies,
    clock,
    random,
    newUid: randomUUID,
    tokens: {
      signer: new TokenSigner(tokenKey),
      verifier: new TokenVerifier({ keys: [createPublicKey(tokenKey)], issuers: [issuer, secretIssuer] }),
      issuer,
      audiences: [issuer],
    },
    nodes: (cluster) => httpsNodeConnector(cluster, { authority: certificates.authority, certificate, key }),
    serverAddress: `${urlHost(at.address)}:${at.port}`,
    tokenAuthenticators,
    ...(anonymous === undefined ? {} : { anonymous }),
    limits: usualLimits,
    ...(audit === undefined ? {} : { audit: audit.options }),
    aggregation: {
      identity: certificates.frontProxyClient,
      trust: { clientAuthority: certificates.authority, requestHeader: frontProxyHeaders(certificates) },
    },
    policy,
    ...(ownBuild === undefined ? {} : { build: ownBuild }),
    onBug: (error, request) =>
      log.error('A bug in serving a request', {
        request,
        error: stackOf(error),
      }),
  })
  addStoreMetrics(server.metrics, paths.storeFolder)
  const parts = { store, server, certificates, audit: audit?.component }
  if (usage === undefined) return parts
  const nodes = httpsNodeConnector(server.cluster, { authority: certificates.authority, certificate, key })
  return { ...parts, metrics: { ...usage, nodes } }
}

/** Who is known beside those of the cluster itself. Whoever uses none pays for none. */
async function furtherAuthentication(
  { host: { files }, clock }: Surroundings,
  { authentication = {} }: ClusterConfig,
): Promise<FileAuthentication> {
  const { tokenFile, oidc, configFile } = authentication
  const tokens: TokenAuthenticator[] = []
  const read = async (path: string): Promise<string> => {
    const text = await files.readText(path)
    if (text === undefined) throw new Error(`there is no file ${path}, which the configuration names`)
    return text
  }
  if (tokenFile !== undefined) {
    const { staticTokens } = await import('#server/authenticate/staticTokens.ts')
    tokens.push(staticTokens(await read(tokenFile), [issuer]))
  }
  if (oidc !== undefined) {
    const { oidcTokens } = await import('#server/authenticate/oidc.ts')
    const { authorityFile, ...provider } = oidc
    const authority = authorityFile === undefined ? {} : { authority: await read(authorityFile) }
    tokens.push(oidcTokens({ ...provider, ...authority, serverAudiences: [issuer], clock }))
  }
  if (configFile === undefined) return { tokens }
  const { readAuthenticationFile } = await import('./server/authenticationFile.ts')
  const file = await readAuthenticationFile(read, configFile, { audiences: [issuer], issuers: [issuer], clock })
  return { ...file, tokens: [...tokens, ...file.tokens] }
}

/** Behind a name server on the loopback address stand others, which alone are reached from another network namespace. */
async function findResolvConf({ files }: Host): Promise<string> {
  const usual = '/etc/resolv.conf'
  const servers = [...((await files.readText(usual)) ?? '').matchAll(/^nameserver\s+(\S+)/gm)].map(
    ([, server]) => server!,
  )
  const behind = '/run/systemd/resolve/resolv.conf'
  const onlyLocal = servers.length > 0 && servers.every((server) => server.startsWith('127.') || server === '::1')
  return onlyLocal && (await files.status(behind)) !== undefined ? behind : usual
}
