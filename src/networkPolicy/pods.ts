/**
 * The pods that the policies of one node are decided by. Its own are followed anyway, by the kubelet and the proxy as well; those
 * elsewhere only while a policy asks who they are: in a cluster without policies no node pays for the pods of the others.
 */
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Informer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { podNetworkPart } from '#client/podNetworkPart.ts'
import type { Clock } from '#lib/clock.ts'

import { matchesPod, readPod, readPodChange } from './facts.ts'
import type { ClusterFacts, PodChange, PodFacts } from './facts.ts'
import type { Policy, Rule } from './policy.ts'

/** Pods elsewhere are followed so long after the last policy that asked for them. */
const lingerMs = 300_000

export interface PodCopies extends Disposable {
  /** Pods of this node, by key. */
  readonly own: Pick<Informer<Pod>, 'get' | 'synced'>
  /** What is known of this node's pods. */
  listOwn(): PodFacts[]
  /** What is known of all others; nothing before they were asked for. */
  listElsewhere(): PodFacts[]
  /** Says that those elsewhere are needed; resolves once they are known. */
  need(signal: AbortSignal): Promise<void>
  /** Says that they are not needed now: some time after that they are followed no more. */
  forgo(): void
}

export interface PodCopiesOptions {
  readonly informers: Pick<Informers, 'of' | 'partOf' | 'release'>
  readonly nodeName: string
  readonly clock: Clock
  /** Something of this node's own pods is another. */
  ownChanged(): void
  /** The same of a pod elsewhere. */
  elsewhereChanged(change: PodChange): void
}

export function followPods({ informers, nodeName, clock, ownChanged, elsewhereChanged }: PodCopiesOptions): PodCopies {
  const own = informers.of(pods, { fieldSelector: `spec.nodeName=${nodeName}` })
  const followingOwn = own.onChange((change) => {
    if (readPodChange(change) !== undefined) ownChanged()
  })
  let elsewhere: { readonly informer: Informer<Pod>; readonly following: Disposable } | undefined
  let neededAt = -Infinity
  const isElsewhere = (pod: Pod | undefined): pod is Pod => pod !== undefined && pod.spec.nodeName !== nodeName
  const stop = (): void => {
    if (elsewhere === undefined) return
    elsewhere.following[Symbol.dispose]()
    informers.release(elsewhere.informer)
    elsewhere = undefined
  }
  return {
    own,
    listOwn: () => own.list().flatMap((pod) => readPod(pod) ?? []),
    listElsewhere: () =>
      (elsewhere?.informer.list({ matches: isElsewhere }) ?? []).flatMap((pod) => readPod(pod) ?? []),
    forgo() {
      if (clock.now() - neededAt >= lingerMs) stop()
    },
    async need(signal) {
      neededAt = clock.now()
      if (elsewhere !== undefined) return
      const informer = informers.partOf(pods, podNetworkPart)
      await informer.synced(signal)
      const following = informer.onChange(({ old, new: next }) => {
        const change = readPodChange({
          ...(isElsewhere(old) ? { old } : {}),
          ...(isElsewhere(next) ? { new: next } : {}),
        })
        if (change !== undefined) elsewhereChanged(change)
      })
      elsewhere = { informer, following }
    },
    [Symbol.dispose]() {
      followingOwn[Symbol.dispose]()
      stop()
    },
  }
}

/** Whether policies that select one of these pods, a node's own, have rules that tell other pods apart. */
export function asksForPods(
  own: readonly PodFacts[],
  { policies, namespaces }: Pick<ClusterFacts, 'policies' | 'namespaces'>,
): boolean {
  const asking = policies.filter(tellsPodsApart)
  return asking.length > 0 && own.some((pod) => asking.some(({ subject }) => matchesPod(subject, pod, namespaces)))
}

const known = new WeakMap<Policy, boolean>()

function tellsPodsApart(policy: Policy): boolean {
  let found = known.get(policy)
  if (found === undefined) {
    const { ingress = [], egress = [] } = policy
    // Names of ports mean those of the target: of what goes out that may be any pod.
    const asksForName = ({ ports }: Rule): boolean => ports !== 'all' && ports.some((port) => 'name' in port)
    found =
      [...ingress, ...egress].some(({ peers }) => peers !== 'everybody' && peers.some(({ kind }) => kind === 'pods')) ||
      egress.some(asksForName)
    known.set(policy, found)
  }
  return found
}
