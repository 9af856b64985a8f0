import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import { humanDuration } from '#machinery/humanDuration.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import type { Column } from '#server/strategy.ts'

/** The columns of `kubectl get pods`. What STATUS says is no field: it is read off the containers, as upstream does. */
export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  {
    name: 'Ready',
    description: 'Ready containers of those that the pod has, native sidecars included.',
    value: (pod) => {
      const { ready, total } = summaryOf(pod)
      return `${ready}/${total}`
    },
  },
  {
    name: 'Status',
    description: 'What the pod is doing, or what keeps it from running.',
    value: (pod) => summaryOf(pod).reason,
  },
  {
    name: 'Restarts',
    description: 'How often its containers were started again, and how long ago the last time was.',
    value: (pod, now) => {
      const { restarts, lastRestart } = summaryOf(pod)
      return restarts === 0 || lastRestart === undefined
        ? `${restarts}`
        : `${restarts} (${humanDuration(now - lastRestart)} ago)`
    },
  },
  ageColumn,
  {
    name: 'IP',
    wide: true,
    description: 'Address of the pod in the cluster.',
    value: ({ status }) => orNone(status?.podIPs?.[0]?.ip ?? status?.podIP),
  },
  {
    name: 'Node',
    wide: true,
    description: 'Node that the pod is bound to.',
    value: ({ spec }) => orNone(spec.nodeName),
  },
  {
    name: 'Nominated Node',
    wide: true,
    description: 'Node where room is being made for the pod.',
    value: ({ status }) => orNone(status?.nominatedNodeName),
  },
  {
    name: 'Readiness Gates',
    wide: true,
    description: 'Met readiness gates of those that the pod names.',
    value: ({ spec, status }) => {
      const gates = spec.readinessGates ?? []
      const met = gates.filter(({ conditionType }) =>
        status?.conditions?.some(({ type, status: value }) => type === conditionType && value === 'True'),
      )
      return gates.length === 0 ? '<none>' : `${met.length}/${gates.length}`
    },
  },
]

function orNone(text: string | undefined): string {
  return text === undefined || text === '' ? '<none>' : text
}

interface Summary {
  readonly reason: string
  readonly ready: number
  readonly total: number
  readonly restarts: number
  /** When a container last ended to be started again; milliseconds since the epoch. */
  readonly lastRestart: number | undefined
}

/** Reads the state of a pod off its containers: the first that is not well gives the word. */
function summaryOf(pod: Pod): Summary {
  const { spec, status } = pod
  const sidecars = new Map(
    (spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => [c.name, c]),
  )
  let reason = status?.reason !== undefined && status.reason !== '' ? status.reason : (status?.phase ?? 'Unknown')
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled')
  if (scheduled?.reason === 'SchedulingGated') reason = 'SchedulingGated'

  let restarts = 0
  let sidecarRestarts = 0
  let lastRestart: number | undefined
  let lastSidecarRestart: number | undefined
  let ready = 0
  let initializing = false
  const initStatuses = status?.initContainerStatuses ?? []
  for (const [index, container] of initStatuses.entries()) {
    restarts += container.restartCount
    lastRestart = later(lastRestart, container)
    const isSidecar = sidecars.has(container.name)
    if (isSidecar) {
      sidecarRestarts += container.restartCount
      lastSidecarRestart = later(lastSidecarRestart, container)
    }
    const { terminated, waiting } = container.state ?? {}
    if (terminated !== undefined && terminated.exitCode === 0) continue
    if (isSidecar && container.started === true) {
      if (container.ready) ready++
      continue
    }
    if (terminated !== undefined) reason = `Init:${endOf(terminated)}`
    else if (waiting?.reason !== undefined && waiting.reason !== '' && waiting.reason !== 'PodInitializing') {
      reason = `Init:${waiting.reason}`
    } else reason = `Init:${index}/${spec.initContainers?.length ?? 0}`
    initializing = true
    break
  }

  if (!initializing || isConditionTrue(pod.status?.conditions, 'Initialized')) {
    restarts = sidecarRestarts
    lastRestart = lastSidecarRestart
    let running = false
    for (const container of (status?.containerStatuses ?? []).toReversed()) {
      restarts += container.restartCount
      lastRestart = later(lastRestart, container)
      const { terminated, waiting, running: runs } = container.state ?? {}
      if (waiting?.reason !== undefined && waiting.reason !== '') reason = waiting.reason
      else if (terminated !== undefined) reason = endOf(terminated)
      else if (container.ready && runs !== undefined) {
        running = true
        ready++
      }
    }
    if (reason === 'Completed' && running)
      reason = isConditionTrue(pod.status?.conditions, 'Ready') ? 'Running' : 'NotReady'
  }

  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status?.reason === 'NodeLost') reason = 'Unknown'
    else if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed') reason = 'Terminating'
  }
  return { reason, ready, total: spec.containers.length + sidecars.size, restarts, lastRestart }
}

function endOf(end: { readonly reason?: string; readonly signal?: number; readonly exitCode: number }): string {
  if (end.reason !== undefined && end.reason !== '') return end.reason
  return end.signal !== undefined && end.signal !== 0 ? `Signal:${end.signal}` : `ExitCode:${end.exitCode}`
}

function later(before: number | undefined, container: ContainerStatus): number | undefined {
  const finished = container.lastState?.terminated?.finishedAt
  if (finished === undefined) return before
  return Math.max(before ?? 0, Date.parse(finished))
}
