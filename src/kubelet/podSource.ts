import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Informers } from '#client/informers.ts'

/** The pods that are bound to one node, as the API server has them. */
export interface PodSource {
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

/** The pods of `spec.nodeName`, from the copy that other components of the node read too, without mirror pods. */
export function apiPodSource(informers: Informers, nodeName: string): PodSource & Disposable {
  const informer = informers.of(pods, { fieldSelector: `spec.nodeName=${nodeName}` })
  return {
    synced: (signal) => informer.synced(signal),
    list: () => informer.list().filter((pod) => !isMirror(pod)),
    onChange: (handle) =>
      informer.onChange((change) => {
        if (!isMirror(change.new ?? change.old)) handle(change.new, change.old)
      }),
    [Symbol.dispose]: () => informers.release(informer),
  }
}
