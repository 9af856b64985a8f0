import { endpoints } from '#api/core/v1/endpoints.ts'
import { services } from '#api/core/v1/service.ts'
import { notFound, unavailable } from '#machinery/status.ts'
import type { ClusterView } from '../admission/chain.ts'

/** Where a service is answered: one of its endpoints behind a port. Throws the reason why there is none. */
export function serviceEndpoint(
  cluster: Pick<ClusterView, 'get' | 'random'>,
  namespace: string,
  name: string,
  port: number,
): { readonly address: string; readonly port: number } {
  const service = cluster.get(services, namespace, name)
  if (service === undefined) throw notFound({ group: '', plural: 'service' }, name)
  const { type, ports = [], externalName = '' } = service.spec
  if (type === 'ExternalName') return { address: externalName, port }
  const wanted = ports.find((each) => each.port === port)
  if (wanted === undefined) throw unavailable(`no service port ${port} found for service ${JSON.stringify(name)}`)
  const open = (cluster.get(endpoints, namespace, name)?.subsets ?? []).flatMap(
    ({ addresses = [], ports: given = [] }) => {
      const match = given.find((each) => (each.name ?? '') === (wanted.name ?? ''))
      return match === undefined ? [] : addresses.map(({ ip }) => ({ address: ip, port: match.port }))
    },
  )
  const chosen = open[Math.floor(cluster.random.next() * open.length)]
  if (chosen === undefined) throw unavailable(`no endpoints available for service ${JSON.stringify(name)}`)
  return chosen
}
