// Ingresses: how requests from outside find their services.
import { resource } from '#api/resource.ts'
import type { TypedLocalObjectReference } from '#api/core/v1/reference.ts'
import type { Protocol } from '#api/core/v1/service.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int32 } from '#api/scalars.ts'

/** Tells which services answer requests from outside, by host and path. */
export interface Ingress extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Which requests go where. @default {} @optional */
  spec: IngressSpec
  /** Where the ingress can be reached. @default {} */
  status?: IngressStatus
}

/** The kind Ingress as it is addressed: `ingresses` of networking.k8s.io. */
export const ingresses = resource<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  scope: 'Namespaced',
  shortNames: ['ing'],
})

/** Which requests go where. */
export interface IngressSpec {
  /** The IngressClass whose controller serves the ingress; the default one when absent, if there is one. */
  ingressClassName?: string
  /** Answers what no rule is for; needed where there are no rules. */
  defaultBackend?: IngressBackend
  /** Hosts whose requests are encrypted, with their certificates. @atomic */
  tls?: IngressTLS[]
  /** The rules, by host. @atomic */
  rules?: IngressRule[]
}

/** Hosts that share a certificate. */
export interface IngressTLS {
  /** The hosts, which the certificate must be for; all of them when absent. @atomic */
  hosts?: string[]
  /** The Secret with the certificate and its key; the controller's own when absent. */
  secretName?: string
}

/** Where the requests for one host go. */
export interface IngressRule {
  /** The host by name, perhaps with `*.` in front for any one label; every host when absent. */
  host?: string
  /** Where its requests go by their path; all to the default backend when absent. */
  http?: HTTPIngressRuleValue
}

/** Where requests go by their path. */
export interface HTTPIngressRuleValue {
  /** The paths, of which the longest that matches decides. @atomic */
  paths: HTTPIngressPath[]
}

/** Where the requests for one path go. */
export interface HTTPIngressPath {
  /** The path, with a slash in front; may be left out with `ImplementationSpecific`. */
  path?: string
  /** How the path is compared. */
  pathType: PathType
  /** Who answers. */
  backend: IngressBackend
}

/** Who answers: a service, or something else that the controller knows. */
export interface IngressBackend {
  /** A service of the same namespace; not together with `resource`. */
  service?: IngressServiceBackend
  /** Another object of the same namespace; not together with `service`. */
  resource?: TypedLocalObjectReference
}

/** A port of a service. */
export interface IngressServiceBackend {
  /** Name of the service. */
  name: string
  /** Which port of it. @default {} */
  port?: ServiceBackendPort
}

/** A port of a service, by name or by number. @atomic */
export interface ServiceBackendPort {
  /** Its name; not together with `number`. */
  name?: string
  /** Its number; not together with `name`. */
  number?: int32
}

/** Where an ingress can be reached. */
export interface IngressStatus {
  /** The entry points that its controller reports. @default {} */
  loadBalancer?: IngressLoadBalancerStatus
}

/** Where a load balancer can be reached. */
export interface IngressLoadBalancerStatus {
  /** Its entry points. @atomic */
  ingress?: IngressLoadBalancerIngress[]
}

/** One entry point of a load balancer. */
export interface IngressLoadBalancerIngress {
  /** Its address, when it has one. */
  ip?: string
  /** Its host name, when it has one. */
  hostname?: string
  /** The state of each port. @atomic */
  ports?: IngressPortStatus[]
}

/** The state of one port of an entry point. */
export interface IngressPortStatus {
  /** The port. */
  port: int32
  /** Its transport. */
  protocol: Protocol
  /** Why the port does not work, in CamelCase or with the provider's prefix. */
  error?: string
}

/** Several objects of kind Ingress, as a list request returns them. */
export interface IngressList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Ingress[]
}

/** The same path, a path that begins with the same segments, or as the controller likes. */
export type PathType = 'Exact' | 'ImplementationSpecific' | 'Prefix'
