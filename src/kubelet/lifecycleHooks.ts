import type { Container } from '#api/core/v1/container.ts'
import type { LifecycleHandler } from '#api/core/v1/probe.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Clock } from '#lib/clock.ts'
import { podText } from './plan/restarts.ts'
import { httpTarget, portNumber } from './probes/handlers.ts'
import { httpGet, tcpConnect } from './probes/network.ts'
import type { ContainerRuntime } from './runtime/containerRuntime.ts'

export interface HookTarget {
  readonly pod: Pod
  readonly container: Container
  readonly containerId: string
  readonly podIP: string
  readonly runtime: Pick<ContainerRuntime, 'exec'>
  readonly clock: Clock
}

/** Without a limit of its own a hook may take this long. */
const longestHookSeconds = 3600

/** Runs a lifecycle hook to its end. Rejects with the message that the container's status shows. */
export async function runHook(
  handler: LifecycleHandler,
  target: HookTarget,
  seconds: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { container, clock } = target
  const limit = seconds ?? longestHookSeconds
  if (handler.exec !== undefined) return execHook(handler.exec.command ?? [], target, limit, signal)
  if (handler.sleep !== undefined) return clock.sleep(Math.min(limit, handler.sleep.seconds) * 1000, signal)
  if (handler.httpGet !== undefined) {
    const { path = '' } = handler.httpGet
    const fail = (why: string): Error => hookError('HTTP', path, target, why)
    const asked = httpTarget(handler.httpGet, { ...target, userAgent: 'kube-lifecycle/1.34' }, limit * 1000)
    const { status } = await httpGet(asked, clock, signal).catch((error: unknown) => {
      signal.throwIfAborted()
      throw fail((error as Error).message)
    })
    if (status >= 400) throw fail(`HTTP request failed with statuscode: ${status}`)
    return
  }
  if (handler.tcpSocket !== undefined) {
    const { host = target.podIP, port } = handler.tcpSocket
    await tcpConnect(host, portNumber(port, container), limit * 1000, clock, signal)
  }
}

async function execHook(
  command: readonly string[],
  target: HookTarget,
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const answer = await target.runtime.exec(target.containerId, command, seconds, signal)
  if (answer.exitCode === 0) return
  const words = command.join(' ')
  const why =
    answer.timedOut === true
      ? `command '${words}' timed out`
      : `command '${words}' exited with ${answer.exitCode}: ${answer.stderr}`
  throw hookError('Exec', `[${words}]`, target, `${why}, message: ${JSON.stringify(answer.stdout + answer.stderr)}`)
}

function hookError(kind: string, what: string, { container, pod }: HookTarget, why: string): Error {
  return new Error(
    `${kind} lifecycle hook (${what}) for Container "${container.name}" in Pod "${podText(pod)}" failed - error: ${why}`,
  )
}
