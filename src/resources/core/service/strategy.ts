import { services, type Service, type ServiceSpec } from '#api/core/v1/service.ts'
import { ageOf } from '#machinery/humanDuration.ts'
import { formatLabels, nameColumn } from '#resources/columns.ts'
import { addressAllocator, type AddressAllocator } from './addresses.ts'
import { AddressSpace } from './addressSpace.ts'
import { assignFamilies } from './families.ts'
import { nodePortAllocator, opensNodePorts, type NodePortAllocator } from './nodePorts.ts'
import { checkService, checkServiceStatus, checkServiceUpdate, hasHealthPort } from './rules.ts'
import { serviceWarnings } from './warnings.ts'
import { loadBalancerWarnings } from '#resources/addresses.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { statusSubresource } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'

/** Where services get what must be unique in the cluster. */
export interface ServiceRanges {
  /** The block of cluster addresses, such as `10.96.0.0/12`, or one of each family with a comma; the first one's is the primary. */
  readonly addresses: string
  /** The first and the last port that nodes open for services. */
  readonly nodePorts: readonly [number, number]
}

const affinityTimeout = 10_800

/** Services: one address for many pods. What must be unique is handed out here, before the object is written. */
export function serviceStrategy(
  ranges: ServiceRanges,
  space: AddressSpace = new AddressSpace(ranges.addresses),
): Strategy<Service> {
  const addresses = addressAllocator(space)
  const ports = nodePortAllocator(ranges.nodePorts)
  return {
    resource: services,
    nameRule: 'dns-1035-label',
    reserved: ['status'],
    unconditionalUpdate: true,
    createOnUpdate: true,
    answersDeleted: true,
    generation: false,
    selectableFields: {
      'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
      'spec.type': ({ spec }) => spec.type ?? '',
    },
    columns: [
      nameColumn,
      { name: 'Type', description: 'From where the service can be reached.', value: ({ spec }) => spec.type ?? '' },
      {
        name: 'Cluster-IP',
        description: 'Address inside the cluster.',
        value: ({ spec }) => spec.clusterIP || '<none>',
      },
      { name: 'External-IP', description: 'Addresses or name from outside.', value: externalText },
      {
        name: 'Port(s)',
        description: 'Ports of the service, with those of the nodes.',
        value: ({ spec }) => portsText(spec),
      },
      {
        name: 'Age',
        description: 'Time since the object was created.',
        value: ({ metadata }, now) => ageOf(metadata.creationTimestamp, now),
      },
      {
        name: 'Selector',
        wide: true,
        description: 'Labels of the pods behind it.',
        value: ({ spec }) => formatLabels(spec.selector),
      },
    ],
    subresources: {
      status: {
        ...statusSubresource,
        validate: checkServiceStatus,
        warnings: ({ status }) => loadBalancerWarnings(status?.loadBalancer?.ingress),
      },
      proxy: { verbs: ['connect'] },
    },
    warnings: serviceWarnings,
    default({ spec, status }) {
      defaultServiceSpec(spec)
      if (spec.type !== 'LoadBalancer') return
      for (const ingress of status?.loadBalancer?.ingress ?? []) if ((ingress.ip ?? '') !== '') ingress.ipMode ??= 'VIP'
    },
    prepare(service, old) {
      if (old === undefined) service.status = { loadBalancer: {} }
      else {
        alignAddresses(service.spec, old.spec)
        keepAllocated(service.spec, old.spec)
        dropUnused(service, old)
      }
      assignFamilies(service.spec, old?.spec, addresses.families)
    },
    validate(service, old, report) {
      if (old !== undefined) checkServiceUpdate(service.spec, old.spec, report.at('spec'))
      checkService(service, old, addresses.families, report)
    },
    allocate(service, old, { dryRun, random }, report) {
      const allocations = [
        addresses.allocate(service.spec, old?.spec, random, report),
        ports.allocate(service.spec, old?.spec, random, report),
      ]
      const all = (step: 'commit' | 'release') => (): void => {
        for (const allocation of allocations) allocation[step]()
      }
      if (!dryRun) return { commit: all('commit'), release: all('release') }
      all('release')()
      return undefined
    },
    adopt: ({ spec }) => each(addresses, ports, (allocator) => allocator.adopt(spec)),
    released: ({ spec }) => each(addresses, ports, (allocator) => allocator.release(spec)),
  }
}

function each(
  addresses: AddressAllocator,
  ports: NodePortAllocator,
  act: (allocator: AddressAllocator | NodePortAllocator) => void,
): void {
  act(addresses)
  act(ports)
}

