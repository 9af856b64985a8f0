// What the checks of the Pod Security Standards share.
import type { Container } from '#api/core/v1/container.ts'
import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import type { PodSpec } from '#api/core/v1/pod.ts'

/** A pod, or the template of one. */
export interface PodLike {
  readonly metadata?: Pick<ObjectMeta, 'annotations'>
  readonly spec: PodSpec
}

/** What a pod does that a level forbids: a reason that people know, and what exactly. */
export interface Violation {
  readonly reason: string
  readonly detail: string
}

type Judge = (pod: PodLike) => Violation | undefined

/** One rule of the standards, in the revisions that it went through. */
export interface Check {
  readonly id: string
  readonly level: 'baseline' | 'restricted'
  /** From which minor version of the policy on which revision holds; ascending. */
  readonly revisions: readonly { readonly since: number; readonly judge: Judge }[]
  /** The baseline check that this restricted one contains and therefore replaces, as long as it holds itself. */
  readonly replaces?: string
}

/** All containers of a pod, in the order in which messages name them. */
export function containersOf({ spec }: PodLike): readonly Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...((spec.ephemeralContainers ?? []) as Container[])]
}

/** Names of the containers for which something holds. */
export function containersThat(pod: PodLike, holds: (container: Container) => boolean): readonly string[] {
  return containersOf(pod)
    .filter(holds)
    .map(({ name }) => name)
}

/** `"a", "b"`. */
export function quoted(items: Iterable<string>): string {
  return [...items].map((each) => `"${each}"`).join(', ')
}

/** The items of a set in order, quoted. */
export function quotedSorted(items: ReadonlySet<string>): string {
  return quoted([...items].sort())
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? one : many
}

/** `container "a"` or `containers "a", "b"`. */
export function containerList(names: readonly string[]): string {
  return `${plural(names.length, 'container')} ${quoted(names)}`
}

/** `pod and container "a"`: who set something, where the pod may have and containers may have. */
export function setters(pod: boolean, containers: readonly string[]): readonly string[] {
  return [...(pod ? ['pod'] : []), ...(containers.length > 0 ? [containerList(containers)] : [])]
}

/** Pods that say that they run on Windows cannot set what the check asks for. */
export function unlessWindows(judge: Judge): Judge {
  return (pod) => (pod.spec.os?.name === 'windows' ? undefined : judge(pod))
}
