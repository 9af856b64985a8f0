import type { Secret } from '#api/core/v1/secret.ts'
import type { ServiceAccount } from '#api/core/v1/serviceAccount.ts'
import type { Causes } from '#client/causes.ts'
import type { Client } from '#client/client.ts'
import type { Controller } from '#client/controller.ts'
import type { EventWriter } from '#client/events.ts'
import type { Informers } from '#client/informers.ts'
import type { Clock } from '#lib/clock.ts'
import type { Authority } from '#lib/pki/certificate.ts'
import type { Random } from '#lib/random.ts'
import type { ControllerMetrics } from './metrics.ts'

/** What every controller is built from. Everything outside a controller's own decisions comes in here. */
export interface ControllerContext {
  readonly client: Client
  readonly informers: Informers
  readonly clock: Clock
  readonly random: Random
  readonly events: EventWriter
  readonly causes: Causes
  /** Where it counts what it does. */
  readonly metrics: ControllerMetrics
  readonly config: ControllerConfig
}

/** The settings of the cluster that controllers follow. */
export interface ControllerConfig {
  /** The certificate, in PEM, that pods trust the API server by. */
  readonly rootCertificate: string
  /** Blocks that node ranges are cut from, IPv4 first; empty: nodes get no ranges. */
  readonly podCidrs: readonly string[]
  /** Prefix of a node's range: 24 for IPv4 and 64 for IPv6 when absent. */
  readonly nodePrefix?: { readonly 4?: number; readonly 6?: number }
  /** A node that was not heard of for so long is `Unknown`; 50 s when absent. */
  readonly nodeMonitorGraceMilliseconds?: number
  /** What is known of nodes besides their leases and statuses; absent: nothing. */
  readonly heartbeats?: Heartbeats
  /** How often kinds are asked for that other servers may have added; 30 s when absent. */
  readonly discoveryMilliseconds?: number
  /** Signs the token of an account that a Secret holds; absent: such Secrets stay empty. */
  readonly signSecretToken?: (secret: Secret, account: ServiceAccount) => Promise<string>
  /** Signs certificates that are asked for; absent: nobody does. */
  readonly certificateAuthority?: () => Authority
  /** The folder for directories that claims get on a node; `/var/lib/k8ts/volumes/NODE` when absent. */
  readonly localVolumeFolder?: (node: string) => string
  /** Finished pods kept in the cluster; 12500 when absent. */
  readonly terminatedPodThreshold?: number
}

/**
 * Vouches for nodes whose agents are in this process, so that days of simulated time need no lease every ten seconds.
 * A node that nobody vouches for any more is silent from then on, as if its last lease had been of that moment.
 */
export interface Heartbeats {
  /** `alive`, or when it was last; undefined for a node of somebody else. */
  lastHeard(node: string): 'alive' | number | undefined
  /** Calls back when a node that was alive is no more, or is again. */
  onChange(handle: (node: string) => void): Disposable
}

/** Builds a controller; each folder here exports one. */
export type MakeController = (context: ControllerContext) => Controller
