import { isAbort, untilAborted } from './async/abort.ts'

/** A long-lived part of a process: runs until aborted, says when it is ready. */
export interface Component {
  readonly name: string
  /** Names of the components that must be ready before this one starts. */
  readonly needs?: readonly string[]
  /** Resolves after the signal aborted and everything is put away; rejects when it cannot go on. Calls `ready` once. */
  run(ready: () => void, signal: AbortSignal): Promise<void>
}

interface Running {
  readonly component: Component
  readonly stop: AbortController
  readonly ended: Promise<void>
}

/** Told of every start and stop, for progress and for tests. */
export type ComponentObserver = (name: string, event: 'starting' | 'ready' | 'stopping' | 'stopped') => void

/**
 * Starts components once what they need is ready and stops them in reverse order of readiness.
 * Resolves after `signal` aborted and all have stopped; rejects with the first failure, after stopping the others.
 */
export async function runComponents(
  components: readonly Component[],
  signal: AbortSignal,
  observe: ComponentObserver = () => {},
): Promise<void> {
  const order = startOrder(components)
  const ready = new Map<string, PromiseWithResolvers<void>>()
  for (const component of order) ready.set(component.name, Promise.withResolvers<void>())
  const running: Running[] = []
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => {})

  const start = async (component: Component): Promise<void> => {
    await Promise.all((component.needs ?? []).map((name) => ready.get(name)!.promise))
    if (signal.aborted || stopping) return
    observe(component.name, 'starting')
    const stop = new AbortController()
    const announce = (): void => {
      observe(component.name, 'ready')
      ready.get(component.name)!.resolve()
    }
    const ended = component.run(announce, stop.signal).then(
      () => {
        if (!stop.signal.aborted) failed.reject(new Error(`Component "${component.name}" ended before it was asked to`))
      },
      (error: unknown) => {
        if (!stop.signal.aborted) failed.reject(error as Error)
        else if (!isAbort(error)) failed.reject(error as Error)
      },
    )
    running.push({ component, stop, ended })
  }

  let stopping = false
  const aborted = untilAborted(signal)
  for (const component of order) start(component).catch((error: unknown) => failed.reject(error as Error))

  let failure: { error: unknown } | undefined
  await Promise.race([aborted, failed.promise]).catch((error: unknown) => {
    failure = { error }
  })
  stopping = true
  for (const { component, stop, ended } of running.toReversed()) {
    observe(component.name, 'stopping')
    stop.abort()
    await ended
    observe(component.name, 'stopped')
  }
  if (failure !== undefined) throw failure.error
}

/** Every component after what it needs, otherwise in the given order. Throws on an unknown need or a circle. */
function startOrder(components: readonly Component[]): readonly Component[] {
  const byName = new Map(components.map((component) => [component.name, component]))
  const order: Component[] = []
  const state = new Map<string, 'visiting' | 'done'>()
  const visit = (component: Component, path: readonly string[]): void => {
    const seen = state.get(component.name)
    if (seen === 'done') return
    const trail = [...path, component.name]
    if (seen === 'visiting') throw new Error(`Components need each other in a circle: ${trail.join(' -> ')}`)
    state.set(component.name, 'visiting')
    for (const name of component.needs ?? []) {
      const needed = byName.get(name)
      if (needed === undefined) throw new Error(`Component "${component.name}" needs "${name}", which is not there`)
      visit(needed, trail)
    }
    state.set(component.name, 'done')
    order.push(component)
  }
  for (const component of components) visit(component, [])
  return order
}
