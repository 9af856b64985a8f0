import type { Pod } from '#api/core/v1/pod.ts'
import type { ObservedContainer, ObservedPod } from '../runtime/containerRuntime.ts'
import type { Steps } from './podAction.ts'
import type { PodFailure, PodMemory } from './podMemory.ts'
import { sidecarsOf, type PodView } from './podView.ts'

/** A stop that shortens the grace by less than this is not worth another call. */
const worthwhile = 1_000

/** Sidecars that had to wait for the others get at least this long. */
const leastGraceSeconds = 2

/**
 * Ends a pod that was deleted or is done: the containers together, then its sidecars one by one from the last to the
 * first (KEP-753), whose hooks run with the others', all within one grace period; then the sandbox and the volumes. What was deleted is removed with all
 * that the runtime has of it; what is done stays readable.
 */
export function planEnding(
  pod: Pod,
  view: PodView,
  observed: ObservedPod,
  now: number,
  memory: PodMemory,
  failure: PodFailure | undefined,
  steps: Steps,
): void {
  const isDeleted = pod.metadata.deletionTimestamp !== undefined
  if (failure?.reason === 'DeadlineExceeded' && memory.endingSince === undefined) {
    steps.add({ do: 'recordEvent', type: 'Normal', reason: failure.reason, message: failure.message })
  }
  if (view.alive.length > 0) return stopContainers(pod, view, now, memory, steps)
  const ready = observed.sandboxes.filter((sandbox) => sandbox.ready)
  for (const { id } of ready) steps.add({ do: isDeleted ? 'removeSandbox' : 'stopSandbox', id })
  if (ready.length > 0) return
  if (memory.volumesMounted) steps.add({ do: 'unmountVolumes' })
  else if (isDeleted && memory.removed !== true) steps.add({ do: 'removePod' })
}

function stopContainers(pod: Pod, view: PodView, now: number, memory: PodMemory, steps: Steps): void {
  const asked = pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30
  const grace = memory.eviction === undefined ? asked : Math.min(asked, memory.eviction.graceSeconds)
  const killAt = (memory.endingSince ?? now) + grace * 1000
  const secondsLeft = Math.max(0, Math.ceil((killAt - now) / 1000))
  const stop = (run: ObservedContainer, graceSeconds: number): void => {
    const alreadyAt = memory.stopping.get(run.id)
    if (alreadyAt !== undefined && alreadyAt <= now + graceSeconds * 1000 + worthwhile) return
    const why = `Stopping container ${run.name}`
    steps.add({ do: 'stopContainer', id: run.id, name: run.name, graceSeconds, why })
  }
  const sidecars = sidecarsOf(pod)
  const isOfSidecar = (run: ObservedContainer): boolean => sidecars.some((container) => container.name === run.name)
  const others = view.alive.filter((run) => !isOfSidecar(run))
  for (const run of others) stop(run, secondsLeft)
  const isLate = now >= killAt
  // Each waits for those after it, but not for longer than there is time.
  let isTurn = others.length === 0
  for (const container of sidecars.toReversed()) {
    const run = view.alive.find((alive) => alive.name === container.name)
    if (run === undefined) continue
    const isPrepared = memory.prepared.get(run.id)
    // A grace of zero is a demand to kill at once.
    if (isLate || (isTurn && isPrepared !== false)) {
      stop(run, grace === 0 ? 0 : Math.max(secondsLeft, leastGraceSeconds))
    } else {
      const { id, name } = run
      const why = `Stopping container ${name}`
      if (isPrepared === undefined) steps.add({ do: 'prepareStop', id, name, graceSeconds: secondsLeft, why })
      steps.recheck(killAt)
    }
    isTurn = false
  }
}
