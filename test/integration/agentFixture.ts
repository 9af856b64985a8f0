/** A node's agent over a runtime without containers, under simulated time. */
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { clientOver, type Client } from '#client/client.ts'
import { kubelet } from '#kubelet/kubelet.ts'
import type { ContainerRuntime } from '#kubelet/runtime/containerRuntime.ts'
import type { KubeletSettings } from '#kubelet/settings.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeHost, type Host } from '#lib/host/host.ts'
import { seededRandom } from '#lib/random.ts'
import { simulatedRuntime } from '#simulation/simulatedRuntime.ts'
import { startServer } from './apiServerFixture.ts'

export const namespace = 'default'
const machine = {
  cpus: 2,
  memoryBytes: 2 ** 33,
  diskBytes: 2 ** 36,
  machineId: 'm',
  systemUuid: 'u',
  bootId: 'b',
  kernelVersion: '6.1.0',
  osImage: 'Linux',
  architecture: 'amd64',
  swapBytes: 0,
  hasAppArmor: false,
}

export interface Agent extends AsyncDisposable {
  readonly clock: SimulatedClock
  readonly client: Client
  /** What a watch of a pod told of its status, one text for each change of it. */
  statuses(name: string): readonly string[]
}

export interface AgentOptions {
  /** The images that it has already. */
  readonly images: readonly string[]
  readonly wrap?: (runtime: ContainerRuntime, clock: SimulatedClock) => ContainerRuntime
  readonly host?: Partial<Host>
  readonly settings?: KubeletSettings
  readonly keptImages?: readonly string[]
}

/** An agent on node `n1` over a runtime that may be wrapped; what is told of pods since its start is kept. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { images, wrap = (runtime) => runtime, host, settings, keptImages = [] } = options
  const clock = new SimulatedClock()
  const server = await startServer({ clock })
  const client = clientOver(server.transport)
  const runtime = simulatedRuntime({ clock, addressesOf: () => ['10.244.0.2'] })
  const stop = new AbortController()
  for (const image of images) await runtime.pullImage(image, undefined, stop.signal)
  const told = new Map<string, string[]>()
  const watching = (async () => {
    const selection = { namespace, resourceVersion: (await client.list(pods, { namespace })).resourceVersion }
    for await (const batch of client.watch(pods, selection, stop.signal)) {
      for (const event of batch) {
        if (event.type === 'BOOKMARK') continue
        const { name } = event.object.metadata
        const texts = told.get(name) ?? []
        const text = textOf(event.object)
        if (texts.at(-1) !== text) told.set(name, [...texts, text])
      }
    }
  })()
  const agent = kubelet({
    nodeName: 'n1',
    client,
    runtime: wrap(runtime, clock),
    host: fakeHost(clock, host),
    clock,
    random: seededRandom(1),
    directories: { root: '/kubelet', logs: '/logs' },
    cgroupRoot: '/k8ts',
    addresses: ['10.0.0.1'],
    dns: { clusterServers: ['10.96.0.10'], clusterDomain: 'cluster.local', nodeResolvConf: '' },
    machine,
    keptImages,
    ...(settings === undefined ? {} : { settings }),
  })
  const { promise: ready, resolve } = Promise.withResolvers<void>()
  const running = agent.run(resolve, stop.signal)
  await clock.advance('1s')
  await Promise.race([ready, running])
  return {
    clock,
    client,
    statuses: (name) => told.get(name) ?? [],
    async [Symbol.asyncDispose]() {
      stop.abort()
      await Promise.allSettled([running, watching])
      runtime[Symbol.dispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** Phase, address and the state of the containers: `Pending - c:ContainerCreating`. */
function textOf({ status = {} }: Pod): string {
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map(
    ({ name, state = {} }) => `${name}:${state.waiting?.reason ?? Object.keys(state).join()}`,
  )
  const isPrepared = status.conditions?.find(({ type }) => type === 'PodReadyToStartContainers')?.status ?? 'Unknown'
  return [status.phase, status.podIP ?? '-', isPrepared, ...containers].join(' ')
}

/** Without a token: it is signed by threads, and simulated time does not wait for those. */
export const bound = { nodeName: 'n1', automountServiceAccountToken: false } as const

export const container = (name: string, image = 'busybox:1.35') => ({ name, image })
