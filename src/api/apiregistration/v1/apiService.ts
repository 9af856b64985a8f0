// API groups, and who serves them.
import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Bytes, Time, int32 } from '#api/scalars.ts'

/**
 * Says who serves a version of an API group: this server, or another one behind a service. Its name is
 * `<version>.<group>`.
 */
export interface APIService extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The version of the group, and who serves it. @default {} @optional */
  spec: APIServiceSpec
  /** Whether it can be reached. @default {} */
  status?: APIServiceStatus
}

/** The kind APIService as it is addressed: `apiservices` of apiregistration.k8s.io. */
export const apiServices = resource<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  scope: 'Cluster',
  categories: ['api-extensions'],
})

/** A version of an API group, and who serves it. */
export interface APIServiceSpec {
  /** The service of the other server; absent for what this server has itself. */
  service?: ServiceReference
  /** The API group. */
  group?: string
  /** The version. */
  version?: string
  /** Whether the certificate of the other server is not checked. Better give a `caBundle`. */
  insecureSkipTLSVerify?: boolean
  /** Certificates in PEM by which the other server is known; those of the machine when empty. */
  caBundle?: Bytes
  /**
   * How high the group stands among others, 1 to 20000; clients prefer the highest. The highest of its versions counts.
   */
  groupPriorityMinimum: int32
  /** How high the version stands within the group, 1 to 1000; among equals stable and newer ones come first. */
  versionPriority: int32
}

/** A service that serves an API. */
export interface ServiceReference {
  /** The namespace of the service. */
  namespace?: string
  /** The name of the service. */
  name?: string
  /** The port of the service. @default 443 */
  port?: int32
}

/** Whether an API can be reached. */
export interface APIServiceStatus {
  /** Whether it is available, and why not. @listMap type */
  conditions?: APIServiceCondition[]
}

/** One fact about an API. */
export interface APIServiceCondition {
  /** The kind of fact; `Available` is one. */
  type: string
  /** Whether it holds. */
  status: ConditionStatus
  /** When `status` last changed. */
  lastTransitionTime?: Time
  /** One word in CamelCase that says why, for programs. */
  reason?: string
  /** Why, for people. */
  message?: string
}

/** Several objects of kind APIService, as a list request returns them. */
export interface APIServiceList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: APIService[]
}
