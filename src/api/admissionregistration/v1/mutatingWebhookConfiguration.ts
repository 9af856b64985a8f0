// Webhooks that may change objects before they are written.
import { resource } from '#api/resource.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int32 } from '#api/scalars.ts'
import type {
  FailurePolicyType,
  MatchCondition,
  MatchPolicyType,
  ReinvocationPolicyType,
  RuleWithOperations,
} from './rules.ts'
import type { SideEffectClass, WebhookClientConfig } from './webhook.ts'

/** Webhooks that may change an object before it is written. */
export interface MutatingWebhookConfiguration extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The webhooks; those that a request concerns are asked one after the other. @listMap name */
  webhooks?: MutatingWebhook[]
}

/** The kind MutatingWebhookConfiguration as it is addressed: `mutatingwebhookconfigurations` of admissionregistration.k8s.io. */
export const mutatingWebhookConfigurations = resource<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  scope: 'Cluster',
  categories: ['api-extensions'],
})

/** A server that may change objects, and the requests that it is asked about. */
export interface MutatingWebhook {
  /** A full domain name such as `images.example.com`. */
  name: string
  /** How the server is reached. @default {} */
  clientConfig: WebhookClientConfig
  /** The requests that it is asked about. */
  rules?: RuleWithOperations[]
  /** What happens to a request when the server cannot be asked. @default Fail */
  failurePolicy?: FailurePolicyType
  /** Whether a rule also holds for other versions and groups of the resources that it names. @default Equivalent */
  matchPolicy?: MatchPolicyType
  /**
   * Labels of the namespaces that count, by those of the namespace itself where the object is one; everything when
   * empty. @default {}
   */
  namespaceSelector?: LabelSelector
  /** Labels that the object must have, before or after the change; everything when empty. @default {} */
  objectSelector?: LabelSelector
  /** Whether asking changes anything elsewhere; only `None` and `NoneOnDryRun` are taken. */
  sideEffects: SideEffectClass
  /** Seconds until the server counts as unreachable; between 1 and 30. @default 10 */
  timeoutSeconds?: int32
  /** The versions of `AdmissionReview` that the server understands, the best one first. */
  admissionReviewVersions: string[]
  /** Whether the server is asked again when others have changed the object after it. @default Never */
  reinvocationPolicy?: ReinvocationPolicyType
  /** Conditions in CEL that a request must also fulfil; at most 64. @listMap name */
  matchConditions?: MatchCondition[]
}

/** Several objects of kind MutatingWebhookConfiguration, as a list request returns them. */
export interface MutatingWebhookConfigurationList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: MutatingWebhookConfiguration[]
}
