/** One step of a pod's worker. Steps are done in order; `pullImage` and `stopContainer` go on while others are done. */
export type PodAction =
  | { readonly do: 'mountVolumes' }
  | { readonly do: 'unmountVolumes' }
  | { readonly do: 'createSandbox'; readonly attempt: number }
  /** Also ends what still runs in it. */
  | { readonly do: 'stopSandbox'; readonly id: string }
  /** Also stops it: for a pod that goes, so that its network is taken away once and not twice. */
  | { readonly do: 'removeSandbox'; readonly id: string }
  | { readonly do: 'pullImage'; readonly container: string }
  | {
      readonly do: 'startContainer'
      readonly name: string
      /** How often it was started before. */
      readonly attempt: number
      readonly imageRef: string
      /** When the run before this one ended; its back-off grows with this start. */
      readonly endedAt?: number
    }
  /** Says that it is being stopped and runs its hook, before it is its turn to end. */
  | {
      readonly do: 'prepareStop'
      readonly id: string
      readonly name: string
      readonly graceSeconds: number
      /** The text of the `Killing` event. */
      readonly why: string
    }
  | {
      readonly do: 'stopContainer'
      readonly id: string
      readonly name: string
      readonly graceSeconds: number
      /** The text of the `Killing` event. */
      readonly why: string
    }
  /** Gives the pod and these of its running containers what was agreed on. */
  | { readonly do: 'resize'; readonly runs: readonly { readonly id: string; readonly name: string }[] }
  | { readonly do: 'removeContainer'; readonly id: string }
  | {
      readonly do: 'recordEvent'
      readonly container?: string
      readonly type: 'Normal' | 'Warning'
      readonly reason: string
      readonly message: string
    }
  /** Nothing runs any more: removes what is left on the node and then the object. */
  | { readonly do: 'removePod' }

/** Collects what to do and when to look again. */
export class Steps {
  readonly actions: PodAction[] = []
  #recheckAt: number | undefined

  add(...actions: PodAction[]): void {
    this.actions.push(...actions)
  }

  /** Looks again at `at`, or earlier if that was asked for. */
  recheck(at: number | undefined): void {
    if (at !== undefined && (this.#recheckAt === undefined || at < this.#recheckAt)) this.#recheckAt = at
  }

  get recheckAt(): number | undefined {
    return this.#recheckAt
  }
}
