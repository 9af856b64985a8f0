/** From a pod's create to Running seen on a watch, beside the bare calls to the container runtime in the same run. Needs root. */
import { fileURLToPath } from 'node:url'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { ContainerRequest, ContainerRuntime, SandboxRequest } from '#kubelet/runtime/containerRuntime.ts'
import { Semaphore } from '#lib/async/mutex.ts'
import { systemClock } from '#lib/clock.ts'
import {
  insidePlace,
  runInsidePlace,
  startNode,
  type InsidePlace,
  type NodeFixture,
} from '../test/node/kubeletFixture.ts'
import { median, quantile, type Measurement } from './measurement.ts'

const rounds = 30
const burst = 20
/** Of bare pods and of ours in turn: single ones differ by a third. */
const bursts = 6
const namespace = 'default'

interface Figures {
  readonly bare: readonly number[]
  readonly kubelet: readonly number[]
  /** Milliseconds until the last of a burst ran. */
  readonly bareBurst: readonly number[]
  readonly kubeletBurst: readonly number[]
}

/** Makes a node of its own and measures within. */
export async function run(): Promise<Measurement[]> {
  let output = ''
  const command = [process.execPath, fileURLToPath(import.meta.url)]
  const code = await runInsidePlace('b-podstart', command, (text) => (output += text))
  if (code !== 0) throw new Error(`Cannot measure pod starts: ${output}`)
  const { bare, kubelet, bareBurst, kubeletBurst } = JSON.parse(output.trim().split('\n').at(-1)!) as Figures
  const rate = (times: readonly number[]): number => burst / (median(times) / 1000)
  const worst = quantile(bare, 0.99)
  return [
    {
      name: 'pod create to Running, one after another, p50',
      value: median(kubelet),
      unit: 'ms',
      goal: { atMost: median(bare) + 25 },
      beside: { name: 'bare CRI', value: median(bare) },
    },
    {
      name: 'pod create to Running, one after another, p99',
      value: quantile(kubelet, 0.99),
      unit: 'ms',
      goal: { atMost: 2 * worst },
      beside: { name: 'bare CRI', value: worst },
    },
    {
      name: `${burst} pods at once`,
      value: rate(kubeletBurst),
      unit: 'pods/s',
      goal: { atLeast: 0.95 * rate(bareBurst) },
      beside: { name: 'bare CRI, four at once', value: rate(bareBurst) },
    },
  ]
}

const signal = new AbortController().signal

async function measureInside(place: InsidePlace): Promise<Figures> {
  await using node = await startNode(place)
  const figures = {
    bare: [] as number[],
    kubelet: [] as number[],
    bareBurst: [] as number[],
    kubeletBurst: [] as number[],
  }
  // The first of each kind fills caches.
  for (let round = -2; round < rounds; round++) {
    const bare = await startBare(node.runtime, place, `bare-${round + 2}`)
    const kubelet = await startPods(node, [`pod-${round + 2}`])
    if (round < 0) continue
    figures.bare.push(bare)
    figures.kubelet.push(kubelet)
  }
  for (let round = 0; round < bursts; round++) {
    const names = Array.from({ length: burst }, (_, index) => `burst-${round}-${index}`)
    const four = new Semaphore(4)
    const begun = performance.now()
    const sandboxes = await Promise.all(names.map((name) => four.run(() => makeBare(node.runtime, place, name))))
    figures.bareBurst.push(performance.now() - begun)
    await Promise.all(sandboxes.map((id) => four.run(() => removeBare(node.runtime, id))))
    await rest()
    figures.kubeletBurst.push(await startPods(node, names))
  }
  if (node.problems.length > 0) throw new Error(node.problems.join('\n'))
  return figures
}

const container = { name: 'c', image: 'busybox:1.35', command: ['sleep', '600'] }

/** Milliseconds until all of them were seen running; removes them afterwards. */
async function startPods(node: NodeFixture, names: readonly string[]): Promise<number> {
  const waiting = new Set(names)
  const stop = new AbortController()
  const from = (await node.client.list(pods, { namespace, limit: 1 })).resourceVersion
  const seen = (async (): Promise<void> => {
    for await (const batch of node.client.watch(pods, { namespace, resourceVersion: from }, stop.signal)) {
      for (const event of batch) {
        if (event.type !== 'BOOKMARK' && event.object.status?.phase === 'Running')
          waiting.delete(event.object.metadata.name)
      }
      if (waiting.size === 0) return
    }
  })()
  const begun = performance.now()
  const spec = { nodeName: 'n1', terminationGracePeriodSeconds: 0, containers: [container] }
  await Promise.all(names.map((name) => node.client.create(pods, { metadata: { name, namespace }, spec })))
  await seen
  const elapsed = performance.now() - begun
  stop.abort()
  await Promise.all(names.map((name) => node.client.delete(pods, { name, namespace }, { gracePeriodSeconds: 0 })))
  while ((await node.runtime.pods(signal)).length > 0) await systemClock.sleep(50)
  await rest()
  return elapsed
}

/** What the kernel and the runtime still tidy up is nobody's start. */
const rest = (): Promise<void> => systemClock.sleep(100)

async function startBare(runtime: ContainerRuntime, place: InsidePlace, name: string): Promise<number> {
  const begun = performance.now()
  const sandbox = await makeBare(runtime, place, name)
  const elapsed = performance.now() - begun
  await removeBare(runtime, sandbox)
  await rest()
  return elapsed
}

async function makeBare(runtime: ContainerRuntime, place: InsidePlace, name: string): Promise<string> {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, uid: `uid-${name}` },
    spec: { containers: [container] },
  }
  const sandbox: SandboxRequest = {
    pod,
    attempt: 0,
    hostname: name,
    logFolder: `${place.folder}/bare/${name}`,
    cgroupParent: `${place.cgroup}/bare/${name}`,
    dns: { servers: ['10.96.0.10'], searches: [], options: [] },
  }
  const sandboxId = await runtime.createSandbox(sandbox, signal)
  const request: ContainerRequest = {
    pod,
    name: 'c',
    attempt: 0,
    sandboxId,
    sandbox,
    imageRef: 'docker.io/library/busybox:1.35',
    environment: [],
    mounts: [],
    command: container.command,
    arguments: [],
    logPath: 'c.log',
  }
  await runtime.startContainer(await runtime.createContainer(request, signal), signal)
  return sandboxId
}

async function removeBare(runtime: ContainerRuntime, sandboxId: string): Promise<void> {
  await runtime.stopSandbox(sandboxId, signal)
  await runtime.removeSandbox(sandboxId, signal)
}

const place = insidePlace()
if (place !== undefined) process.stdout.write(`${JSON.stringify(await measureInside(place))}\n`)
