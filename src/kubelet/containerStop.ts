import type { LifecycleHandler } from '#api/core/v1/probe.ts'
import type { Clock } from '#lib/clock.ts'
import { runHook, type HookTarget } from './lifecycleHooks.ts'
import type { ContainerRuntime } from './runtime/containerRuntime.ts'

/** What a hook leaves of the grace is never less, so that the signal to stop can be heard. */
const leastGraceSeconds = 2

/** A preStop hook and the container that it is about. */
export type PreStop = HookTarget & { readonly hook: LifecycleHandler }

/** Runs a hook to its end, or to that of the grace. A failed one is told; rejects only when aborted. */
export async function runPreStop(
  { hook, ...target }: PreStop,
  graceSeconds: number,
  signal: AbortSignal,
  hookFailed: () => void,
): Promise<void> {
  try {
    await runHook(hook, target, graceSeconds, signal)
  } catch {
    signal.throwIfAborted()
    hookFailed()
  }
}

/**
 * Runs the preStop hook, if there is one, and then stops the container, both within the grace. Resolves once it has
 * ended; a failed hook is told and does not hold up the stop.
 */
export async function stopContainer(
  id: string,
  graceSeconds: number,
  preStop: PreStop | undefined,
  runtime: ContainerRuntime,
  clock: Clock,
  signal: AbortSignal,
  hookFailed: () => void,
): Promise<void> {
  let left = graceSeconds
  if (preStop !== undefined && graceSeconds > 0) {
    const began = clock.now()
    await runPreStop(preStop, graceSeconds, signal, hookFailed)
    left = Math.max(leastGraceSeconds, Math.ceil(graceSeconds - (clock.now() - began) / 1000))
  }
  await runtime.stopContainer(id, left, signal)
}
