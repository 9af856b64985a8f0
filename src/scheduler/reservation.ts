import type { Pod } from '#api/core/v1/pod.ts'
import type { NodeRejection } from './cycle.ts'
import type { Rejection } from './plugin.ts'
import type { Hook } from './verdicts.ts'

/** Why a pod that was given a node does not get there: a plugin refused, or something went wrong. */
export type Setback = { readonly rejection: NodeRejection } | { readonly error: Error }

/** What one pod's plugins set aside on the node that was chosen for it. */
export class Reservation {
  readonly pod: Pod
  readonly node: string
  readonly #hooks: readonly Hook[]

  constructor(pod: Pod, node: string, hooks: readonly Hook[]) {
    this.pod = pod
    this.node = node
    this.#hooks = hooks
  }

  /** Whether anything has to happen between the decision and the binding that takes time. */
  get waits(): boolean {
    return this.#hooks.some(({ plugin }) => plugin.permit !== undefined || plugin.preBind !== undefined)
  }

  /** Asks every plugin to set aside what the pod needs, until one refuses. */
  reserve(): Setback | undefined {
    for (const { plugin, state } of this.#hooks) {
      try {
        const rejection = plugin.reserve?.(this.pod, this.node, state)
        if (rejection !== undefined) return this.#refused(plugin.name, rejection)
      } catch (error) {
        return failed('running Reserve', plugin.name, error)
      }
    }
    return undefined
  }

  /** Gives back everything, the last plugin first. */
  unreserve(): void {
    for (const { plugin, state } of this.#hooks.toReversed()) plugin.unreserve?.(this.pod, this.node, state)
  }

  /** Waits until every plugin lets the pod go to its node. */
  async permit(signal: AbortSignal): Promise<Setback | undefined> {
    for (const { plugin, state } of this.#hooks) {
      try {
        const rejection = await plugin.permit?.(this.pod, this.node, state, signal)
        if (rejection !== undefined) return this.#refused(plugin.name, rejection)
      } catch (error) {
        return failed('running Permit', plugin.name, error)
      }
    }
    return undefined
  }

  /** Lets every plugin do what must be done before the pod is bound. */
  async preBind(signal: AbortSignal): Promise<Setback | undefined> {
    for (const { plugin, state } of this.#hooks) {
      try {
        await plugin.preBind?.(this.pod, this.node, state, signal)
      } catch (error) {
        return failed('running PreBind', plugin.name, error)
      }
    }
    return undefined
  }

  #refused(plugin: string, rejection: Rejection): Setback {
    return { rejection: { node: this.node, plugin, rejection } }
  }
}

/** An error of a plugin, told as Kubernetes tells it: `running PreBind plugin "VolumeBinding": …`. */
export function failed(doing: string, plugin: string, error: unknown): Setback {
  const message = error instanceof Error ? error.message : String(error)
  return { error: new Error(`${doing} plugin "${plugin}": ${message}`, { cause: error }) }
}
