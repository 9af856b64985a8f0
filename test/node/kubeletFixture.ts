/** A node for tests of the kubelet: a place with a containerd and images, and within it an API server and a kubelet. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { architectureOf } from '#cluster/image/build.ts'
import { buildFromFile } from '#cluster/image/buildSet.ts'
import { buildPauseImage, importImages, saveImage } from '#cluster/image/store.ts'
import { ensureContainerd } from '#cluster/place/containerd.ts'
import { pauseImage } from '#cluster/place/containerdConfig.ts'
import { clusterLayout } from '#cluster/place/layout.ts'
import { chooseNodeRange, nodeAddresses, readBusyRanges } from '#cluster/place/ranges.ts'
import { destroyCluster, ensureCluster, ensurePlace } from '#cluster/place/place.ts'
import { writePodNetwork } from '#cluster/place/podNetwork.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { clientOver, type Client } from '#client/client.ts'
import { kubelet, type Kubelet, type KubeletOptions } from '#kubelet/kubelet.ts'
import { openContainerd } from '#kubelet/runtime/containerd.ts'
import type { ContainerRuntime } from '#kubelet/runtime/containerRuntime.ts'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { systemRandom } from '#lib/random.ts'
import { startServer, type ServerFixture } from '../integration/apiServerFixture.ts'

/** Handed to the process inside. */
export interface InsidePlace {
  readonly cluster: string
  readonly socket: string
  readonly cgroup: string
  readonly address: string
  /** In memory, gone with the place. */
  readonly folder: string
}

const variable = 'KUBELET_PLACE'

/** What the outer process said about the place this process is in; undefined outside. */
export function insidePlace(): InsidePlace | undefined {
  const text = process.env[variable]
  return text === undefined ? undefined : (JSON.parse(text) as InsidePlace)
}

const packageCache = fileURLToPath(new URL('../../node_modules/.cache/packages', import.meta.url))
const busybox = fileURLToPath(new URL('../images/busybox.yaml', import.meta.url))

/** Makes a place with busybox in it, runs a command inside, takes the place away, and returns how the command ended. */
export async function runInsidePlace(
  cluster: string,
  command: readonly string[],
  onOutput: (text: string) => void,
): Promise<number> {
  const host = systemHost(systemClock)
  const folder = await mkdtemp(join(tmpdir(), `${cluster}-`))
  const roots = { runtime: '/run/k8ts', data: join(folder, 'data') }
  await destroyCluster(host, cluster, { roots })
  try {
    const nodeRange = chooseNodeRange(clusterLayout(cluster), await readBusyRanges(host.ip()))
    if (nodeRange === undefined) throw new Error('There is no free range of addresses for a node')
    const network = { nodeRange, podRange: '10.244.0.0/16', serviceRange: '10.96.0.0/12' }
    await ensureCluster(host, cluster, network, roots)
    const address = nodeAddresses(network, 0)[0]!
    const place = await ensurePlace(host, { cluster, node: 'n1', inside: { address, network }, roots, ephemeral: true })
    await ensureContainerd(host, place)
    await writePodNetwork(host, place.layout, ['10.244.0.0/24'], 1500)
    const images = join(folder, 'images')
    const architecture = architectureOf(process.arch)
    const pause = await buildPauseImage(architecture, pauseImage)
    const built = await buildFromFile(
      host,
      busybox,
      ['busybox:1.35'],
      { images, packages: packageCache, work: join(folder, 'work') },
      architecture,
    )
    const archives = [await saveImage(host, images, pauseImage, pause.bytes), ...built.map((image) => image.archive)]
    await importImages(host, place, archives)
    const inside: InsidePlace = {
      cluster,
      socket: place.layout.socket,
      cgroup: place.layout.placeCgroup,
      address,
      folder: `${place.layout.placeFolder}/kubelet`,
    }
    // A test run inside a test run would report in the other one's wire format.
    const { NODE_TEST_CONTEXT: _, ...environment } = process.env
    const { code } = await host.processes.run(place.enter(command), {
      env: { ...(environment as Record<string, string>), [variable]: JSON.stringify(inside) },
      cwd: process.cwd(),
      timeoutMs: 900_000,
      onOutput,
    })
    return code
  } finally {
    await destroyCluster(host, cluster, { roots })
    await rm(folder, { recursive: true, force: true })
  }
}

export interface NodeFixture extends AsyncDisposable {
  readonly client: Client
  readonly server: ServerFixture
  readonly runtime: ContainerRuntime
  readonly kubelet: Kubelet
  readonly problems: string[]
  /** Ends the agent and starts another one; containers stay. Something may be done while none runs. */
  restart(between?: () => Promise<void>): Promise<void>
}

/** Starts an API server and a kubelet, of which more may be said, in this process, which is inside a place. */
export async function startNode(
  place: InsidePlace,
  nodeName = 'n1',
  more: Partial<KubeletOptions> = {},
): Promise<NodeFixture> {
  const host = systemHost(systemClock)
  const server = await startServer({ clock: systemClock })
  const client = clientOver(server.transport)
  await client.create(namespaces, { metadata: { name: 'kube-node-lease' } })
  // What a controller puts into every namespace.
  const rootCertificate = { metadata: { name: 'kube-root-ca.crt', namespace: 'default' }, data: { 'ca.crt': 'test' } }
  await client.create(configMaps, rootCertificate)
  const problems: string[] = []
  const report = (problem: string, error?: unknown): void =>
    void problems.push(error instanceof Error ? `${problem}: ${error.stack}` : problem)
  const runtime = await openContainerd({
    socket: place.socket,
    clock: systemClock,
    files: host.files,
    seccompFolder: `${place.folder}/seccomp`,
    report,
  })
  const start = async (): Promise<{ agent: Kubelet; stop: () => Promise<void> }> => {
    const agent = kubelet({
      nodeName,
      client,
      runtime,
      host,
      clock: systemClock,
      random: systemRandom,
      directories: { root: `${place.folder}/root`, logs: `${place.folder}/logs` },
      cgroupRoot: place.cgroup,
      addresses: [place.address],
      dns: { clusterServers: ['10.96.0.10'], clusterDomain: 'cluster.local', nodeResolvConf: '' },
      report,
      ...more,
    })
    const stopper = new AbortController()
    const { promise: ready, resolve } = Promise.withResolvers<void>()
    const running = agent.run(resolve, stopper.signal)
    await Promise.race([ready, running])
    const stop = async (): Promise<void> => {
      stopper.abort()
      await running.catch((error: unknown) => {
        if (!stopper.signal.aborted) throw error
      })
    }
    return { agent, stop }
  }
  let current = await start()
  return {
    client,
    server,
    runtime,
    problems,
    get kubelet() {
      return current.agent
    },
    async restart(between) {
      await current.stop()
      await between?.()
      current = await start()
    },
    async [Symbol.asyncDispose]() {
      await current.stop()
      runtime[Symbol.dispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}
