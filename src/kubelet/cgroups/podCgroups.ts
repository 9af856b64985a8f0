/** The control groups of pods: `kubepods`, below it one for each quality of service, below those one for each pod. */
import type { Pod } from '#api/core/v1/pod.ts'
import type { Container } from '#api/core/v1/container.ts'
import type { CgroupDetail, CgroupLimits, Cgroups } from '#lib/host/cgroup.ts'
import { quantityMilliValue, quantityValue } from '#machinery/quantity.ts'
import { podRequests } from '#machinery/podResources.ts'
import { qosClassOf } from '#machinery/qosClass.ts'
import { quotaOf, sharesOf } from '../runtime/containerResources.ts'

/** Where a pod's containers are accounted for, absolute. */
export function podCgroupPath(root: string, pod: Pod): string {
  const qos = pod.status?.qosClass ?? qosClassOf(pod)
  const folder = qos === 'Guaranteed' ? '' : `/${qos.toLowerCase()}`
  return `${root}/kubepods${folder}/pod${pod.metadata.uid}`
}

/** What a pod may use as a whole: limits hold only when every container has one. */
export function computePodLimits(pod: Pod, mostPids?: number): CgroupLimits {
  const pids = mostPids === undefined ? {} : { pids: mostPids }
  if ((pod.status?.qosClass ?? qosClassOf(pod)) === 'BestEffort') return { cpuShares: 2, ...pids }
  const cpu = limitOfPod(pod, 'cpu')
  const memory = limitOfPod(pod, 'memory')
  const quota = cpu === undefined ? undefined : quotaOf(cpu)
  return {
    cpuShares: sharesOf(podRequests(pod).milliCpu),
    ...(quota === undefined ? {} : { cpuQuotaMicros: quota }),
    ...(memory === undefined ? {} : { memoryBytes: memory }),
    ...pids,
  }
}

/** The sum over containers and sidecars, or an init container's if that is more; undefined when one is unlimited. */
function limitOfPod(pod: Pod, name: 'cpu' | 'memory'): number | undefined {
  const read = name === 'cpu' ? quantityMilliValue : quantityValue
  const limitOf = (container: Pick<Container, 'resources'>): number | undefined => {
    const limit = container.resources?.limits?.[name]
    return limit === undefined ? undefined : read(limit)
  }
  const whole = limitOf(pod.spec.resources === undefined ? {} : { resources: pod.spec.resources })
  if (whole !== undefined) return whole
  let sum = 0
  let peak = 0
  for (const container of pod.spec.initContainers ?? []) {
    const limit = limitOf(container)
    if (limit === undefined) return undefined
    if (container.restartPolicy === 'Always') sum += limit
    peak = Math.max(peak, container.restartPolicy === 'Always' ? sum : sum + limit)
  }
  for (const container of pod.spec.containers) {
    const limit = limitOf(container)
    if (limit === undefined) return undefined
    sum += limit
  }
  return Math.max(sum, peak)
}

/** The wider of what shall be and what is; without a limit there is none wider. */
export function widerLimits(
  { cpuShares = 0, cpuQuotaMicros, memoryBytes }: CgroupLimits,
  now: Pick<CgroupDetail, 'cpuShares' | 'cpuQuotaMicros' | 'memoryLimitBytes'>,
): CgroupLimits {
  return {
    cpuShares: Math.max(cpuShares, now.cpuShares),
    ...(cpuQuotaMicros === undefined || now.cpuQuotaMicros < 0
      ? {}
      : { cpuQuotaMicros: Math.max(cpuQuotaMicros, now.cpuQuotaMicros) }),
    ...(memoryBytes === undefined || now.memoryLimitBytes === Infinity
      ? {}
      : { memoryBytes: Math.max(memoryBytes, now.memoryLimitBytes) }),
  }
}

/** Makes and removes the groups of one node's pods. */
export class PodCgroups {
  readonly #cgroups: Cgroups
  readonly #root: string
  readonly #mostPids: number | undefined
  #isPrepared = false

  constructor(cgroups: Cgroups, root: string, mostPids?: number) {
    this.#cgroups = cgroups
    this.#root = root
    this.#mostPids = mostPids
  }

  pathOf(pod: Pod): string {
    return podCgroupPath(this.#root, pod)
  }

  /** Must be there before the pod's sandbox, which would else be made without limits. */
  create(pod: Pod): void {
    this.#prepare()
    const path = this.pathOf(pod)
    this.#cgroups.create(path)
    this.#cgroups.limit(path, computePodLimits(pod, this.#mostPids))
  }

  /** Room for what containers have and for what they shall have: until all of them are changed. */
  widen(pod: Pod): void {
    const path = this.pathOf(pod)
    const now = this.#cgroups.detail(path)
    if (now !== undefined) this.#cgroups.limit(path, widerLimits(computePodLimits(pod), now))
  }

  /** What the pod may use as a whole once its containers are changed. */
  limit(pod: Pod): void {
    const path = this.pathOf(pod)
    if (this.#cgroups.exists(path)) this.#cgroups.limit(path, computePodLimits(pod))
  }

  /** Also of a pod of which nothing but its uid is known. */
  async remove(pod: Pod): Promise<void> {
    for (const folder of ['', '/burstable', '/besteffort']) {
      const path = `${this.#root}/kubepods${folder}/pod${pod.metadata.uid}`
      if (this.#cgroups.exists(path)) await this.#cgroups.remove(path)
    }
  }

  /** What the pod uses, by its group. */
  usage(pod: Pod): ReturnType<Cgroups['usage']> {
    return this.#cgroups.usage(this.pathOf(pod))
  }

  /** What one container uses: the runtime names its group by the container's id. */
  containerUsage(pod: Pod, id: string): ReturnType<Cgroups['usage']> {
    return this.#cgroups.usage(this.containerPath(pod, id))
  }

  /** Where a container, or the sandbox, of a pod is accounted for. */
  containerPath(pod: Pod, id: string): string {
    return `${this.pathOf(pod)}/${id}`
  }

  #prepare(): void {
    if (this.#isPrepared) return
    const top = `${this.#root}/kubepods`
    for (const path of [top, `${top}/burstable`, `${top}/besteffort`]) this.#cgroups.create(path)
    this.#cgroups.limit(`${top}/besteffort`, { cpuShares: 2 })
    this.#isPrepared = true
  }
}
