/**
 * Pods bound in a second, in the workloads of Kubernetes' own scheduler benchmark: pods are created and bound through the API
 * over a durable SQLite store, with API server, informers and scheduler in one process, and no nodes that run anything.
 *
 *     node bin/pinned.js bench/scheduling.ts [--scale 1] [NAME ...]
 *
 * `--scale` multiplies the numbers of pods (not of nodes); names are those of `schedulingWorkloads.ts`, or parts of them.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes, type Node } from '#api/core/v1/node.ts'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes, type PersistentVolumeAccessMode } from '#api/core/v1/persistentVolume.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import { services, type Service } from '#api/core/v1/service.ts'
import { priorityClasses } from '#api/scheduling/v1/priorityClass.ts'
import { csiNodes } from '#api/storage/v1/csiNode.ts'
import type { Client, Draft } from '#client/client.ts'
import { isAbort } from '#lib/async/abort.ts'
import { systemClock } from '#lib/clock.ts'
import { runComponents } from '#lib/component.ts'
import { systemRandom } from '#lib/random.ts'
import { isReason } from '#machinery/status.ts'
import { clusterParts } from '#simulation/clusterParts.ts'
import { openSqliteStore } from '#storage/sqlite.ts'
import { renderMeasurements, type Measurement } from './measurement.ts'
import {
  preemptor,
  workloads,
  type NodeGroup,
  type PodGroup,
  type PodShape,
  type Workload,
} from './schedulingWorkloads.ts'

/** Requests that are on their way at once, as of a client that does not wait for each answer. */
const writers = 64
/** The part of the pods that `npm run bench` creates. */
const usualScale = 0.1
const fewestPods = 500
const delayResolution = 5

interface Result {
  readonly podsPerSecond: number
  /** Processor time of all threads for a pod, in microseconds. */
  readonly processorOfPod: number
  /** The same of the thread that runs the cluster: on a machine of its own it is all that a pod takes. */
  readonly mainThreadOfPod: number
  readonly longestTurn: number
  readonly load: number
}

export async function run(scale = usualScale, wanted: readonly string[] = []): Promise<Measurement[]> {
  const measurements: Measurement[] = []
  for (const workload of workloads) {
    if (wanted.length > 0 && !wanted.some((part) => workload.name.includes(part))) continue
    const { podsPerSecond, processorOfPod, mainThreadOfPod, longestTurn, load } = await measureApart(
      workload.name,
      scale,
    )
    measurements.push(
      {
        name: workload.name,
        value: podsPerSecond,
        unit: 'pods/s',
        goal: { atLeast: (workload.threshold ?? 1) * workload.wanted },
        ...(workload.threshold === undefined
          ? {}
          : { beside: { name: "upstream's threshold", value: workload.threshold } }),
      },
      { name: '  processor time for each', value: processorOfPod, unit: 'µs' },
      { name: '  of which in the main thread', value: mainThreadOfPod, unit: 'µs' },
      { name: '  longest turn of the event loop', value: longestTurn, unit: 'ms' },
      { name: '  load average', value: load, unit: '' },
    )
  }
  return measurements
}

/** Measures in a process of its own, so that one workload does not warm up, or burden, the next. */
async function measureApart(name: string, scale: number): Promise<Result> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), '--measure', name, '--scale', String(scale)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(await text(child.stdout)) as Result
}

async function measure(workload: Workload, scale: number): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'k8ts-bench-'))
  const store = await openSqliteStore({ directory })
  const report = (problem: string, error: unknown): void =>
    console.error(problem, error instanceof Error ? error.message : (error ?? ''))
  const parts = clusterParts(
    { nodes: [], controllers: [] },
    { store, clock: systemClock, random: systemRandom, report, onBug: (error) => console.error(error) },
  )
  const abort = new AbortController()
  const ended = runComponents(parts.components, abort.signal)
  const bench = new Bench(parts.client, scale)
  parts.informers.of(pods).onChange(({ old, new: pod }) => bench.podChanged(old, pod))
  await parts.informers.synced(abort.signal)
  await bench.prepare(workload)
  const stops: Disposable[] = []
  for (const [index, group] of workload.before.entries()) {
    await bench.createVolumes(`before-${index}`, group)
    const created = await bench.createPods(`before-${index}`, group)
    if (group.deletedPerSecond !== undefined) stops.push(bench.deleteSlowly(created, group.deletedPerSecond))
  }
  await bench.createVolumes('measured', workload.measured)
  if (workload.churn !== undefined) stops.push(bench.churn(workload.churn))
  const delays = monitorEventLoopDelay({ resolution: delayResolution })
  delays.enable()
  const cpuBefore = process.cpuUsage()
  const mainBefore = mainThreadTime()
  const began = performance.now()
  const { length: count } = await bench.createPods('measured', workload.measured)
  const milliseconds = performance.now() - began
  const cpu = process.cpuUsage(cpuBefore)
  const main = mainThreadTime() - mainBefore
  for (const stop of stops) stop[Symbol.dispose]()
  abort.abort()
  await ended.catch((error: unknown) => {
    if (!isAbort(error)) throw error
  })
  await store[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
  return {
    podsPerSecond: (count * 1_000) / milliseconds,
    processorOfPod: (cpu.user + cpu.system) / count,
    mainThreadOfPod: main / count,
    longestTurn: delays.max / 1e6 - delayResolution,
    load: loadavg()[0]!,
  }
}

