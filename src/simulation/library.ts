/**
 * What programs outside of this project get as `k8ts/testing`: a whole cluster inside one test, in simulated or real time.
 * The kinds are `k8ts/api/GROUP/VERSION/KIND`, and clients and errors `k8ts/client`.
 */
export { cluster, real, simulated, type Cluster, type ClusterNodes, type ClusterOptions } from './testing/cluster.ts'
export type { Behaviour, BehaviourOf, Behaviours, Run } from './testing/behaviours.ts'
export type { Manifest } from './testing/manifests.ts'
export type { SimulatedNodeSpec } from './simulatedNode.ts'
export type { Cause, CauseSubject, RecordedCause } from '#client/causes.ts'
