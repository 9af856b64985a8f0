import type { Surroundings } from '#cluster/commands/command.ts'
import type { ClusterConfig } from './config.ts'
import { controlPlaneName } from './processes.ts'
import {
  checkNetwork,
  chooseNodeRange,
  familiesOf,
  nodeAddresses,
  readBusyRanges,
  type ClusterNetwork,
} from '#cluster/place/ranges.ts'
import { clusterPaths, writeRecord, type ClusterRecord, type NodeRecord } from './record.ts'
import { kubeconfigPath } from './kubeconfig.ts'
import { blocksBeside } from './loadBalancerPool.ts'
import { machineProgramFolders } from '#cluster/place/pluginFolders.ts'
import type { Files } from '#lib/host/files.ts'
import type { Host } from '#lib/host/host.ts'
import { mountOf } from '#lib/host/mount.ts'

/** Decides everything about a cluster that is not there yet and notes it. Nothing of it is made. */
export async function createCluster(surroundings: Surroundings, wanted: ClusterConfig): Promise<ClusterRecord> {
  const { host, roots, clock, environment, uid, mayMakeNodes, signal } = surroundings
  const created = clock.now()
  const config = mayMakeNodes ? withPlaceForImages(surroundings, wanted) : wanted
  const kubeconfig = await kubeconfigPath(host.files, environment, uid)
  let record: ClusterRecord
  if (mayMakeNodes) {
    const families = familiesOf(config.podRange)
    if (families.includes(6)) await refuseWithoutIpv6(host.files)
    if (config.trafficShaping === true) await refuseWithoutShaper(host)
    const busy = await readBusyRanges(host.ip(), signal, families)
    const nodeRange = chooseNodeRange(clusterPaths(config.name, roots), busy, families)
    if (nodeRange === undefined)
      throw new Error(
        `no range of addresses for nodes is free below ${families.includes(4) ? '10.89.0.0/16' : 'fd00:10:89::/48'}; remove a cluster first`,
      )
    const network = networkOf(config, nodeRange)
    checkNetwork(network)
    const nodes = nodeNames(config.workers).map((name, index): NodeRecord => {
      const [address, ...furtherAddresses] = nodeAddresses(network, index)
      const role = index === 0 ? 'control-plane' : 'worker'
      return { name, role, address: address!, ...(furtherAddresses.length === 0 ? {} : { furtherAddresses }) }
    })
    record = {
      config,
      created,
      kubeconfig,
      nodeRange,
      nodes,
      server: { address: nodes[0]!.address, port: config.apiServerPort },
    }
  } else {
    record = { config, created, kubeconfig, nodes: [], server: { address: '127.0.0.1', port: config.apiServerPort } }
  }
  blocksBeside(record)
  await writeRecord(host.files, record, roots)
  return record
}

/** File systems that cannot hold what containers write over the files of their images. */
const withoutLayers = ['overlay', 'nfs', 'nfs4', '9p', 'cifs']

/** Inside a container the disk is usually such a one, unless somebody has given it a volume. */
function withPlaceForImages({ host, roots, progress }: Surroundings, config: ClusterConfig): ClusterConfig {
  const type = mountOf(host.mounts.list(), roots.data)?.type ?? ''
  if (config.ephemeral || !withoutLayers.includes(type)) return config
  progress(
    `    ${roots.data} is on ${type}, where nodes cannot keep images: they are kept in memory, as with --ephemeral`,
  )
  return { ...config, ephemeral: true }
}

const ipv6Switch = '/proc/sys/net/ipv6/conf/default/disable_ipv6'

async function refuseWithoutIpv6(files: Files): Promise<void> {
  const off = (await files.readText(ipv6Switch))?.trim()
  if (off === '0') return
  const how = off === undefined ? 'its kernel has none' : '"sysctl -w net.ipv6.conf.default.disable_ipv6=0" turns it on'
  throw new Error(`this machine has no IPv6 (${how}), and the ranges of the cluster ask for it`)
}

async function refuseWithoutShaper({ files }: Pick<Host, 'files'>): Promise<void> {
  for (const folder of machineProgramFolders) if ((await files.status(`${folder}/bandwidth`)) !== undefined) return
  throw new Error(
    `this machine lacks the network plugin bandwidth (package containernetworking-plugins), which trafficShaping needs`,
  )
}

/** `control-plane`, `worker`, `worker2`, `worker3` and so on. */
export function nodeNames(workers: number): readonly string[] {
  return [
    controlPlaneName,
    ...Array.from({ length: workers }, (_, index) => (index === 0 ? 'worker' : `worker${index + 1}`)),
  ]
}

/** The ranges of a cluster's network. */
export function networkOf({ podRange, serviceRange }: ClusterConfig, nodeRange: string): ClusterNetwork {
  return { nodeRange, podRange, serviceRange }
}
