import { serviceAddress } from './config.ts'
import type { ClusterRecord } from './record.ts'
import type { AlternativeNames } from '#lib/pki/certificate.ts'

/** Every name and address under which the API server is reached, inside the cluster and from this machine. */
export function serverNames({ config, server }: Pick<ClusterRecord, 'config' | 'server'>): AlternativeNames {
  const { clusterDomain } = config
  return {
    dnsNames: [
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      `kubernetes.default.svc.${clusterDomain}`,
      'localhost',
      'control-plane',
    ],
    addresses: [...new Set([serviceAddress(config, 1), server.address, '127.0.0.1'])],
  }
}
