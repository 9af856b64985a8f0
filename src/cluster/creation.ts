import type { Surroundings } from '#cluster/commands/command.ts'
import type { ClusterConfig } from './config.ts'
import { controlPlaneName } from './processes.ts'
import {
  checkNetwork,
  chooseNodeRange,
  nodeAddress,
  readBusyRanges,
  type ClusterNetwork,
} from '#cluster/place/network.ts'
import { clusterPaths, writeRecord, type ClusterRecord, type NodeRecord } from './record.ts'
import { kubeconfigPath } from './kubeconfig.ts'
import { blocksBeside } from './loadBalancerPool.ts'

/** Decides everything about a cluster that is not there yet and notes it. Nothing of it is made. */
export async function createCluster(surroundings: Surroundings, config: ClusterConfig): Promise<ClusterRecord> {
  const { host, roots, clock, environment, uid, signal } = surroundings
  const created = clock.now()
  const kubeconfig = kubeconfigPath(environment)
  let record: ClusterRecord
  if (uid === 0) {
    const nodeRange = chooseNodeRange(clusterPaths(config.name, roots), await readBusyRanges(host.ip(), signal))
    if (nodeRange === undefined)
      throw new Error('no range of addresses for nodes is free below 10.89.0.0/16; remove a cluster first')
    const network = networkOf(config, nodeRange)
    checkNetwork(network)
    const nodes = nodeNames(config.workers).map((name, index): NodeRecord => ({
      name,
      role: index === 0 ? 'control-plane' : 'worker',
      address: nodeAddress(network, index),
    }))
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
