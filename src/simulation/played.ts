import type { Lease } from '#api/coordination/v1/lease.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Client } from '#client/client.ts'
import type { PodAddresses } from './podAddresses.ts'
import type { SimulatedNodeSpec } from './simulatedNode.ts'
import type { SimulatedPod } from './simulatedPod.ts'

/** What a process remembers of a simulated node. */
export interface PlayedNode {
  readonly spec: SimulatedNodeSpec
  readonly client: Client
  paused: boolean
  /** Its machine is off. */
  stopped: boolean
  /** Since when it is silent. */
  silentSince?: number
  /** Where in the renewal interval it renews, from 0 to 1, so that nodes do not do so together. */
  readonly turn: number
  /** Of its Node; absent until it is registered. */
  uid?: string
  lease?: Lease
  renewAt: number
  addresses?: PodAddresses
  /** Keys of the pods bound to it. */
  readonly pods: Set<string>
}

/** What it remembers of a pod on one. */
export interface PlayedPod {
  state: SimulatedPod
  /** When there will be something to do for it although nothing changes. */
  recheckAt?: number
  /** As its last status was written: nothing new when it comes back. */
  written?: Pod
  /** The problems of its annotations that were told. */
  told: string
}
