/**
 * What pods elsewhere cost the agent of a node: its memory, and its processor time for each of them that changes; without policies,
 * and with one that asks who other pods are. Server and agents are processes of their own; nothing is put into a kernel.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { networkPolicies } from '#api/networking/v1/networkPolicy.ts'
import { clientOver, type Client } from '#client/client.ts'
import { httpsTransport } from '#client/https.ts'
import { sharedInformers } from '#client/informers.ts'
import { systemClock } from '#lib/clock.ts'
import { runComponents } from '#lib/component.ts'
import { fakeNft } from '#lib/host/nft.ts'
import { createLogger } from '#lib/log.ts'
import { systemRandom } from '#lib/random.ts'
import { networkPolicyComponent } from '#networkPolicy/networkPolicy.ts'
import { startServer } from './apiServer.ts'
import { renderMeasurements, type Measurement } from './measurement.ts'
import { readProcess } from './processFigures.ts'

const podCount = 5_000
const changedCount = 1_000
const ownNode = 'node-0'
const nodeCount = 100

/** As pods are that Deployments make: a tenth of what an object says matters to policies. */
const draftOf = (at: number): Pod =>
  ({
    metadata: {
      name: `web-${at % 250}-7d9f8c6b5-${at}`,
      namespace: 'default',
      labels: { app: `web-${at % 250}`, 'pod-template-hash': '7d9f8c6b5', tier: at % 2 === 0 ? 'front' : 'back' },
      annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8080', 'checksum/config': 'f'.repeat(64) },
    },
    spec: {
      nodeName: `node-${at % nodeCount}`,
      containers: ['web', 'proxy'].map((name) => ({
        name,
        image: `registry.example.com/team/${name}:1.2.3`,
        ports: [{ name, containerPort: name === 'web' ? 8080 : 15_000, protocol: 'TCP' }],
        env: Array.from({ length: 8 }, (_, env) => ({ name: `SETTING_${env}`, value: `value-${env}` })),
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
        readinessProbe: { httpGet: { path: '/ready', port: 8080 } },
        volumeMounts: [{ name: 'config', mountPath: '/config' }],
      })),
      volumes: [{ name: 'config', emptyDir: {} }],
    },
  }) as unknown as Pod
const statusOf = (at: number, ready: boolean) => ({
  phase: 'Running',
  podIPs: [{ ip: addressOf(at) }],
  podIP: addressOf(at),
  hostIP: '192.0.2.1',
  conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
    type,
    status: type === 'Ready' && !ready ? 'False' : 'True',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  })),
  startTime: '2026-01-01T00:00:00Z',
})
const addressOf = (at: number): string => `10.244.${at >> 8}.${at & 255}`

const asking = {
  metadata: { name: 'within', namespace: 'default' },
  spec: { podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { tier: 'front' } } }] }] },
}

export async function run(): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-bench-'))
  await using server = await startServer(folder)
  try {
    const { port, ...tls } = server.address
    using transport = httpsTransport({ url: `https://127.0.0.1:${port}`, tls })
    const client = clientOver(transport)
    const none = await measureAgent(JSON.stringify(server.address))
    const made: Pod[] = []
    await inParallel(podCount, async (at) => {
      const pod = await client.create(pods, draftOf(at))
      made[at] = await client.patchSubresource(pods, nameOf(pod), 'status', {
        type: 'merge',
        body: { status: statusOf(at, true) },
      })
    })
    const change = (ready: boolean) => () => changePods(client, made, ready)
    const idle = await measureAgent(JSON.stringify(server.address), change(false))
    await client.create(networkPolicies, asking as never)
    const policed = await measureAgent(JSON.stringify(server.address), change(true))
    const beside = (megabytes: number) => ({
      value: megabytes - none.megabytes,
      unit: 'MB',
      beside: { name: 'without pods', value: none.megabytes },
    })
    return [
      { name: `memory for ${podCount} pods elsewhere, no policy`, ...beside(idle.megabytes) },
      { name: `memory for ${podCount} pods elsewhere, a policy that asks for pods`, ...beside(policed.megabytes) },
      { name: 'processor time for a changed pod elsewhere, no policy', value: idle.micros, unit: 'µs' },
      { name: 'processor time for a changed pod elsewhere, a policy', value: policed.micros, unit: 'µs' },
    ]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const nameOf = ({ metadata }: Pod) => ({ name: metadata.name, namespace: metadata.namespace! })

async function inParallel(count: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) await work(at)
  }
  await Promise.all(Array.from({ length: 32 }, worker))
}

/** As probes do: nothing that matters to policies. */
const changePods = (client: Client, made: readonly Pod[], ready: boolean): Promise<void> =>
  inParallel(changedCount, async (at) => {
    await client.patchSubresource(pods, nameOf(made[at]!), 'status', {
      type: 'merge',
      body: { status: statusOf(at, ready) },
    })
  })

/** Starts an agent; what it has in memory once it is ready and has let go of what it does not need, and what changes cost it. */
async function measureAgent(connection: string, change?: () => Promise<void>) {
  const argv = ['--expose-gc', fileURLToPath(import.meta.url), 'agent', connection]
  const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  const line = async (): Promise<void> => void (await once(child.stdout, 'data'))
  try {
    await line()
    await systemClock.sleep(1_000)
    child.stdin.write('collect\n')
    await line()
    const before = readProcess(child.pid!)
    await change?.()
    await systemClock.sleep(500)
    const micros = ((readProcess(child.pid!).cpu - before.cpu) * 1000) / changedCount
    return { megabytes: before.resident / 1024 / 1024, micros }
  } finally {
    const ended = once(child, 'exit')
    child.kill()
    await ended
  }
}

async function runAgent(connection: string): Promise<void> {
  const { port, ...tls } = JSON.parse(connection) as { port: number; authority: string }
  const client = clientOver(httpsTransport({ url: `https://127.0.0.1:${port}`, tls }))
  const informers = sharedInformers({ client, clock: systemClock, random: systemRandom })
  const until = new AbortController().signal
  void informers.run(until)
  const component = networkPolicyComponent({
    nodeName: ownNode,
    informers,
    host: { clock: systemClock, nft: () => fakeNft() },
    log: createLogger({ clock: systemClock, sinks: [{ write: (text) => console.error(text) }], level: 'error' }),
  })
  process.stdin.on('data', () => {
    for (let times = 0; times < 3; times++) globalThis.gc!()
    console.log('collected')
  })
  await runComponents([component], until, (_, event) => event === 'ready' && console.log('ready'))
}

const [role, ...words] = import.meta.main ? process.argv.slice(2) : []
if (role === 'agent') await runAgent(words[0]!)
else if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
