import { generateKeyPairSync } from 'node:crypto'
import { namespaces } from '#api/core/v1/namespace.ts'
import { Causes } from '#client/causes.ts'
import { clientOver, type Client } from '#client/client.ts'
import { controllerComponent } from '#client/controller.ts'
import { eventWriter } from '#client/events.ts'
import type { Transport } from '#client/transport.ts'
import { sharedInformers, type Informers } from '#client/informers.ts'
import { controllers as allControllers } from '#controllers/index.ts'
import type { ControllerConfig } from '#controllers/context.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { runComponents, type Component } from '#lib/component.ts'
import { TokenSigner, TokenVerifier } from '#lib/pki/token.ts'
import { seededRandom, type Random } from '#lib/random.ts'
import { unavailable } from '#machinery/status.ts'
import { allStrategies } from '#resources/index.ts'
import { schedulerComponent } from '#scheduler/scheduler.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { createApiServer, type ApiServer } from '#server/server.ts'
import { openMemoryStore } from '#storage/memory.ts'
import type { Store } from '#storage/store.ts'
import type { SimulatedNodeSpec } from './simulatedNode.ts'
import { simulatedNodes, type SimulatedNodes } from './simulatedNodes.ts'
import { simulatedNodeSpecs } from './simulatedNodeSpecs.ts'

export interface SimulatedClusterOptions {
  /** How many nodes, or which; 3 unless told. */
  readonly nodes?: number | readonly SimulatedNodeSpec[]
  /** Names of the controllers to run; all unless told. */
  readonly controllers?: 'all' | readonly string[]
  /** False: pods stay without a node. */
  readonly scheduler?: boolean
  readonly clock?: SimulatedClock
  /** The same seed gives the same names, uids and orders; 1 unless told. */
  readonly seed?: number
  readonly config?: Partial<ControllerConfig>
  /** Whether the nodes tell of everything that they do, or of trouble alone (unless told). */
  readonly tell?: 'everything' | 'warnings'
}

/** A whole cluster in this process. Its time moves only by `clock.advance`; nothing in it reads or writes anything real. */
export interface SimulatedCluster extends AsyncDisposable {
  readonly clock: SimulatedClock
  /** May do everything. */
  readonly client: Client
  readonly nodes: SimulatedNodes
  readonly informers: Informers
  readonly causes: Causes
  readonly server: ApiServer
  readonly store: Store
  /** What components reported and tried again. */
  readonly problems: readonly string[]
  /** Moves time on until `is` holds, in steps of a second; throws when it does not hold within `limit` of virtual time. */
  until(is: () => unknown, limit?: string): Promise<void>
  /** Ends everything. Rejects when a component failed, the server had a bug, or a timer is left. */
  stop(): Promise<void>
}

const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease']
const podBlock = '10.244.0.0/16'
/** Components that are not ready after so much virtual time will never be. */
const longestStart = 30_000

