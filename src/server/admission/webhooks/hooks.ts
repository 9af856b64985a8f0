// Which webhooks there are, in the order in which they are asked.
import {
  mutatingWebhookConfigurations,
  type MutatingWebhook,
} from '#api/admissionregistration/v1/mutatingWebhookConfiguration.ts'
import {
  validatingWebhookConfigurations,
  type ValidatingWebhook,
} from '#api/admissionregistration/v1/validatingWebhookConfiguration.ts'
import type { ClusterView } from '../chain.ts'

/** A webhook and the configuration that it stands in. */
export interface Hook<W> {
  readonly webhook: W
  readonly configuration: string
  /** Tells it from others of the same name. */
  readonly id: string
}

export function mutatingHooks(cluster: ClusterView): readonly Hook<MutatingWebhook>[] {
  return hooksOf(cluster.list(mutatingWebhookConfigurations, ''))
}

export function validatingHooks(cluster: ClusterView): readonly Hook<ValidatingWebhook>[] {
  return hooksOf(cluster.list(validatingWebhookConfigurations, ''))
}

/** By the name of the configuration, then as they stand in it; lists come in the order of names. */
function hooksOf<W extends { readonly name: string }>(
  configurations: readonly { readonly metadata: { readonly name: string }; readonly webhooks?: readonly W[] }[],
): readonly Hook<W>[] {
  if (configurations.length === 0) return []
  return configurations.flatMap(({ metadata, webhooks = [] }) =>
    webhooks.map((webhook, index) => ({
      webhook,
      configuration: metadata.name,
      id: `${metadata.name}/${webhook.name}/${index}`,
    })),
  )
}

const group = 'admissionregistration.k8s.io'

/** Nobody may keep others from mending what decides about requests. */
export function isExempt(resource: { readonly group: string; readonly kind: string }): boolean {
  return (
    resource.group === group &&
    /^(Mutating|Validating)(WebhookConfiguration|AdmissionPolicy(Binding)?)$/.test(resource.kind)
  )
}
