import { leases } from '#api/coordination/v1/lease.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { PodStatus } from '#api/core/v1/podStatus.ts'
import { Causes } from '#client/causes.ts'
import { clientOver, type Client } from '#client/client.ts'
import { runController, type Controller } from '#client/controller.ts'
import { eventWriter } from '#client/events.ts'
import { keyOf } from '#client/index.ts'
import { sharedInformers, type Informers } from '#client/informers.ts'
import { microTimeText, timeText } from '#machinery/time.ts'
import type { ApiRequest, Transport } from '#client/transport.ts'
import type { ControllerContext, MakeController } from '#controllers/context.ts'
import { makeControllers, permissionsOf } from '#controllers/makeControllers.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { generateKey } from '#lib/pki/certificate.ts'
import { TokenSigner, TokenVerifier } from '#lib/pki/token.ts'
import { seededRandom, type Random } from '#lib/random.ts'
import { isReason } from '#machinery/status.ts'
import { allStrategies } from '#resources/index.ts'
import { bootstrapPolicy } from '#server/authorize/bootstrap/policy.ts'
import { secretIssuer } from '#server/authenticate/serviceAccountTokens.ts'
import { componentCaller, controllerCaller } from '#server/identities.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { createApiServer, type ApiServer } from '#server/server.ts'
import type { Caller } from '#server/strategy.ts'
import { openMemoryStore } from '#storage/memory.ts'
import { controllerMetrics } from '#controllers/metrics.ts'

/** A control plane without nodes of its own: a server in memory, controllers, and somebody who plays the kubelets. */
export interface TestCluster extends AsyncDisposable {
  readonly clock: SimulatedClock
  readonly random: Random
  readonly server: ApiServer
  readonly client: Client
  readonly informers: Informers
  readonly causes: Causes
  /** Writes that reached the server, as `METHOD path`. */
  readonly writes: string[]
  /** What controllers and informers reported. */
  readonly reported: string[]
  /** Nodes whose kubelets have stopped. */
  readonly silent: Set<string>
  /** Moves time until this holds; fails after `within` (two minutes). */
  until(what: string, holds: () => boolean | Promise<boolean>, within?: string): Promise<void>
  /** Pods of a namespace that are not being deleted. */
  livePods(namespace?: string): readonly Pod[]
}

export interface TestClusterOptions {
  readonly controllers: readonly MakeController[]
  readonly seed?: number
  readonly nodes?: readonly string[]
  /** Refuses a request of the controllers instead of sending it. */
  readonly refuse?: (request: ApiRequest) => Error | undefined
  /** How long a pod takes to become ready and to end, in milliseconds; chosen at random up to 2 s when absent. */
  readonly podDelay?: (random: Random) => number
  /** Whether a pod becomes ready at all. */
  readonly becomesReady?: (pod: Pod) => boolean
}

export const namespace = 'default'

export async function startCluster(options: TestClusterOptions): Promise<TestCluster> {
  const clock = new SimulatedClock()
  const random = seededRandom(options.seed ?? 1)
  const store = openMemoryStore({ clock })
  const { privateKey, publicKey } = generateKey()
  let uids = 0
  const bugs: unknown[] = []
  const server = createApiServer({
    store,
    strategies: allStrategies({ addresses: '10.96.0.0/16', nodePorts: [30000, 32767] }),
    clock,
    random,
    newUid: () => `00000000-0000-4000-8000-${String(++uids).padStart(12, '0')}`,
    tokens: {
      signer: new TokenSigner(privateKey),
      verifier: new TokenVerifier({ keys: [publicKey], issuers: ['test', secretIssuer] }),
      issuer: 'test',
      audiences: ['test'],
    },
    nodes: () => ({
      request: () => Promise.reject(new Error('There are no kubelets')),
      upgrade: () => Promise.reject(new Error('There are no kubelets')),
    }),
    serverAddress: '127.0.0.1:6443',
    policy: () => bootstrapPolicy(permissionsOf(controllers)),
    onBug: (error) => bugs.push(error),
  })
  const writes: string[] = []
  const watched = (caller: Caller | (() => Caller)): Client => {
    const direct = inProcessTransport(server, caller)
    return clientOver({
      ...direct,
      send(request, signal) {
        const refusal = options.refuse?.(request)
        if (refusal !== undefined) return Promise.reject(refusal)
        if (request.method !== 'GET') writes.push(`${request.method} ${request.path}`)
        return direct.send(request, signal)
      },
    } as Transport)
  }
  const client = clientOver(inProcessTransport(server, { name: 'admin', groups: ['system:masters'] }))
  const controllerClient = watched(componentCaller('system:kube-controller-manager'))
  const reported: string[] = []
  const report = (problem: string, error: unknown): void => void reported.push(`${problem}: ${String(error)}`)
  const informers = sharedInformers({ client: controllerClient, clock, random, report })
  const causes = new Causes(clock)
  const events = eventWriter({ client: controllerClient, clock, random, report })
  const config = { rootCertificate: 'PEM', podCidrs: ['10.244.0.0/16'], signSecretToken: server.signSecretToken }
  const metrics = controllerMetrics(server.metrics)
  const context: Omit<ControllerContext, 'client'> = { informers, clock, random, events, causes, metrics, config }
  const controllers = makeControllers(options.controllers, context, (account) => watched(controllerCaller(account)))

  const stop = new AbortController()
  const running: Promise<unknown>[] = []
  const ready = Promise.withResolvers<void>()
  running.push(
    server.run(ready.resolve, stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error
    }),
  )
  await ready.promise

  for (const name of ['default', 'kube-node-lease']) await client.create(namespaces, { metadata: { name } })
  const silent = new Set<string>()
  for (const name of options.nodes ?? ['n1']) await registerNode(client, clock, name)
  const podCopies = informers.of(pods)
  const player = kubeletPlayer(client, informers, clock, random, options)
  for (const make of [...controllers, player]) {
    running.push(runController(make, { clock, report, workers: make === player ? 50 : 5 }, stop.signal))
  }
  running.push(informers.run(stop.signal), events.run(stop.signal))
  running.push(playHeartbeats(client, clock, options.nodes ?? ['n1'], silent, stop.signal))

  const cluster: TestCluster = {
    clock,
    random,
    server,
    client,
    informers,
    causes,
    writes,
    reported,
    silent,
    async until(what, holds, within = '2m') {
      const limit = clock.now() + Number.parseInt(within, 10) * (within.endsWith('m') ? 60_000 : 1000)
      while (!(await holds())) {
        if (clock.now() > limit) throw new Error(`Not within ${within}: ${what}\n${reported.slice(-5).join('\n')}`)
        await clock.advance(10)
      }
    },
    livePods: (of = namespace) =>
      podCopies.list({ namespace: of, matches: ({ metadata }) => metadata.deletionTimestamp === undefined }),
    async [Symbol.asyncDispose]() {
      stop.abort(new DOMException('The test is over', 'AbortError'))
      await clock.advance(0)
      await Promise.all(running)
      await store[Symbol.asyncDispose]()
      if (bugs.length > 0) throw new AggregateError(bugs, 'The server has bugs')
      if (clock.pending > 0) throw new Error(`${clock.pending} timers are left`)
      if (options.refuse === undefined && reported.length > 0) throw new Error(`Reported: ${reported.join('\n')}`)
    },
  }
  await informers.synced(stop.signal)
  return cluster
}

