import type { Pod } from '#api/core/v1/pod.ts'
import type { PodStatus } from '#api/core/v1/podStatus.ts'
import type { Clock } from '#lib/clock.ts'
import { addProcessMetrics, exponentialBuckets, MetricRegistry, type Counter, type Histogram } from '#lib/metrics.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { labelText, TextFamily } from './api/promText.ts'
import type { ProbeKind, ProbeOutcome } from './plan/planProbes.ts'
import type { PodWorker } from './podWorker.ts'

const probeTypes: Readonly<Record<ProbeKind, string>> = {
  startup: 'Startup',
  liveness: 'Liveness',
  readiness: 'Readiness',
}
const probeResults: Readonly<Record<ProbeOutcome['result'], string>> = {
  success: 'successful',
  warning: 'successful',
  failure: 'failed',
  unknown: 'unknown',
}
/** As upstream counts the starts of pods, in seconds. */
const startBuckets = [
  0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600,
]

interface Starting {
  /** Since when the agent knows the pod. */
  readonly since: number
  /** From the first pull of an image to the end of the last. */
  pulls?: { readonly from: number; to: number }
}

/** What a node's agent counts of itself, under the names that kubelets have. */
export class KubeletMetrics {
  readonly #clock: Clock
  readonly #registry = new MetricRegistry()
  readonly #sinceCreation: Histogram
  readonly #withoutPulls: Histogram
  readonly #sinceSeen: Histogram
  readonly #evictions: Counter
  /** Pods whose containers did not all run yet, by uid. */
  readonly #starting = new Map<string, Starting>()
  /** By uid of the pod; then how often, by labels. */
  readonly #probes = new Map<string, Map<string, number>>()

  constructor(nodeName: string, clock: Clock, workers: () => readonly PodWorker[]) {
    this.#clock = clock
    addProcessMetrics(this.#registry, clock.now() - process.uptime() * 1000)
    this.#registry
      .gauge({ name: 'kubelet_node_name', help: "The node's name. The count is always 1.", labels: ['node'] })
      .with(nodeName)
      .set(1)
    this.#sinceCreation = this.#registry.histogram({
      name: 'kubelet_pod_start_total_duration_seconds',
      help: 'Duration in seconds to start a pod since creation, including time to pull images and run init containers, measured from pod creation timestamp to when all its containers are reported as started and observed via watch',
      buckets: startBuckets,
    })
    this.#withoutPulls = this.#registry.histogram({
      name: 'kubelet_pod_start_sli_duration_seconds',
      help: 'Duration in seconds to start a pod, excluding time to pull images and run init containers, measured from pod creation timestamp to when all its containers are reported as started and observed via watch',
      buckets: startBuckets,
    })
    this.#sinceSeen = this.#registry.histogram({
      name: 'kubelet_pod_start_duration_seconds',
      help: 'Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run',
      buckets: exponentialBuckets(0.5, 2, 10),
    })
    this.#evictions = this.#registry.counter({
      name: 'kubelet_evictions',
      help: 'Cumulative number of pod evictions by eviction signal',
      labels: ['eviction_signal'],
    })
    const pods = this.#registry.gauge({
      name: 'kubelet_running_pods',
      help: 'Number of pods that have a running pod sandbox',
    })
    const containers = this.#registry.gauge({
      name: 'kubelet_running_containers',
      help: 'Number of containers currently running',
      labels: ['container_state'],
    })
    const active = this.#registry.gauge({
      name: 'kubelet_active_pods',
      help: 'The number of pods the kubelet considers active and which are being considered when admitting new pods. static is true if the pod is not from the apiserver.',
      labels: ['static'],
    })
    this.#registry.onRender(() => {
      const states = new Map([
        ['created', 0],
        ['exited', 0],
        ['running', 0],
        ['unknown', 0],
      ])
      let running = 0
      for (const { observed } of workers()) {
        if (observed.sandboxes.some(({ ready }) => ready)) running++
        for (const { state } of observed.containers) states.set(state, states.get(state)! + 1)
      }
      pods.set(running)
      active.with('').set(workers().length)
      for (const [state, count] of states) containers.with(state).set(count)
    })
  }

  /** A status of a pod was decided. */
  seen({ metadata }: Pod, { phase, containerStatuses = [] }: PodStatus): void {
    const uid = metadata.uid ?? ''
    const starting = this.#starting.get(uid)
    const now = this.#clock.now()
    const isUp = phase === 'Running' && containerStatuses.every(({ state }) => state?.running !== undefined)
    if (!isUp) {
      if (starting === undefined && phase === 'Pending') this.#starting.set(uid, { since: now })
      return
    }
    if (starting === undefined) return
    const { since, pulls } = starting
    this.#starting.delete(uid)
    this.#sinceSeen.observe((now - since) / 1000)
    const created = millisecondsOf(metadata.creationTimestamp)
    if (created === undefined) return
    const took = Math.max(0, now - created)
    this.#sinceCreation.observe(took / 1000)
    const pulling = pulls === undefined ? 0 : pulls.to - pulls.from
    this.#withoutPulls.observe(Math.max(0, took - pulling) / 1000)
  }

  /** Something was told of a pod: when images are pulled. */
  noted({ metadata }: Pod, reason: string): void {
    const starting = this.#starting.get(metadata.uid ?? '')
    if (starting === undefined) return
    const now = this.#clock.now()
    if (reason === 'Pulling') starting.pulls ??= { from: now, to: now }
    if (reason === 'Pulled' && starting.pulls !== undefined) starting.pulls.to = now
  }

  probed({ metadata }: Pod, container: string, kind: ProbeKind, result: ProbeOutcome['result']): void {
    const { name, namespace = '', uid = '' } = metadata
    let ofPod = this.#probes.get(uid)
    if (ofPod === undefined) this.#probes.set(uid, (ofPod = new Map()))
    const labels = `container="${labelText(container)}",namespace="${namespace}",pod="${name}",pod_uid="${uid}",probe_type="${probeTypes[kind]}",result="${probeResults[result]}"`
    ofPod.set(labels, (ofPod.get(labels) ?? 0) + 1)
  }

  /** A pod had to leave for want of something. */
  evicted(signal: string): void {
    this.#evictions.with(signal).inc()
  }

  /** Nothing is left of a pod. */
  forget(uid: string): void {
    this.#starting.delete(uid)
    this.#probes.delete(uid)
  }

  /** `/metrics`. */
  text(): string {
    return this.#registry.render()
  }

  /** `/metrics/probes`. */
  probesText(): string {
    const help = '[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.'
    const family = new TextFamily('prober_probe_total', help, 'counter')
    for (const ofPod of this.#probes.values()) for (const [labels, count] of ofPod) family.add(labels, count)
    return family.lines().join('\n')
  }
}
