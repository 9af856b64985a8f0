import { dirname } from 'node:path'
import type { Assembly } from './assembly.ts'
import { bootstrapComponent } from './bootstrapObjects.ts'
import { enforcesNetworkPolicies, serviceAddresses } from './config.ts'
import { kubeletPart } from './kubeletPart.ts'
import { readKubelet } from './nodeUsage.ts'
import { rangesOf } from '#cluster/place/ranges.ts'
import { addressesOf } from './record.ts'
import { podNetwork } from '#cluster/place/podNetwork.ts'
import { superviseContainerd } from '#cluster/place/containerd.ts'
import { ingressPart, partsOf, systemPodsComponent, type SystemPart } from './systemPods.ts'
import { servingComponent } from './serving.ts'
import { controlPlaneNodeComponent } from './controlPlaneNode.ts'
import { ingressControllerUser, proxyUser } from './certificates.ts'
import { dataPlanes } from '#ingress/dataPlanes.ts'
import { idleEntry } from '#ingress/idleEntry.ts'
import { ingressComponent } from '#ingress/ingress.ts'
import { controllerComponent } from '#client/controller.ts'
import type { Component } from '#lib/component.ts'
import { dnsComponent } from '#dns/dns.ts'
import { untilAborted } from '#lib/async/abort.ts'
import { announcerComponent } from '#loadBalancer/announcer.ts'
import { hostNamesComponent } from '#loadBalancer/hostNames/publisher.ts'
import { hostPortsFiles, reviveHostPorts } from './hostPorts.ts'
import { Neighbours } from '#loadBalancer/neighbours.ts'
import { probeAgent } from '#loadBalancer/probe.ts'
import { blocksBeside, loadBalancerPool } from './loadBalancerPool.ts'
import { queueMetrics } from '#lib/async/queueMetrics.ts'
import { hostDirectories, localVolumeRemover } from '#kubelet/localVolumes/remover.ts'
import { removerOf } from '#machinery/localVolumes.ts'
import { networkPolicyComponent } from '#networkPolicy/networkPolicy.ts'
import { nodeNetworkComponent } from '#nodeNetwork/nodeNetwork.ts'
import { usualTunnels } from '#nodeNetwork/settings.ts'
import { proxyComponent } from '#proxy/proxy.ts'
import { schedulerComponent } from '#scheduler/scheduler.ts'
import { metricsComponent } from '#metrics/scrape.ts'
import { simulatedLoad } from '#simulation/load.ts'
import { simulatedNodeSpecs, simulatedServerAddress } from '#simulation/simulatedNodeSpecs.ts'
import { simulatedVolumes } from '#simulation/simulatedVolumes.ts'
import { simulatedNodes } from '#simulation/simulatedNodes.ts'

/** A part of a process, and which processes have it. */
export interface Part {
  runsIn(assembly: Assembly): boolean
  make(assembly: Assembly): Component
}

const onControlPlane = ({ controlPlane }: Assembly): boolean => controlPlane !== undefined
const onRealNode = ({ node }: Assembly): boolean => node !== undefined

/** Everything that can run in a process of a cluster. The order is for readers; what waits for what is said by `needs`. */
export const components: readonly Part[] = [
  // First, for what starts first stops last.
  { runsIn: ({ controlPlane }) => controlPlane?.audit !== undefined, make: ({ controlPlane }) => controlPlane!.audit! },
  { runsIn: onControlPlane, make: storeComponent },
  { runsIn: onControlPlane, make: apiServerComponent },
  { runsIn: onControlPlane, make: bootstrapObjects },
  { runsIn: () => true, make: informersComponent },
  { runsIn: () => true, make: eventsComponent },
  { runsIn: onControlPlane, make: controllersComponent },
  { runsIn: onControlPlane, make: scheduler },
  { runsIn: ({ controlPlane }) => controlPlane?.metrics !== undefined, make: metrics },
  { runsIn: ({ place }) => place !== undefined, make: containerdComponent },
  { runsIn: ({ place }) => place !== undefined, make: kubeletPart },
  { runsIn: ({ place }) => place !== undefined, make: nodeNetwork },
  { runsIn: ({ place }) => place !== undefined, make: serviceProxy },
  {
    runsIn: ({ place, record }) => place !== undefined && enforcesNetworkPolicies(record.config),
    make: networkPolicies,
  },
  { runsIn: ({ place, record }) => place !== undefined && loadBalancerPool(record) !== undefined, make: announcer },
  {
    runsIn: ({ place, controlPlane, record }) =>
      place !== undefined && controlPlane !== undefined && loadBalancerPool(record) !== undefined,
    make: hostNames,
  },
  { runsIn: ({ place, record }) => place !== undefined && record.config.dns !== false, make: dns },
  {
    runsIn: ({ place, record }) => place !== undefined && record.config.ingress !== 'never',
    make: ingress,
  },
  { runsIn: ({ place }) => place !== undefined, make: localVolumes },
  {
    runsIn: (assembly) => onControlPlane(assembly) && assembly.record.config.simulatedNodes > 0,
    make: simulatedNodesPart,
  },
  {
    runsIn: (assembly) => onControlPlane(assembly) && assembly.record.config.simulatedNodes > 0,
    make: simulatedVolumesPart,
  },
  { runsIn: (assembly) => onControlPlane(assembly) && onRealNode(assembly), make: controlPlaneNode },
  { runsIn: onRealNode, make: systemPods },
]

