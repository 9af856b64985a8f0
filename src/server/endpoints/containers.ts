import type { Pod } from '#api/core/v1/pod.ts'
import { badRequest } from '#machinery/status.ts'

const defaultContainerAnnotation = 'kubectl.kubernetes.io/default-container'

/** The container that a request is about: the one it names, the marked one, or the only one. Otherwise 400. */
export function containerOf({ metadata, spec }: Pod, named: string): string {
  const containers = spec.containers.map(({ name }) => name)
  const init = (spec.initContainers ?? []).map(({ name }) => name)
  const ephemeral = (spec.ephemeralContainers ?? []).map(({ name }) => name)
  if (named !== '') {
    if ([...containers, ...init, ...ephemeral].includes(named)) return named
    throw badRequest(`container ${named} is not valid for pod ${metadata.name}`)
  }
  const marked = metadata.annotations?.[defaultContainerAnnotation]
  if (marked !== undefined && containers.includes(marked)) return marked
  if (containers.length === 1) return containers[0]!
  let text = `a container name must be specified for pod ${metadata.name}, choose one of: [${containers.join(' ')}]`
  if (init.length > 0) text += ` or one of the init containers: [${init.join(' ')}]`
  if (ephemeral.length > 0) text += ` or one of the ephemeral containers: [${ephemeral.join(' ')}]`
  throw badRequest(text)
}

/** The node on which a pod runs; 400 while it has none. */
export function nodeOf({ metadata, spec }: Pod): string {
  if ((spec.nodeName ?? '') === '') throw badRequest(`pod ${metadata.name} does not have a host assigned`)
  return spec.nodeName!
}
