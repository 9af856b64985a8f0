import { serviceAddresses } from './config.ts'
import { addressesOf, type ClusterRecord } from './record.ts'
import type { AlternativeNames } from '#lib/pki/certificate.ts'

/** The names of the API server's service, in all lengths, and of this machine to itself. */
export function serviceNames(clusterDomain: string): string[] {
  const service = 'kubernetes.default.svc'
  return ['kubernetes', 'kubernetes.default', service, `${service}.${clusterDomain}`, 'localhost']
}

/** Every name and address under which the API server is reached, inside the cluster and from this machine. */
export function serverNames({
  config,
  nodes,
  server,
}: Pick<ClusterRecord, 'config' | 'nodes' | 'server'>): AlternativeNames {
  const [controlPlane] = nodes
  const further = controlPlane === undefined ? [] : addressesOf(controlPlane).slice(1)
  return {
    dnsNames: [...serviceNames(config.clusterDomain), 'control-plane'],
    addresses: [...new Set([...serviceAddresses(config, 1), server.address, ...further, '127.0.0.1'])],
  }
}
