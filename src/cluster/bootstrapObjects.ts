import { configurationName } from '#dns/configuration.ts'
import { usualCorefile } from '#dns/corefile/corefile.ts'
import { endpoints } from '#api/core/v1/endpoints.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import { flowSchemas } from '#api/flowcontrol/v1/flowSchema.ts'
import { priorityLevelConfigurations } from '#api/flowcontrol/v1/priorityLevelConfiguration.ts'
import { priorityClasses } from '#api/scheduling/v1/priorityClass.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import { ingressClasses } from '#api/networking/v1/ingressClass.ts'
import { serviceCIDRs } from '#api/networking/v1/serviceCIDR.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client, Draft, ObjectName } from '#client/client.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { rangesOf } from '#cluster/place/ranges.ts'
import { serviceAddress, serviceAddresses, type ClusterConfig } from './config.ts'
import { keepTracking } from './legacyTokenTracking.ts'
import { urlHost } from '#lib/net/ip.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import { usualIngressClass } from '#ingress/classes.ts'
import { standardStorageClass } from '#machinery/localVolumes.ts'
import { systemPriorityClasses } from '#machinery/priorityClasses.ts'
import { isReason } from '#machinery/status.ts'
import { autoUpdate, bootstrapFlowSchemas, bootstrapPriorityLevels } from '#resources/flowcontrol/suggested.ts'

/** The namespaces that every cluster has. */
export const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const

export interface BootstrapOptions {
  readonly client: Client
  readonly clock: Clock
  readonly report: (problem: string, error: unknown) => void
  readonly config: Pick<ClusterConfig, 'serviceRange'> &
    Partial<Pick<ClusterConfig, 'clusterDomain' | 'dns' | 'ingress'>>
  /** Where the API server listens, as pods reach it. */
  readonly server: { readonly address: string; readonly port: number }
  /** PEM of the cluster's authority; absent for a server alone, which has neither DNS nor machines that join. */
  readonly authority?: string
}

/** Makes the objects that a cluster has before anybody asks for anything, and puts them back when they are gone. */
export function bootstrapComponent(options: BootstrapOptions): Component {
  return {
    name: 'bootstrap-objects',
    needs: ['api-server'],
    async run(ready, signal) {
      await ensureBootstrapObjects(options, signal)
      ready()
      // Nothing waits for these.
      await ensureFlowControl(options.client, signal)
      await keepTracking(options.client, options.clock, options.report, signal)
    },
  }
}