/** Microseconds for which the main thread had a processor. */
function mainThreadTime(): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ', 1)[0]) / 1_000
}

/** What a benchmark does to a cluster. */
class Bench {
  readonly #client: Client
  readonly #scale: number
  /** Pods that are bound, by the prefix of their names. */
  readonly #bound = new Map<string, number>()
  #waiting: { readonly prefix: string; readonly count: number; readonly done: () => void } | undefined

  constructor(client: Client, scale: number) {
    this.#client = client
    this.#scale = scale
  }

  podChanged(old: Pod | undefined, pod: Pod | undefined): void {
    if (pod === undefined || (pod.spec.nodeName ?? '') === '' || (old?.spec.nodeName ?? '') !== '') return
    const prefix = pod.metadata.name.slice(0, pod.metadata.name.lastIndexOf('-'))
    const count = (this.#bound.get(prefix) ?? 0) + 1
    this.#bound.set(prefix, count)
    const waiting = this.#waiting
    if (waiting?.prefix === prefix && count >= waiting.count) waiting.done()
  }

  async prepare(workload: Workload): Promise<void> {
    await this.#client.create(priorityClasses, { metadata: { name: 'high' }, value: 10 })
    const names = ['sched-0', 'sched-1']
    const groups = [...names.map((prefix) => ({ prefix, count: 1, labels: {} })), ...(workload.namespaces ?? [])]
    for (const { prefix, count, labels = {} } of groups) {
      await inParallel(count, async (i) => {
        const namespace = names.includes(prefix) ? prefix : `${prefix}-${i}`
        await this.#client.create(namespaces, { metadata: { name: namespace, labels } })
        await this.#client.create(serviceAccounts, { metadata: { name: 'default', namespace } })
      })
    }
    for (const [i, { namespace, selector }] of (workload.services ?? []).entries()) {
      const spec = { selector, ports: [{ port: 80 }] }
      await this.#client.create(services, { metadata: { name: `service-${i}`, namespace }, spec } as Draft<Service>)
    }
    for (const [index, group] of workload.nodes.entries()) {
      await inParallel(group.count, (i) => this.#createNode(group.name ?? `node-${index}-${i}`, group, i))
    }
  }

  async #createNode(name: string, { labels, capacity, taints, driver }: NodeGroup, index: number): Promise<void> {
    const room = { cpu: '4', memory: '32Gi', pods: '110', ...capacity }
    await this.#client.create(nodes, {
      metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels?.(index) } },
      spec: {},
      status: { capacity: room, allocatable: room, conditions: [{ type: 'Ready', status: 'True' }] },
    } as unknown as Draft<Node>)
    // A new node has a taint until its controller has seen that it is ready; here is no controller.
    await this.#client.patch(nodes, { name }, { type: 'merge', body: { spec: { taints: taints ?? null } } })
    if (driver === undefined) return
    const drivers = [{ name: driver.name, nodeID: name, allocatable: { count: driver.volumes } }]
    await this.#client.create(csiNodes, { metadata: { name }, spec: { drivers } })
  }

  #countOf(group: PodGroup): number {
    if (group.whole === true) return group.count
    return Math.min(group.count, Math.max(fewestPods, Math.round(group.count * this.#scale)))
  }

  /** Creates the volumes of a group, and claims that are bound to them as by the binder. */
  async createVolumes(prefix: string, group: PodGroup): Promise<void> {
    await inParallel(this.#countOf(group), async (i) => {
      const { namespace, volume } = group.pod(i)
      if (volume === undefined) return
      const name = `${prefix}-${i}`
      const size = { storage: '1Gi' }
      const accessModes: PersistentVolumeAccessMode[] = ['ReadOnlyMany']
      const annotations = { 'pv.kubernetes.io/bind-completed': 'true' }
      const { metadata } = await this.#client.create(persistentVolumeClaims, {
        metadata: { name, namespace, annotations },
        spec: { accessModes, resources: { requests: size }, storageClassName: '', volumeName: name },
      })
      const claimRef = { name, namespace, uid: metadata.uid! }
      await this.#client.create(persistentVolumes, {
        metadata: { name },
        spec: { accessModes, capacity: size, claimRef, ...volume },
      })
    })
  }

  /** Creates the pods of a group, and waits until all of them are bound. */
  async createPods(prefix: string, group: PodGroup): Promise<readonly Pod[]> {
    const count = this.#countOf(group)
    const allBound = new Promise<void>((resolve) => (this.#waiting = { prefix, count, done: resolve }))
    const created: Pod[] = []
    await inParallel(count, async (i) => {
      created.push(await this.#createPod(`${prefix}-${i}`, group.pod(i)))
    })
    if (group.stays !== 'pending' && (this.#bound.get(prefix) ?? 0) < count) await allBound
    return created
  }

  #createPod(name: string, { namespace, labels, spec, finalizers, volume }: PodShape): Promise<Pod> {
    const size = { cpu: '100m', memory: '500Mi' }
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: name } }]
    return this.#client.create(pods, {
      metadata: { name, namespace, ...(labels && { labels }), ...(finalizers && { finalizers }) },
      spec: {
        automountServiceAccountToken: false,
        containers: [
          {
            name: 'pause',
            image: 'registry.k8s.io/pause:3.10',
            ports: [{ containerPort: 80 }],
            resources: { requests: size, limits: size },
          },
        ],
        ...(volume === undefined ? {} : { volumes }),
        ...spec,
      },
    } as Draft<Pod>)
  }

  deleteSlowly(created: readonly Pod[], perSecond: number): Disposable {
    let next = 0
    return every(1_000 / perSecond, async () => {
      const pod = created[next++]
      if (pod !== undefined) await this.#client.delete(pods, pod.metadata)
    })
  }

  churn(what: NonNullable<Workload['churn']>): Disposable {
    const tooLarge = { containers: [{ name: 'pause', image: 'p', resources: { requests: { cpu: '9' } } }] }
    let count = 0
    if (what === 'unschedulable' || what === 'preemptors') {
      const shape = what === 'unschedulable' ? { spec: tooLarge } : preemptor
      return every(200, async () => {
        await this.#createPod(`churn-${count++}`, { namespace: 'sched-0', ...shape })
      })
    }
    const namespace = 'sched-0'
    let isThere = false
    return every(1_000, async () => {
      if (isThere) {
        await this.#client.delete(nodes, { name: 'churn-node' })
        await this.#client.delete(pods, { name: 'churn-pod', namespace })
        await this.#client.delete(services, { name: 'churn-service', namespace })
      }
      isThere = true
      await this.#createNode('churn-node', { count: 1 }, 0)
      await this.#createPod('churn-pod', { namespace, spec: tooLarge })
      const spec = { selector: { app: 'churn' }, ports: [{ port: 80 }] }
      await this.#client.create(services, { metadata: { name: 'churn-service', namespace }, spec } as Draft<Service>)
    })
  }
}

/** Does something again and again; what is not there (yet, or any longer) does not matter. */
function every(milliseconds: number, act: () => Promise<void>): Disposable {
  let stopped = false
  let timer: Disposable
  const tick = (): void => {
    act()
      .catch((error: unknown) => {
        if (!stopped && !isReason(error, 'NotFound')) console.error((error as Error).message)
      })
      .finally(() => {
        if (!stopped) timer = systemClock.after(milliseconds, tick)
      })
  }
  timer = systemClock.after(milliseconds, tick)
  return {
    [Symbol.dispose]() {
      stopped = true
      timer[Symbol.dispose]()
    },
  }
}

async function inParallel(count: number, act: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: Math.min(writers, count) }, work))
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { scale: { type: 'string', default: String(usualScale) }, measure: { type: 'string' } },
  })
  const scale = Number(values.scale)
  if (!(scale > 0)) throw new Error(`--scale ${values.scale} is not a number above 0`)
  if (values.measure === undefined) {
    for (const line of renderMeasurements(await run(scale, positionals))) console.log(line)
  } else
    console.log(
      JSON.stringify(
        await measure(
          workloads.find(({ name }) => name === values.measure)!,
          scale,
        ),
      ),
    )
}