/** The store is open before any component runs; this one closes it after all that use it have stopped. */
function storeComponent({ controlPlane }: Assembly): Component {
  return {
    name: 'store',
    async run(ready, signal) {
      ready()
      await untilAborted(signal)
      await controlPlane!.store[Symbol.asyncDispose]()
    },
  }
}

function apiServerComponent({ controlPlane, record, node, logOf }: Assembly): Component {
  const { server, certificates } = controlPlane!
  const { address, port } = record.server
  return servingComponent({
    server,
    tls: {
      certificate: certificates.apiServer.certificate,
      key: certificates.apiServer.key,
      clientAuthority: `${certificates.authority}${certificates.frontProxyAuthority}`,
    },
    // Inside a place nothing else listens; on a machine's own addresses only the one that was asked for.
    host: node === undefined ? address : node.address.includes(':') || node.furtherAddresses ? '::' : '0.0.0.0',
    port,
    log: logOf('api-server').log,
    advice: `"k8ts down ${record.config.name}", then "up" with another --api-server-port`,
  })
}

function bootstrapObjects({ clientOf, clock, record, node, authority, logOf }: Assembly): Component {
  const { config, server } = record
  return bootstrapComponent({
    client: clientOf('system:apiserver'),
    clock,
    report: logOf('api-server').report,
    // Simulated nodes have nothing to serve.
    config: node === undefined ? { ...config, ingress: 'never' } : config,
    server: node === undefined ? { ...server, address: simulatedServerAddress } : server,
    authority,
  })
}

/** Keeps the copies that all components of this process share. */
function informersComponent({ informers, controlPlane }: Assembly): Component {
  return {
    name: 'informers',
    ...(controlPlane === undefined ? {} : { needs: ['api-server'] }),
    async run(ready, signal) {
      const running = informers.run(signal)
      ready()
      await running
    },
  }
}

function eventsComponent({ events, controlPlane }: Assembly): Component {
  return {
    name: 'events',
    ...(controlPlane === undefined ? {} : { needs: ['api-server'] }),
    async run(ready, signal) {
      ready()
      await events.run(signal)
    },
  }
}

/** All controllers, each with workers of its own. */
function controllersComponent({ controllers, clock, controlPlane, logOf }: Assembly): Component {
  const queueObserver = queueMetrics(controlPlane!.server.metrics, clock)
  const parts = controllers.map((controller) =>
    controllerComponent(controller, { clock, queueObserver, report: logOf('controllers').report }),
  )
  return {
    name: 'controllers',
    needs: ['bootstrap-objects', 'informers', 'events'],
    async run(ready, signal) {
      let waiting = parts.length
      const oneReady = (): void => {
        if (--waiting === 0) ready()
      }
      await Promise.all(parts.map((part) => part.run(oneReady, signal)))
    },
  }
}

function scheduler(assembly: Assembly): Component {
  const { clientOf, informers, events, causes, clock, random, logOf, schedulerFile, controlPlane } = assembly
  const { log, report } = logOf('scheduler')
  const { withoutEffect = [] } = schedulerFile?.configuration ?? {}
  if (withoutEffect.length > 0) log.warn('Settings of the scheduler have no effect here', { settings: withoutEffect })
  return schedulerComponent({
    client: clientOf('system:kube-scheduler'),
    informers,
    events,
    causes,
    clock,
    random,
    report,
    metrics: controlPlane!.server.metrics,
    ...schedulerFile,
  })
}

/** Asks all kubelets what is used. Simulated nodes have none. */
function metrics({ controlPlane, informers, clock, logOf }: Assembly): Component {
  const { store, others, nodes } = controlPlane!.metrics!
  const component = metricsComponent({
    store,
    informers,
    clock,
    needs: ['informers'],
    report: logOf('metrics').report,
    async read(node, signal) {
      if (others.some((other) => other.node(node) !== undefined)) return undefined
      return readKubelet(nodes, node, clock, signal)
    },
  })
  return {
    ...component,
    async run(ready, signal) {
      using _ = nodes
      await component.run(ready, signal)
    },
  }
}

