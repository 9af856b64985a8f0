import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Client } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'

export interface PodSourceOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly nodeName: string
  readonly report?: (problem: string, error?: unknown) => void
}

/** The pods that are bound to one node, as the API server has them. */
export interface PodSource {
  /** Follows the pods until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  synced(signal: AbortSignal): Promise<void>
  list(): readonly Pod[]
  /** Called for every pod there is, and then after each change; `undefined` when it is gone. */
  onChange(handle: (pod: Pod | undefined, before: Pod | undefined) => void): Disposable
}

/** Marks a pod that only shows something which runs on the node without the API server's doing: nothing is to be run for it. */
const mirrorAnnotation = 'kubernetes.io/config.mirror'

function isMirror(pod: Pod | undefined): boolean {
  return pod?.metadata.annotations?.[mirrorAnnotation] !== undefined
}

/** Follows `spec.nodeName` at the API server, without mirror pods. */
export function apiPodSource(options: PodSourceOptions): PodSource {
  const { nodeName, ...rest } = options
  const informer = new WatchedInformer<Pod>({
    ...rest,
    resource: pods,
    selection: { fieldSelector: `spec.nodeName=${nodeName}` },
  })
  return {
    run: (signal) => informer.run(signal),
    synced: (signal) => informer.synced(signal),
    list: () => informer.list().filter((pod) => !isMirror(pod)),
    onChange: (handle) =>
      informer.onChange((change) => {
        if (!isMirror(change.new ?? change.old)) handle(change.new, change.old)
      }),
  }
}