/** Makes what is missing of the priority levels and flow schemas that a cluster starts with. */
async function ensureFlowControl(client: Client, signal: AbortSignal): Promise<void> {
  const metadataOf = (name: string) => ({ name, annotations: { [autoUpdate]: 'true' } })
  try {
    for (const [name, spec] of Object.entries(bootstrapPriorityLevels)) {
      await ensure(client, priorityLevelConfigurations, { metadata: metadataOf(name), spec }, signal)
    }
    for (const [name, spec] of Object.entries(bootstrapFlowSchemas)) {
      await ensure(client, flowSchemas, { metadata: metadataOf(name), spec }, signal)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Makes what is missing of the objects that a cluster starts with, and corrects the address of the API server. */
async function ensureBootstrapObjects(options: BootstrapOptions, signal: AbortSignal): Promise<void> {
  const { client, config, server, authority } = options
  // Before all else, for it is made only once: whoever deletes it does not want it.
  if (authority !== undefined) await makeStandardClasses(client, config, signal)
  for (const name of systemNamespaces) {
    await ensure(client, namespaces, { metadata: { name } }, signal)
  }
  for (const [name, { value, description }] of Object.entries(systemPriorityClasses)) {
    await ensure(client, priorityClasses, { metadata: { name }, value, description }, signal)
  }
  await ensure(
    client,
    serviceCIDRs,
    { metadata: { name: 'kubernetes' }, spec: { cidrs: rangesOf(config.serviceRange) } },
    signal,
  )
  const labels = { component: 'apiserver', provider: 'kubernetes' }
  await ensure(
    client,
    services,
    {
      metadata: { name: 'kubernetes', namespace: 'default', labels },
      spec: {
        // Of the primary family alone, as those of the endpoints below are.
        clusterIP: serviceAddress(config, 1),
        ipFamilies: [familyOf(serviceAddress(config, 1))],
        ipFamilyPolicy: 'SingleStack',
        type: 'ClusterIP',
        sessionAffinity: 'None',
        ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: server.port }],
      },
    },
    signal,
  )
  await ensure(
    client,
    endpoints,
    {
      metadata: {
        name: 'kubernetes',
        namespace: 'default',
        labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
      },
      subsets: [
        { addresses: [{ ip: server.address }], ports: [{ name: 'https', port: server.port, protocol: 'TCP' }] },
      ],
    },
    signal,
    ['subsets'],
  )
  await ensure(
    client,
    endpointSlices,
    {
      metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: familyOf(server.address),
      endpoints: [{ addresses: [server.address], conditions: { ready: true } }],
      ports: [{ name: 'https', port: server.port, protocol: 'TCP' }],
    },
    signal,
    ['endpoints', 'ports'],
  )
  if (authority === undefined) return
  const dnsAddresses = serviceAddresses(config, 10)
  await ensure(
    client,
    services,
    {
      metadata: {
        name: 'kube-dns',
        namespace: 'kube-system',
        labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true' },
        annotations: { 'prometheus.io/port': '9153', 'prometheus.io/scrape': 'true' },
      },
      spec: {
        clusterIP: dnsAddresses[0]!,
        ...(dnsAddresses.length > 1 ? { clusterIPs: dnsAddresses } : {}),
        ipFamilies: dnsAddresses.map(familyOf),
        ipFamilyPolicy: dnsAddresses.length > 1 ? 'PreferDualStack' : 'SingleStack',
        type: 'ClusterIP',
        selector: { 'k8s-app': 'kube-dns' },
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
          { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
          { name: 'metrics', port: 9153, protocol: 'TCP', targetPort: 9153 },
        ],
      },
    },
    signal,
  )
  if (config.clusterDomain !== undefined && config.dns !== false) {
    const data = { Corefile: usualCorefile(config.clusterDomain) }
    await ensure(client, configMaps, { metadata: configurationName, data }, signal)
  }
  await ensure(
    client,
    configMaps,
    { metadata: { name: 'cluster-info', namespace: 'kube-public' }, data: clusterInfo(server, authority) },
    signal,
    ['data'],
  )
}

const familyOf = (address: string): 'IPv4' | 'IPv6' => (address.includes(':') ? 'IPv6' : 'IPv4')

/**
 * Gives a new cluster, which has no namespace `default` yet, a storage class by which claims get directories of nodes, and the
 * class of the ingresses that nodes serve.
 */
async function makeStandardClasses(
  client: Client,
  { ingress = 'never' }: BootstrapOptions['config'],
  signal: AbortSignal,
): Promise<void> {
  const known = await unlessGone(client.get(namespaces, { name: 'default' }, { signal }))
  if (known !== undefined) return
  await ensure(client, storageClasses, standardStorageClass, signal)
  if (ingress !== 'never') await ensure(client, ingressClasses, usualIngressClass, signal)
}

/** What a machine that wants to join may know before it is trusted. */
function clusterInfo({ address, port }: BootstrapOptions['server'], authority: string): Record<string, string> {
  const cluster = {
    'certificate-authority-data': Buffer.from(authority).toString('base64'),
    server: `https://${urlHost(address)}:${port}`,
  }
  const kubeconfig = { apiVersion: 'v1', kind: 'Config', clusters: [{ name: '', cluster }] }
  return { kubeconfig: `${JSON.stringify(kubeconfig, null, 2)}\n` }
}

/** Creates an object that is not there; of one that is, corrects the named parts. */
async function ensure<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  object: Draft<T>,
  signal: AbortSignal,
  keep: readonly (keyof T & string)[] = [],
): Promise<void> {
  let known: T
  try {
    known = await client.get(resource, nameOf(object), { signal })
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error
    await client.create(resource, object, { signal })
    return
  }
  const wanted = object as Partial<T>
  const differing = keep.filter((part) => !sameJson(known[part], wanted[part]))
  if (differing.length === 0) return
  const body = Object.fromEntries(differing.map((part) => [part, wanted[part]]))
  await client.patch(resource, nameOf(object), { type: 'merge', body }, { signal })
}

function nameOf({
  metadata,
}: {
  readonly metadata: { readonly name?: string | undefined; readonly namespace?: string | undefined }
}): ObjectName {
  return { name: metadata.name ?? '', ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }) }
}
