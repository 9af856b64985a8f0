import type { Container, EphemeralContainer } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { ObservedContainer, ObservedPod, ObservedSandbox } from '../runtime/containerRuntime.ts'

/** What a pod asks for beside what there is of it, ready to be compared. */
export interface PodView {
  /** The sandbox in which containers run or may be started; undefined when a fresh one is needed. */
  readonly sandbox: ObservedSandbox | undefined
  readonly newestSandbox: ObservedSandbox | undefined
  /** The newest run of a container in the usable sandbox. */
  current(name: string): ObservedContainer | undefined
  /** Every run of a container, newest first. */
  runs(name: string): readonly ObservedContainer[]
  /** Runs that have not ended. */
  readonly alive: readonly ObservedContainer[]
}

/** Sorts what the runtime has by container. */
export function viewOf(pod: Pod, observed: ObservedPod): PodView {
  const byName = new Map<string, ObservedContainer[]>()
  for (const run of observed.containers) {
    const runs = byName.get(run.name)
    if (runs === undefined) byName.set(run.name, [run])
    else runs.push(run)
  }
  for (const runs of byName.values()) runs.sort((a, b) => b.createdAt - a.createdAt || b.attempt - a.attempt)
  const newestSandbox = observed.sandboxes[0]
  const sandbox = newestSandbox !== undefined && isUsable(pod, newestSandbox) ? newestSandbox : undefined
  return {
    sandbox,
    newestSandbox,
    current: (name) => {
      const newest = byName.get(name)?.[0]
      return newest !== undefined && newest.sandboxId === sandbox?.id ? newest : undefined
    },
    runs: (name) => byName.get(name) ?? [],
    alive: observed.containers.filter((run) => run.state === 'running' || run.state === 'unknown'),
  }
}

/** A ready sandbox that lost its network is of no use. */
function isUsable(pod: Pod, sandbox: ObservedSandbox): boolean {
  return sandbox.ready && (pod.spec.hostNetwork === true || sandbox.ips.length > 0)
}

/** An init container that keeps running beside the others (KEP-753). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always'
}

export function sidecarsOf(pod: Pod): readonly Container[] {
  return (pod.spec.initContainers ?? []).filter(isSidecar)
}

/** Every container of a pod with the field it stands in. */
export function allContainers(
  pod: Pod,
): readonly { readonly container: Container | EphemeralContainer; readonly field: string }[] {
  const of = (list: readonly Container[] | undefined, field: string) =>
    (list ?? []).map((container) => ({ container, field }))
  return [
    ...of(pod.spec.initContainers, 'initContainers'),
    ...of(pod.spec.containers, 'containers'),
    ...of(pod.spec.ephemeralContainers, 'ephemeralContainers'),
  ]
}

/** A container of the pod by name. */
export function containerNamed(pod: Pod, name: string): Container | EphemeralContainer | undefined {
  return allContainers(pod).find(({ container }) => container.name === name)?.container
}

/** How an event names a container: `spec.containers{web}`. */
export function fieldPathOf(pod: Pod, name: string): string | undefined {
  const found = allContainers(pod).find(({ container }) => container.name === name)
  return found === undefined ? undefined : `spec.${found.field}{${name}}`
}

/** Names the container as the node sees it; a change of it asks for a new container. */
export function hashOfContainer({ name, image = '' }: Pick<Container, 'name' | 'image'>): string {
  // FNV-1a, 32 bits, over what upstream hashes since KEP-1287: name and image.
  const text = `${name}\n${image}`
  // Each look at a pod asks several times, and text in ASCII, which nearly all of it is, is its own bytes.
  const bytes = beyondAscii.test(text) ? Buffer.from(text).toString('latin1') : text
  let hash = 0x811c9dc5
  for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ bytes.charCodeAt(at), 0x01000193) >>> 0
  return hash.toString(16)
}

const beyondAscii = /[\u0080-\uffff]/