const leaseNamespace = 'kube-node-lease'

async function registerNode(client: Client, clock: SimulatedClock, name: string): Promise<void> {
  const node = await client.create(nodes, { metadata: { name }, spec: {} })
  const lastHeartbeatTime = timeText(clock.now())
  await client.updateStatus(nodes, {
    ...node,
    status: { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime }] },
  })
  const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: microTimeText(clock.now()) }
  await client.create(leases, { metadata: { name, namespace: leaseNamespace }, spec })
}

/** Renews the leases of nodes every ten seconds. */
async function playHeartbeats(
  client: Client,
  clock: SimulatedClock,
  names: readonly string[],
  silent: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(10_000, signal).catch(() => {})
    if (signal.aborted) return
    for (const name of names.filter((each) => !silent.has(each))) {
      const body = { spec: { renewTime: microTimeText(clock.now()) } }
      await client.patch(leases, { name, namespace: leaseNamespace }, { type: 'merge', body })
    }
  }
}

/** Places pods, makes them ready after a while, and ends them when they are deleted. */
function kubeletPlayer(
  client: Client,
  informers: Informers,
  clock: SimulatedClock,
  random: Random,
  options: TestClusterOptions,
): Controller {
  const podCopies = informers.of(pods)
  const names = options.nodes ?? ['n1']
  const delay = options.podDelay ?? ((chance) => Math.floor(chance.next() * 2000))
  const due = new Map<string, number>()
  let addresses = 0
  return {
    name: 'kubelets',
    permissions: [],
    watch: (on) => on(podCopies, ({ metadata }) => [keyOf(metadata)]),
    async reconcile(key, signal) {
      const pod = podCopies.get(key)
      if (pod === undefined) return
      const ending = pod.metadata.deletionTimestamp !== undefined
      const ready = pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
      if (!ending && (ready || options.becomesReady?.(pod) === false)) return
      const step = `${pod.metadata.uid} ${ending}`
      const at = due.get(step) ?? clock.now() + delay(random)
      due.set(step, at)
      if (clock.now() < at) return { after: at - clock.now() }
      try {
        if (ending) {
          await client.delete(pods, pod.metadata, { gracePeriodSeconds: 0, signal })
          return
        }
        if (pod.spec.nodeName === undefined) {
          await client.bind(pods, pod.metadata, names[Math.floor(random.next() * names.length)]!, signal)
          return
        }
        const ip = `10.244.${Math.floor(++addresses / 250)}.${(addresses % 250) + 1}`
        const lastTransitionTime = timeText(clock.now())
        const status: PodStatus = {
          ...pod.status,
          phase: 'Running',
          podIP: ip,
          podIPs: [{ ip }],
          conditions: [
            { type: 'PodScheduled', status: 'True', lastTransitionTime },
            { type: 'Ready', status: 'True', lastTransitionTime },
          ],
        }
        await client.updateStatus(pods, { ...pod, status }, { signal })
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error
      }
    },
  }
}