/** Keeps the node's containerd alive. It outlives this process, and so do the containers. */
function containerdComponent({ host, place, logOf }: Assembly): Component {
  const { log } = logOf('containerd')
  return {
    name: 'containerd',
    async run(ready, signal) {
      await superviseContainerd(host, place!, { ready, report: (problem) => log.warn(problem) }, signal)
    },
  }
}

/** The pods of this node, and the ways to those of the others. Also tells the machine, from the control plane's place. */
function nodeNetwork(assembly: Assembly): Component {
  const { host, place, nodeName, informers, controlPlane, clientOf, record, paths, logOf } = assembly
  const { layout } = place!
  const { between = 'auto', tunnels = {} } = record.config
  return nodeNetworkComponent({
    host,
    node: nodeName,
    client: clientOf(`system:node:${nodeName}`),
    informers,
    between,
    tunnels: { ...usualTunnels, ...tunnels },
    keyFile: `${paths.nodeFolder(nodeName)}/wireguard.key`,
    wireguardFolder: `${layout.placeFolder}/wireguard`,
    ...(controlPlane === undefined || place!.kind === 'host'
      ? {}
      : {
          machine: {
            namespaceFile: layout.hostNetworkNamespace,
            device: layout.hostLink,
            metric: layout.podRouteMetric,
          },
        }),
    podNetwork: podNetwork({
      host,
      layout,
      enabled: record.config.podNetwork !== false,
      shapes: record.config.trafficShaping === true,
      log: (message, details) => logOf('node-network').log.info(message, details),
    }),
    report: logOf('node-network').report,
  })
}

function simulatedNodesPart({ clientOf, informers, events, clock, record, controlPlane, logOf }: Assembly): Component {
  const nodes = simulatedNodes({
    clientOf: (name) => clientOf(`system:node:${name}`),
    informers,
    events,
    clock,
    nodes: simulatedNodeSpecs({ count: record.config.simulatedNodes }),
    tell: 'warnings',
    report: logOf('simulated-nodes').report,
  })
  controlPlane!.metrics?.others.push(simulatedLoad({ informers, clock, nodes }))
  const { component } = nodes
  return { ...component, needs: [...(component.needs ?? []), 'bootstrap-objects', 'informers'] }
}

function simulatedVolumesPart({ clientOf, informers, events, clock, record, paths, logOf }: Assembly): Component {
  // Nodes of a running cluster are never turned off.
  const names = new Set(simulatedNodeSpecs({ count: record.config.simulatedNodes }).map(({ name }) => name))
  return simulatedVolumes({
    clientOf: (name) => clientOf(removerOf(name)),
    folderOf: (name) => paths.volumeFolder(name),
    answers: (name) => names.has(name),
    informers,
    events,
    clock,
    report: logOf('simulated-nodes').report,
    needs: ['bootstrap-objects', 'informers', 'events'],
  })
}

function serviceProxy({ host, nodeName, informers, record, networkMetrics, logOf }: Assembly): Component {
  return proxyComponent({
    host,
    nodeName,
    informers,
    clusterPodRanges: rangesOf(record.config.podRange),
    serviceRanges: rangesOf(record.config.serviceRange),
    metrics: networkMetrics,
    ...(record.config.nodePortAddresses === undefined ? {} : { nodePortAddresses: record.config.nodePortAddresses }),
    log: logOf('proxy').log,
    needs: ['informers'],
  })
}

/** Answers on the nodes' network for addresses of load balancers. */
function announcer({ host, place, nodeName, node, informers, clock, record, logOf }: Assembly): Component {
  const { log, report } = logOf('load-balancer')
  const { kind, layout } = place!
  return announcerComponent({
    node: nodeName,
    informers,
    clock,
    pool: loadBalancerPool(record)!,
    neighbours: new Neighbours({
      host,
      nodeAddress: node!.address,
      blocksBeside: kind === 'host' ? [] : blocksBeside(record),
      // What else shares the network of places is told by the node that answers; the host may be asked to forget.
      ...(kind === 'host'
        ? {}
        : {
            async forget(addresses, signal) {
              const flush = addresses.map((address) => `neigh flush to ${address} dev ${layout.hostLink}`)
              await host.ip(layout.hostNetworkNamespace).attempt(flush, signal)
            },
          }),
      report,
    }),
    probe: probeAgent,
    isElsewhere: ({ metadata }) => metadata.labels?.['k8ts.dev/simulated'] !== undefined,
    log,
  })
}

