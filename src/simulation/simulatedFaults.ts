import type { Container, EphemeralContainer } from '#api/core/v1/container.ts'
import { exponentialDelay } from '#lib/async/backoff.ts'
import type { ImageState, StartFailure } from '#kubelet/plan/podMemory.ts'
import type { ObservedContainer } from '#kubelet/runtime/containerRuntime.ts'
import { imageDigest, imageName } from './simulatedContainer.ts'
import type { SimulatedPod, SimulatedPodEvent } from './simulatedPod.ts'

/** The exit code that a runtime gives to containers that it finds dead after a restart of the machine. */
const lostCode = 255

/** A pod one of whose containers ends now, as if its process had died; all that run unless one is named. */
export function afterCrash(
  before: SimulatedPod,
  crash: { readonly container?: string; readonly exitCode: number; readonly reason?: string },
  now: number,
): SimulatedPod {
  const { container, exitCode, reason = exitCode === 0 ? 'Completed' : 'Error' } = crash
  const containers = before.observed.containers.map((run) =>
    run.state === 'running' && (container === undefined || run.name === container)
      ? ended(run, now, exitCode, reason)
      : run,
  )
  return { ...before, observed: { ...before.observed, containers } }
}

/** A pod as its node finds it after its machine was off: nothing of it runs any more, its sandbox has gone. */
export function afterReboot(before: SimulatedPod, now: number): SimulatedPod {
  return {
    ...before,
    observed: {
      sandboxes: before.observed.sandboxes.map((sandbox) => ({ ...sandbox, ready: false, ips: [] })),
      containers: before.observed.containers.map((run) =>
        run.state === 'running' ? ended(run, now, lostCode, 'Unknown') : run,
      ),
    },
    stops: new Map(),
  }
}

function ended(run: ObservedContainer, finishedAt: number, exitCode: number, reason: string): ObservedContainer {
  return { ...run, state: 'exited', finishedAt, exitCode, reason }
}

/** What came of the tries to pull the image of one container. */
export interface FailedPulls {
  readonly count: number
  /** Not to be tried again before. */
  readonly until: number
}

/** As the kubelet's puller waits. */
const backoff = { first: 10_000, most: 300_000 }
const failureShownFor = 3_000

/** One try to have an image, of which the first `failing` fail. */
export function tryPull(
  { name, image = '' }: Container | EphemeralContainer,
  failing: number,
  before: FailedPulls | undefined,
  now: number,
): {
  readonly image?: ImageState
  readonly failed?: FailedPulls
  readonly failure?: StartFailure
  readonly events: readonly SimulatedPodEvent[]
} {
  const full = imageName(image)
  const text = `rpc error: code = NotFound desc = failed to pull and unpack image "${full}": failed to resolve reference "${full}": ${full}: not found`
  const note = (type: SimulatedPodEvent['type'], reason: string, message: string): SimulatedPodEvent => ({
    type,
    reason,
    message,
    container: name,
  })
  if (before !== undefined && before.until > now) {
    const message = `Back-off pulling image "${image}"`
    const reason = 'ImagePullBackOff'
    return {
      failed: before,
      failure: { reason, message: `${message}: ErrImagePull: ${text}`, retryAt: before.until },
      events: [note('Normal', 'BackOff', message), note('Warning', 'Failed', `Error: ${reason}`)],
    }
  }
  const count = before?.count ?? 0
  if (count >= failing) return { image: { is: 'present', ref: imageDigest(image) }, events: [] }
  const reason = 'ErrImagePull'
  return {
    failed: { count: count + 1, until: now + exponentialDelay(count, backoff) },
    failure: { reason, message: text, retryAt: now + failureShownFor },
    events: [
      note('Normal', 'Pulling', `Pulling image "${image}"`),
      note('Warning', 'Failed', `Failed to pull image "${image}": ${text}`),
      note('Warning', 'Failed', `Error: ${reason}`),
    ],
  }
}
