// Servers that the API server asks before it writes.
import type { Bytes, int32 } from '#api/scalars.ts'

/** How a webhook is reached; by exactly one of `url` and `service`. */
export interface WebhookClientConfig {
  /** The address, `https://host:port/path`; without a user, a query or a fragment. */
  url?: string
  /** The service in the cluster that is asked. */
  service?: ServiceReference
  /** Certificates in PEM by which the server is known; those of the machine when empty. */
  caBundle?: Bytes
}

/** A service in the cluster, and a path on it. */
export interface ServiceReference {
  /** The namespace of the service. */
  namespace: string
  /** The name of the service. */
  name: string
  /** The path of the URL, beginning with a slash. */
  path?: string
  /** The port of the service. @default 443 */
  port?: int32
}

/** Whether asking a webhook changes anything elsewhere. */
export type SideEffectClass = 'None' | 'NoneOnDryRun' | 'Some' | 'Unknown'