function networkPolicies(assembly: Assembly): Component {
  const { host, nodeName, informers, podAdmission, clientOf, random, controlPlane, networkMetrics, logOf } = assembly
  return networkPolicyComponent({
    host,
    nodeName,
    informers,
    admission: podAdmission,
    status: { client: clientOf(proxyUser), random, removesGone: controlPlane !== undefined },
    metrics: networkMetrics,
    log: logOf('network-policy').log,
    needs: ['informers'],
  })
}

/** Serves services under names of the machine on which the places are. */
function hostNames(assembly: Assembly): Component {
  const { roots, informers, events, clock, record, place, logOf } = assembly
  return hostNamesComponent({
    cluster: record.config.name,
    path: hostPortsFiles(roots).socket,
    revive: () => reviveHostPorts(assembly, place!),
    informers,
    // Until there is an ingress, the machine itself says that nobody serves anything.
    ...(record.config.ingress === 'never' ? {} : { idle: idleEntry(informers) }),
    events,
    clock,
    log: logOf('load-balancer').log,
  })
}

/** Answers on the node where the question is asked, at the address of the service `kube-dns` and at the node's own. */
function dns(assembly: Assembly): Component {
  const { host, informers, random, record, node, resolvConf, controlPlane, events, nodeName, logOf } = assembly
  const { config } = record
  return dnsComponent({
    host,
    informers,
    random,
    domain: config.clusterDomain,
    serviceAddresses: serviceAddresses(config, 10),
    nodeAddresses: node === undefined ? [] : addressesOf(node),
    ranges: [...rangesOf(config.podRange), ...rangesOf(config.serviceRange)],
    // Without a way out nobody would answer, and pods would wait for that.
    resolvConf: config.outside ? resolvConf : '/dev/null',
    log: logOf('dns').log,
    // What is wrong with a Corefile is the same on all nodes, and told once.
    ...(controlPlane === undefined ? {} : { events: events.recorder('dns', nodeName) }),
    needs: controlPlane === undefined ? ['informers'] : ['informers', 'events'],
  })
}

/** Serves ingresses at the node's own addresses, to which a service of type LoadBalancer leads. */
function ingress(assembly: Assembly): Component {
  const { host, random, informers, record, node, place, controlPlane, events, clientOf, logOf } = assembly
  return ingressComponent({
    host,
    random,
    informers,
    nodeAddresses: addressesOf(node!),
    start: record.config.ingress === 'always' ? 'always' : 'whenUsed',
    dataPlanes,
    // Keys of certificates go there: in memory, and sockets with short names.
    folder: `${dirname(place!.layout.socket)}/ingress`,
    nameServers: serviceAddresses(record.config, 10),
    show: (signal) => systemPodsOf(assembly, [ingressPart]).run(() => {}, signal),
    ...(controlPlane === undefined
      ? {}
      : {
          leader: {
            client: clientOf(ingressControllerUser),
            events,
            withoutLoadBalancer: loadBalancerPool(record) === undefined,
          },
        }),
    log: logOf('ingress').log,
    needs: controlPlane === undefined ? ['informers'] : ['bootstrap-objects', 'informers', 'events'],
  })
}

/** Removes directories that claims had on this node. */
function localVolumes({ clientOf, clock, events, host, informers, nodeName, paths, logOf }: Assembly): Component {
  const node = {
    client: clientOf(removerOf(nodeName)),
    directories: hostDirectories(host, paths.volumeFolder(nodeName)),
  }
  return localVolumeRemover({
    nodeOf: (name) => (name === nodeName ? node : undefined),
    informers,
    events,
    clock,
    report: logOf('local-volumes').report,
    needs: ['informers', 'events'],
  })
}

function controlPlaneNode({ clientOf, clock, nodeName }: Assembly): Component {
  return controlPlaneNodeComponent({ client: clientOf('system:apiserver'), clock, node: nodeName })
}

function systemPods(assembly: Assembly): Component {
  const { record, controlPlane } = assembly
  return systemPodsOf(assembly, partsOf(record.config, controlPlane !== undefined))
}

function systemPodsOf(
  { clientOf, clock, node, controlPlane, logOf }: Assembly,
  parts: readonly SystemPart[],
): Component {
  return systemPodsComponent({
    client: clientOf(`system:node:${node!.name}`),
    clock,
    node: node!.name,
    addresses: addressesOf(node!),
    parts,
    needs: controlPlane === undefined ? ['informers'] : ['bootstrap-objects'],
    report: logOf('system-pods').report,
  })
}
