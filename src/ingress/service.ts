// The way into the cluster: a service of type LoadBalancer before the data planes of all nodes.
import type { Service } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { IngressLoadBalancerIngress } from '#api/networking/v1/ingress.ts'
import type { Draft } from '#client/client.ts'
import { httpPort, httpsPort } from './dataPlane.ts'

/** The labels of the pods that stand for data planes. */
export const dataPlaneLabels = { 'k8s-app': 'ingress' } as const

export const serviceName = { name: 'ingress', namespace: 'kube-system' } as const
export const serviceKey = `${serviceName.namespace}/${serviceName.name}`

/** Local, so that data planes see whose requests they are. */
export const entryService: Draft<Service> = {
  metadata: { ...serviceName, labels: { ...dataPlaneLabels, 'app.kubernetes.io/name': 'k8ts-ingress' } },
  spec: {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    ipFamilyPolicy: 'PreferDualStack',
    selector: { ...dataPlaneLabels },
    ports: [
      { name: 'http', port: 80, protocol: 'TCP', targetPort: httpPort, appProtocol: 'http' },
      { name: 'https', port: 443, protocol: 'TCP', targetPort: httpsPort, appProtocol: 'https' },
    ],
  },
}

/** Where ingresses can be reached: at the load balancer, or where there is none at the nodes, on the node ports. */
export function entryPoints(
  service: Service | undefined,
  slices: readonly EndpointSlice[],
  withoutLoadBalancer: boolean,
): readonly IngressLoadBalancerIngress[] {
  const balancers = (service?.status?.loadBalancer?.ingress ?? []).flatMap(
    ({ ip, hostname }): IngressLoadBalancerIngress[] =>
      ip !== undefined && ip !== '' ? [{ ip }] : hostname !== undefined && hostname !== '' ? [{ hostname }] : [],
  )
  if (balancers.length > 0 || !withoutLoadBalancer) return balancers
  const nodes = slices.flatMap(({ endpoints }) =>
    (endpoints ?? []).flatMap(({ addresses, conditions }) =>
      conditions?.ready === false ? [] : addresses.slice(0, 1),
    ),
  )
  return [...new Set(nodes)].toSorted().map((ip) => ({ ip }))
}
