import { serviceAddress } from './config.ts'
import type { ClusterRecord } from './record.ts'
import type { AlternativeNames } from '#lib/pki/certificate.ts'

/** The names of the API server's service, in all lengths, and of this machine to itself. */
export function serviceNames(clusterDomain: string): string[] {
  const service = 'kubernetes.default.svc'
  return ['kubernetes', 'kubernetes.default', service, `${service}.${clusterDomain}`, 'localhost']
}

/** Every name and address under which the API server is reached, inside the cluster and from this machine. */
export function serverNames({ config, server }: Pick<ClusterRecord, 'config' | 'server'>): AlternativeNames {
  return {
    dnsNames: [...serviceNames(config.clusterDomain), 'control-plane'],
    addresses: [...new Set([serviceAddress(config, 1), server.address, '127.0.0.1'])],
  }
}