function defaultServiceSpec(spec: ServiceSpec): void {
  spec.type ??= 'ClusterIP'
  spec.sessionAffinity ??= 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  else if (spec.sessionAffinity === 'ClientIP') {
    spec.sessionAffinityConfig ??= {}
    spec.sessionAffinityConfig.clientIP ??= {}
    spec.sessionAffinityConfig.clientIP.timeoutSeconds ??= affinityTimeout
  }
  for (const port of spec.ports ?? []) {
    port.protocol ??= 'TCP'
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port
  }
  const external = spec.type === 'NodePort' || spec.type === 'LoadBalancer'
  if (external || (spec.externalIPs ?? []).length > 0) {
    if (external) spec.externalTrafficPolicy ??= 'Cluster'
    else if ((spec.externalIPs ?? []).length > 0) spec.externalTrafficPolicy ??= 'Cluster'
  }
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster'
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true
  // The two spellings of the address follow each other.
  if (spec.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIPs === undefined)
    spec.clusterIPs = [spec.clusterIP]
  else if (spec.clusterIPs?.[0] !== undefined) spec.clusterIP ??= spec.clusterIPs[0]
}

/** An update that leaves out what was handed out keeps it; people apply manifests without addresses and ports. */
function keepAllocated(spec: ServiceSpec, old: ServiceSpec): void {
  if (spec.type !== 'ExternalName' && old.type !== 'ExternalName' && (spec.clusterIP ?? '') === '') {
    if (old.clusterIP !== undefined) spec.clusterIP = old.clusterIP
    if (old.clusterIPs !== undefined) spec.clusterIPs = [...old.clusterIPs]
  }
  if (hasHealthPort(spec) && hasHealthPort(old) && (spec.healthCheckNodePort ?? 0) === 0) {
    if (old.healthCheckNodePort !== undefined) spec.healthCheckNodePort = old.healthCheckNodePort
  }
  if (!opensNodePorts(spec) || !opensNodePorts(old)) return
  const taken = new Set((spec.ports ?? []).map(({ nodePort, protocol }) => `${protocol}/${nodePort ?? 0}`))
  for (const port of spec.ports ?? []) {
    if ((port.nodePort ?? 0) !== 0) continue
    const before = old.ports?.find((one) => one.port === port.port && one.protocol === port.protocol)
    if (before?.nodePort === undefined || taken.has(`${before.protocol}/${before.nodePort}`)) continue
    port.nodePort = before.nodePort
  }
}

/** A new address in the one spelling is meant for the other too, unless that was changed as well. */
function alignAddresses(spec: ServiceSpec, old: ServiceSpec): void {
  if (spec.clusterIP === old.clusterIP || !sameJson(spec.clusterIPs, old.clusterIPs)) return
  if ((spec.clusterIP ?? '') === '') delete spec.clusterIPs
  else spec.clusterIPs = [spec.clusterIP!]
}

/** A change of type takes along what only the former type had, unless the writer set it anew. */
function dropUnused(service: Service, old: Service): void {
  const { spec } = service
  const before = old.spec
  const drop = (field: keyof ServiceSpec): void => {
    if (sameJson(spec[field], before[field])) delete spec[field]
  }
  if (before.type !== 'ExternalName' && spec.type === 'ExternalName') {
    if (sameJson(spec.clusterIP ?? '', before.clusterIP ?? '') && sameJson(spec.clusterIPs, before.clusterIPs)) {
      delete spec.clusterIP
      delete spec.clusterIPs
    }
    drop('ipFamilies')
    drop('ipFamilyPolicy')
  }
  if (opensNodePorts(before) && !opensNodePorts(spec)) {
    const taken = new Set((before.ports ?? []).map(({ nodePort }) => nodePort))
    const isNew = (spec.ports ?? []).some(({ nodePort = 0 }) => nodePort !== 0 && !taken.has(nodePort))
    if (!isNew) for (const port of spec.ports ?? []) delete port.nodePort
  }
  if (hasHealthPort(before) && !hasHealthPort(spec)) drop('healthCheckNodePort')
  if (before.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    drop('allocateLoadBalancerNodePorts')
    drop('loadBalancerClass')
  }
  if (isReachableFromOutside(before) && !isReachableFromOutside(spec)) drop('externalTrafficPolicy')
  if (spec.type !== 'LoadBalancer' && service.status !== undefined) service.status.loadBalancer = {}
}

function isReachableFromOutside(spec: ServiceSpec): boolean {
  return opensNodePorts(spec) || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)
}

function externalText({ spec, status }: Service): string {
  const given = (spec.externalIPs ?? []).join(',')
  switch (spec.type) {
    case 'ExternalName':
      return spec.externalName ?? ''
    case 'LoadBalancer': {
      const ingress = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || (hostname ?? ''))
      const balancers = [...new Set(ingress)].filter((address) => address !== '').toSorted()
      const all = [...balancers, ...(spec.externalIPs ?? [])].join(',')
      return all === '' ? '<pending>' : all
    }
    default:
      return given === '' ? '<none>' : given
  }
}

function portsText({ ports = [] }: ServiceSpec): string {
  const texts = ports.map(({ port, nodePort = 0, protocol = 'TCP' }) =>
    nodePort > 0 ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  )
  return texts.length === 0 ? '<none>' : texts.join(',')
}