/** Starts a cluster under simulated time; resolves once every component is ready. */
export async function simulatedCluster(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
  const clock = options.clock ?? new SimulatedClock()
  const timersBefore = clock.pending
  const random = seededRandom(options.seed ?? 1)
  const problems: string[] = []
  const bugs: unknown[] = []
  const report = (problem: string, error?: unknown): void => {
    problems.push(error instanceof Error ? `${problem}: ${error.message}` : problem)
  }
  const store = openMemoryStore({ clock })
  const server = apiServerOver(store, clock, random, (error) => bugs.push(error))
  const clientOf = (name: string): Client =>
    clientOver(inProcessTransport(server, { name, groups: ['system:masters', 'system:authenticated'] }) as Transport, {
      fieldManager: name,
    })
  const client = clientOf('kube-controller-manager')
  const informers = sharedInformers({ client, clock, random, report })
  const events = eventWriter({ client, clock, random, report })
  const causes = new Causes(clock)
  const controllerParts = controllerComponents(options, { client, informers, clock, random, events, causes, report })
  const hasIpam = controllerParts.some(({ name }) => name === 'node-ipam-controller')
  const specs =
    typeof options.nodes === 'object'
      ? options.nodes
      : simulatedNodeSpecs({ count: options.nodes ?? 3, podBlocks: hasIpam ? 'none' : 'own' })
  const played = simulatedNodes({
    client: clientOf('system:nodes'),
    informers,
    clock,
    nodes: specs,
    events,
    report,
    ...(options.tell === undefined ? {} : { tell: options.tell }),
  })
  const parts: readonly Component[] = [
    component('api-server', [], (ready, signal) => server.run(ready, signal)),
    systemNamespacesComponent(client),
    loop('informers', ['system-namespaces'], (signal) => informers.run(signal)),
    loop('events', ['system-namespaces'], (signal) => events.run(signal)),
    ...controllerParts,
    ...(options.scheduler === false
      ? []
      : [
          schedulerComponent({
            client: clientOf('kube-scheduler'),
            informers,
            events: events.recorder('default-scheduler'),
            causes,
            clock,
            random,
            report,
          }),
        ]),
    played.component,
  ].map((part) => (part.name === 'api-server' ? part : { ...part, needs: ['api-server', ...startsAfter(part)] }))

  const abort = new AbortController()
  const ready = new Set<string>()
  let failure: { readonly error: unknown } | undefined
  const ended = runComponents(parts, abort.signal, (name, event) => {
    if (event === 'ready') ready.add(name)
  }).catch((error: unknown) => {
    failure = { error }
  })

  const stop = async (): Promise<void> => {
    abort.abort()
    await ended
    await store[Symbol.asyncDispose]()
    await clock.advance(0)
    if (failure !== undefined) throw failure.error
    if (bugs.length > 0) throw new AggregateError(bugs, `The API server had bugs: ${bugs.map(String).join('; ')}`)
    const left = clock.pending - timersBefore
    if (left > 0) throw new Error(`${left} timers are left after the cluster stopped`)
  }
  const until = async (is: () => unknown, limit = '10m'): Promise<void> => {
    const lapse = new SimulatedClock(0)
    await lapse.advance(limit)
    for (let waited = 0; !(await is()); waited += 1_000) {
      if (failure !== undefined) throw failure.error
      if (waited >= lapse.now()) {
        const reported = [...problems, ...bugs.map(String)].slice(-10)
        throw new Error([`It does not hold after ${limit}: ${is.toString()}`, ...reported].join('\n'))
      }
      await clock.advance(1_000)
    }
  }

  const began = clock.now()
  await clock.advance(0)
  while (ready.size < parts.length) {
    if (failure !== undefined || clock.now() - began > longestStart) {
      const late = parts.map(({ name }) => name).filter((name) => !ready.has(name))
      await stop()
      throw new Error(`The cluster does not start: ${late.join(', ')} not ready; ${problems.join('; ')}`)
    }
    await clock.advance(100)
  }
  return {
    clock,
    client: clientOf('kubectl'),
    nodes: played,
    informers,
    causes,
    server,
    store,
    problems,
    until,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function apiServerOver(
  store: Store,
  clock: SimulatedClock,
  random: Random,
  onBug: (error: unknown) => void,
): ApiServer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = 'https://kubernetes.default.svc.cluster.local'
  const refuse = async (node: string): Promise<never> => {
    throw unavailable(`Simulated node "${node}" has no containers to connect to`)
  }
  return createApiServer({
    store,
    strategies: allStrategies({ addresses: '10.96.0.0/12', nodePorts: [30_000, 32_767] }),
    clock,
    random,
    newUid: () => uidFrom(random),
    tokens: {
      signer: new TokenSigner(privateKey),
      verifier: new TokenVerifier({ keys: [publicKey], issuers: [issuer] }),
      issuer,
      audiences: [issuer],
    },
    nodes: () => ({ request: refuse, upgrade: refuse }),
    serverAddress: '127.0.0.1:6443',
    onBug,
  })
}

/** A random UUID (version 4) of the simulation's own randomness. */
function uidFrom(random: Random): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random.next() * 16).toString(16))
  hex[12] = '4'
  hex[16] = '89ab'[Math.floor(random.next() * 4)]!
  const text = hex.join('')
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-')
}

function controllerComponents(
  options: SimulatedClusterOptions,
  around: Omit<Parameters<(typeof allControllers)[number]>[0], 'config'> & {
    readonly report: (problem: string, error: unknown) => void
  },
): readonly Component[] {
  const config: ControllerConfig = { rootCertificate: 'simulated', podCidrs: [podBlock], ...options.config }
  const made = allControllers.map((make) => make({ ...around, config }))
  const wanted = options.controllers ?? 'all'
  const names = new Set(made.map(({ name }) => name))
  for (const name of wanted === 'all' ? [] : wanted) {
    if (!names.has(name)) throw new Error(`There is no controller "${name}": there are ${[...names].join(', ')}`)
  }
  return made
    .filter(({ name }) => wanted === 'all' || wanted.includes(name))
    .map((controller) => controllerComponent(controller, { clock: around.clock, report: around.report }))
}

function systemNamespacesComponent(client: Client): Component {
  return {
    name: 'system-namespaces',
    async run(ready, signal) {
      for (const name of systemNamespaces) await client.create(namespaces, { metadata: { name }, spec: {} }, { signal })
      ready()
      await aborted(signal)
    },
  }
}

function component(name: string, needs: readonly string[], run: Component['run']): Component {
  return { name, needs, run }
}

/** A part that is ready as soon as it runs. */
function loop(name: string, needs: readonly string[], run: (signal: AbortSignal) => Promise<void>): Component {
  return {
    name,
    needs,
    async run(ready, signal) {
      ready()
      await run(signal)
    },
  }
}

function startsAfter({ name, needs = [] }: Component): readonly string[] {
  if (name === 'system-namespaces') return []
  return [...new Set(['system-namespaces', ...needs.filter((need) => need !== 'api-server')])]
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
