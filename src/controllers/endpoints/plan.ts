import type { EndpointAddress, EndpointPort, Endpoints, EndpointSubset } from '#api/core/v1/endpoints.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { Draft } from '#client/client.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { timeText } from '#machinery/time.ts'
import { isReady } from '../podAvailability.ts'
import {
  headlessLabel,
  hostnameOf,
  isHeadless,
  isReachable,
  targetPort,
  triggerTimeAnnotation,
} from '../serviceEndpoints.ts'

const managedByLabel = 'endpoints.kubernetes.io/managed-by'
const capacityAnnotation = 'endpoints.kubernetes.io/over-capacity'
/** Addresses that one Endpoints object may have; EndpointSlices have no such limit. */
const capacity = 1000

export type EndpointsPlan =
  | { readonly do: 'nothing' }
  | { readonly do: 'create' | 'update'; readonly endpoints: Draft<Endpoints> }

/** Decides what the Endpoints of a service have to say. `triggered` is the age of the change that is shown. */
export function planEndpoints(
  service: Service,
  pods: readonly Pod[],
  present: Endpoints | undefined,
  triggered: number | undefined,
): EndpointsPlan {
  const found = subsetsOf(service, pods)
  const subsets = truncated(found)
  const labels: Record<string, string> = { ...service.metadata.labels, [managedByLabel]: 'endpoint-controller' }
  if (isHeadless(service)) labels[headlessLabel] = ''
  else delete labels[headlessLabel]
  const annotations = { ...present?.metadata.annotations }
  const overCapacity = subsets !== found
  const told = annotations[capacityAnnotation] === 'truncated'
  const same =
    present !== undefined &&
    sameJson(present.subsets ?? [], subsets) &&
    sameJson(present.metadata.labels ?? {}, labels) &&
    told === overCapacity
  if (same) return { do: 'nothing' }
  if (overCapacity) annotations[capacityAnnotation] = 'truncated'
  else delete annotations[capacityAnnotation]
  if (triggered === undefined) delete annotations[triggerTimeAnnotation]
  else annotations[triggerTimeAnnotation] = timeText(triggered)
  const { name, namespace = '' } = service.metadata
  const metadata = { ...(present?.metadata ?? { name, namespace }), labels, annotations }
  return { do: present === undefined ? 'create' : 'update', endpoints: { ...present, metadata, subsets: [...subsets] } }
}

interface Reached {
  readonly address: EndpointAddress
  readonly ready: boolean
}

/** Ports that lead to the same addresses stand together; addresses and ports are in order, so that equal sets have equal text. */
function subsetsOf(service: Service, pods: readonly Pod[]): readonly EndpointSubset[] {
  const anyway = service.spec.publishNotReadyAddresses === true
  /** port as text → its port and the addresses it leads to */
  const byPort = new Map<string, { port: EndpointPort | undefined; reached: Reached[] }>()
  for (const pod of pods) {
    if (!isReachable(pod) || (pod.metadata.deletionTimestamp !== undefined && !anyway)) continue
    const address = addressOf(pod, service)
    if (address === undefined) continue
    for (const port of portsOf(pod, service)) {
      const key = JSON.stringify(port ?? null)
      const entry = byPort.get(key) ?? { port, reached: [] }
      byPort.set(key, entry)
      entry.reached.push({ address, ready: anyway || isReady(pod) })
    }
  }
  /** addresses as text → the ports that lead to exactly them */
  const subsets = new Map<string, { ports: EndpointPort[]; reached: Reached[] }>()
  for (const { port, reached } of byPort.values()) {
    const ordered = reached.toSorted((a, b) => compareAddresses(a.address, b.address))
    const key = JSON.stringify(ordered)
    const subset = subsets.get(key) ?? { ports: [], reached: ordered }
    subsets.set(key, subset)
    if (port !== undefined) subset.ports.push(port)
  }
  return [...subsets.values()].map(({ ports, reached }) => {
    const ready = reached.filter((each) => each.ready).map(({ address }) => address)
    const notReady = reached.filter((each) => !each.ready).map(({ address }) => address)
    return {
      ...(ready.length === 0 ? {} : { addresses: ready }),
      ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
      ...(ports.length === 0 ? {} : { ports }),
    }
  })
}

/** The pod's ports that the service leads to; a headless service without ports leads to the pod as such. */
function portsOf(pod: Pod, service: Service): readonly (EndpointPort | undefined)[] {
  const ports = service.spec.ports ?? []
  if (ports.length === 0 && isHeadless(service)) return [undefined]
  return ports.flatMap((each): EndpointPort[] => {
    const port = targetPort(pod, each)
    if (port === undefined) return []
    const { name = '', protocol = 'TCP', appProtocol } = each
    return [{ ...(name === '' ? {} : { name }), port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }]
  })
}

function addressOf(pod: Pod, service: Service): EndpointAddress | undefined {
  const wantsIPv6 = service.spec.ipFamilies?.[0] === 'IPv6'
  const addresses = pod.status?.podIPs?.map(({ ip }) => ip) ?? [pod.status?.podIP ?? '']
  const ip = addresses.find((each) => each !== '' && each.includes(':') === wantsIPv6)
  if (ip === undefined) return undefined
  const { name, namespace = '', uid = '' } = pod.metadata
  const hostname = hostnameOf(pod, service)
  const { nodeName } = pod.spec
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  }
}

function compareAddresses(a: EndpointAddress, b: EndpointAddress): number {
  const [x, y] = [`${a.ip} ${a.targetRef?.uid}`, `${b.ip} ${b.targetRef?.uid}`]
  return x < y ? -1 : x > y ? 1 : 0
}

/** At most as many addresses as fit: ready ones first. The same list when all fit. */
function truncated(subsets: readonly EndpointSubset[]): readonly EndpointSubset[] {
  const count = subsets.reduce(
    (sum, { addresses = [], notReadyAddresses = [] }) => sum + addresses.length + notReadyAddresses.length,
    0,
  )
  if (count <= capacity) return subsets
  let left = capacity
  const take = (addresses: readonly EndpointAddress[] = []): EndpointAddress[] => {
    const taken = addresses.slice(0, left)
    left -= taken.length
    return taken
  }
  const ready = subsets.map(({ addresses }) => take(addresses))
  const notReady = subsets.map(({ notReadyAddresses }) => take(notReadyAddresses))
  return subsets.flatMap(({ ports }, at): EndpointSubset[] => {
    if (ready[at]!.length + notReady[at]!.length === 0) return []
    return [
      {
        ...(ready[at]!.length === 0 ? {} : { addresses: ready[at]! }),
        ...(notReady[at]!.length === 0 ? {} : { notReadyAddresses: notReady[at]! }),
        ...(ports === undefined ? {} : { ports }),
      },
    ]
  })
}
