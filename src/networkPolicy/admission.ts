/**
 * New pods are held up between getting their addresses and the start of their first container until the node's kernel has been
 * told what policies say of them: no packet of theirs is ever unjudged.
 */
import type { Pod } from '#api/core/v1/pod.ts'

import { readPod } from './facts.ts'
import type { PodFacts } from './facts.ts'

interface Arrival {
  readonly pod: Pod
  readonly facts: PodFacts
  /** Whether the API server's objects had it once: it has gone when they no longer do. */
  seen: boolean
  /** Resolves once the kernel knows the pod. */
  readonly admitted: PromiseWithResolvers<void>
}

/** Pods whose addresses this node knows before the API server does, between the kubelet and the policies of one process. */
export class PodAdmission {
  readonly #arrivals = new Map<string, Arrival>()
  #changed: (() => void) | undefined

  /** Resolves once policies hold for a pod with these addresses. At once for those of the host's network. */
  async admit(pod: Pod, addresses: readonly string[], signal: AbortSignal): Promise<void> {
    const facts = readPod(pod, addresses)
    if (facts === undefined) return
    const key = pod.metadata.uid ?? ''
    let arrival = this.#arrivals.get(key)
    if (arrival === undefined || JSON.stringify(arrival.facts.addresses) !== JSON.stringify(facts.addresses)) {
      arrival = { pod, facts, seen: false, admitted: Promise.withResolvers() }
      for (const [other, { facts: before, admitted: superseded }] of this.#arrivals)
        if (before.addresses.some(({ text }) => addresses.includes(text)) && this.#arrivals.delete(other))
          superseded.resolve()
      this.#arrivals.set(key, arrival)
      this.#changed?.()
    }
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const onAbort = (): void => reject(signal.reason as Error)
    signal.throwIfAborted()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([arrival.admitted.promise, aborted])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Tells of arrivals from now on. */
  onArrival(changed: () => void): Disposable {
    this.#changed = changed
    return { [Symbol.dispose]: () => (this.#changed = undefined) }
  }

  /**
   * The pods that have arrived and are still there, but for those whose addresses are known otherwise by now. `current` finds
   * the object of a pod; `applied` is to be called when the kernel has been told of both.
   */
  arrivals(current: (pod: Pod) => Pod | undefined): { readonly facts: readonly PodFacts[]; applied(): void } {
    const all = [...this.#arrivals]
    const waiting = all.filter(([, arrival]) => {
      const object = current(arrival.pod)
      const isThere = object?.metadata.uid === arrival.pod.metadata.uid
      const isGone = arrival.seen && !isThere
      arrival.seen ||= isThere
      return !isGone && !(isThere && readPod(object!) !== undefined)
    })
    return {
      facts: waiting.map(([, { facts }]) => facts),
      applied: () => {
        for (const [key, arrival] of all) {
          arrival.admitted.resolve()
          const isWaiting = waiting.some(([, each]) => each === arrival)
          if (!isWaiting && this.#arrivals.get(key) === arrival) this.#arrivals.delete(key)
        }
      },
    }
  }
}
