import type { Container, ResourceList } from '#api/core/v1/container.ts'
import type { ResourceFieldSelector } from '#api/core/v1/environment.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { quantityMilliValue, quantityValue } from '#machinery/quantity.ts'
import { containerNamed } from './podView.ts'

/** What a pod may learn of itself that its object does not say yet. */
export interface OwnFacts {
  readonly podIPs: readonly string[]
  readonly hostIPs: readonly string[]
  /** What an absent limit stands for: all that the node offers. */
  readonly allocatable: ResourceList
}

/** The value of a `fieldRef`; undefined for a path that cannot be referred to. */
export function fieldValue(pod: Pod, path: string, facts: OwnFacts): string | undefined {
  const { metadata, spec } = pod
  const subscript = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (subscript !== null) return metadata[subscript[1] as 'labels' | 'annotations']?.[subscript[2]!] ?? ''
  switch (path) {
    case 'metadata.name':
      return metadata.name
    case 'metadata.namespace':
      return metadata.namespace ?? ''
    case 'metadata.uid':
      return metadata.uid ?? ''
    case 'metadata.labels':
      return mapText(metadata.labels)
    case 'metadata.annotations':
      return mapText(metadata.annotations)
    case 'spec.nodeName':
      return spec.nodeName ?? ''
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? ''
    case 'status.hostIP':
      return facts.hostIPs[0] ?? ''
    case 'status.hostIPs':
      return facts.hostIPs.join(',')
    case 'status.podIP':
      return facts.podIPs[0] ?? ''
    case 'status.podIPs':
      return facts.podIPs.join(',')
    default:
      return undefined
  }
}

/** One `key="value"` a line, sorted by key. */
function mapText(map: Readonly<Record<string, string>> = {}): string {
  return Object.keys(map)
    .toSorted()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n')
}

/** The value of a `resourceFieldRef`, rounded up to whole divisors; undefined when it names nothing that there is. */
export function resourceValue(
  pod: Pod,
  own: Container | undefined,
  selector: ResourceFieldSelector,
  facts: OwnFacts,
): string | undefined {
  const { containerName } = selector
  const container = containerName === undefined || containerName === '' ? own : containerNamed(pod, containerName)
  const match = /^(limits|requests)\.(.+)$/.exec(selector.resource)
  if (container === undefined || match === null) return undefined
  const [, list, name] = match as unknown as [string, 'limits' | 'requests', string]
  const { limits = {}, requests = {} } = container.resources ?? {}
  const quantity =
    list === 'requests' ? (requests[name] ?? limits[name] ?? '0') : (limits[name] ?? facts.allocatable[name] ?? '0')
  const divisor = selector.divisor === undefined || selector.divisor === '0' ? '1' : selector.divisor
  const amount =
    name === 'cpu'
      ? quantityMilliValue(quantity) / quantityMilliValue(divisor)
      : quantityValue(quantity) / quantityValue(divisor)
  return String(Math.ceil(amount))
}
