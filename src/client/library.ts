/**
 * What programs outside of this project get as `k8ts/client`: talking to any Kubernetes API server, and everything that an
 * operator is made of. The kinds themselves are `k8ts/api/GROUP/VERSION/KIND`.
 */
export { apiVersionOf, resource, type KubeObject, type Resource } from '#api/resource.ts'
export type { Condition } from '#api/meta/v1/condition.ts'
export type { ObjectMeta, OwnerReference } from '#api/meta/v1/objectMeta.ts'
export { untilAborted } from '#lib/async/abort.ts'
export { WorkQueue } from '#lib/async/workQueue.ts'
export { SimulatedClock, systemClock, type Clock } from '#lib/clock.ts'
export { runComponents, type Component } from '#lib/component.ts'
export { seededRandom, systemRandom, type Random } from '#lib/random.ts'
export { conditionOf, isConditionTrue, withCondition, withoutCondition } from '#machinery/conditions.ts'
export { controllerOf, controllerReference, isControlledBy } from '#machinery/owners.ts'
export { isReason, StatusError, type Reason, type Status, type StatusCause } from '#machinery/status.ts'
export { microTimeText, timeText } from '#machinery/time.ts'
export {
  clientOver,
  type Applied,
  type ApplyOptions,
  type Client,
  type ClientOptions,
  type Draft,
  type ListOptions,
  type ListPage,
  type ObjectName,
  type Patch,
  type Selection,
  type WatchOptions,
  type WriteOptions,
} from './client.ts'
export { connect, findConnection, type ConnectedClient, type ConnectOptions } from './connect.ts'
export {
  controllerComponent,
  runController,
  type Controller,
  type Outcome,
  type Permission,
  type Reconciliation,
  type RunControllerOptions,
} from './controller.ts'
export { eventWriter, referenceTo, type EventNote, type EventRecorder, type EventWriter } from './events.ts'
export { Expectations, recheckExpectations } from './expectations.ts'
export { addFinalizer, removeFinalizer } from './finalizers.ts'
export { httpsTransport, type HttpsTransport, type HttpsTransportOptions } from './https.ts'
export { keyOf, nameOfKey } from './index.ts'
export type { Change, Informer, Lister } from './informer.ts'
export { sharedInformers, type Informers, type InformersOptions } from './informers.ts'
export { connectionOf, mergeKubeconfigs, parseKubeconfig, type Connection, type Kubeconfig } from './kubeconfig.ts'
export { runAsLeader, type LeaderElectionOptions, type Leadership } from './leaderElection.ts'
export { runOperator, type Operator, type OperatorContext, type RunOperatorOptions } from './operator.ts'
export { compareResourceVersions } from './resourceVersion.ts'
export { servingCertificate, type ServingCertificate, type ServingCertificateOptions } from './servingCertificate.ts'
export type { ApiRequest, ApiResponse, Transport, WatchEvent } from './transport.ts'
export { unlessGone } from './unlessGone.ts'
export { waitFor, type WaitOptions } from './waitFor.ts'
export {
  converting,
  mutating,
  validating,
  webhookHandler,
  webhookServer,
  type Asked,
  type Reviewer,
  type Verdict,
  type WebhookServerOptions,
} from './webhooks.ts'
export { writeStatus } from './writeStatus.ts'
