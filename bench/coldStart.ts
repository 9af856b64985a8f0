/** From nothing to a cluster: how long until the API server is ready, the node is, and the first pod runs. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { nodes, type Node } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import { pauseImage } from '#cluster/place/containerdConfig.ts'
import { systemClock } from '#lib/clock.ts'
import { isRoot, startCluster, untilReady, untilSeen } from './cluster.ts'
import { median, renderMeasurements, type Measurement } from './measurement.ts'
import { readProcess } from './processFigures.ts'

const rounds = 5
const keptAfterMilliseconds = 3_000
const namespace = 'default'

/** Milliseconds of one start; the first two since the start of the control-plane node's process. */
interface Start {
  readonly serverReady: number
  readonly nodeReady: number
  readonly podRunning: number
  readonly command: number
  /** Processor time of that process by then; the machine's load hardly shows in it. */
  readonly serverCpu: number
  readonly nodeCpu: number
}

/** With root the node runs containers; without, it is a simulated one. */
export async function run(): Promise<Measurement[]> {
  // The first start compiles, and keeps what it compiled a little later.
  await measure(keptAfterMilliseconds)
  const starts: Start[] = []
  const bareStarts: number[] = []
  for (let round = 0; round < rounds; round++) {
    bareStarts.push(await measureBareNode())
    starts.push(await measure())
  }
  const middle = (of: (start: Start) => number): number => median(starts.map(of))
  const best = (of: (start: Start) => number): number => Math.min(...starts.map(of))
  const kind = isRoot ? 'node' : 'simulated node'
  const beside = { name: 'Kubernetes 1.24', value: 2_950 }
  const row = (name: string, of: (start: Start) => number, atMost?: number): Measurement[] => [
    { name, value: middle(of), unit: 'ms', ...(atMost === undefined ? {} : { goal: { atMost } }) },
    { name: `${name}, best of ${rounds}`, value: best(of), unit: 'ms' },
  ]
  return [
    ...row('process start to /readyz', ({ serverReady }) => serverReady, 500).map((each) => ({ ...each, beside })),
    ...row(`process start to ${kind} ready`, ({ nodeReady }) => nodeReady, 2_000),
    ...row('first pod: create to Running', ({ podRunning }) => podRunning, 1_000),
    ...row('the whole of `k8ts up`', ({ command }) => command),
    { name: 'for comparison: `node -e 0`, start to end', value: median(bareStarts), unit: 'ms' },
    { name: 'processor time to /readyz', value: middle(({ serverCpu }) => serverCpu), unit: 'ms' },
    { name: `processor time to ${kind} ready`, value: middle(({ nodeCpu }) => nodeCpu), unit: 'ms' },
  ]
}

async function measure(stayMilliseconds = 0): Promise<Start> {
  await using cluster = startCluster('bench-cold', isRoot ? [] : ['--simulated-nodes', '1'])
  const pid = await cluster.pid()
  const { client, transport } = await cluster.connect()
  await untilReady(transport)
  const { age: serverReady, cpu: serverCpu } = readProcess(pid)
  await untilSeen(client, nodes, {}, isReady)
  const { age: nodeReady, cpu: nodeCpu } = readProcess(pid)
  const command = await cluster.up
  await untilSeen(client, serviceAccounts, { namespace }, ({ metadata: { name } }) => name === 'default')
  const created = performance.now()
  const running = untilSeen(client, pods, { namespace }, ({ status }) => status?.phase === 'Running')
  await client.create(pods, {
    metadata: { name: 'first', namespace },
    spec: { containers: [{ name: 'pause', image: pauseImage }] },
  })
  await running
  const podRunning = performance.now() - created
  await systemClock.sleep(stayMilliseconds)
  return { serverReady, nodeReady, podRunning, command, serverCpu, nodeCpu }
}

/** What no start can go below, at the machine's load of this moment. */
async function measureBareNode(): Promise<number> {
  const began = performance.now()
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit')
  return performance.now() - began
}

const isReady = ({ status }: Node): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
