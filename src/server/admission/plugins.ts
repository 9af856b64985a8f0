import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  clusterTrustBundleAttest,
  type MaySign,
} from './certificates.ts'
import type { AdmissionPlugin } from './chain.ts'
import { defaultIngressClass } from './defaultIngressClass.ts'
import { defaultStorageClass } from './defaultStorageClass.ts'
import { defaultTolerationSeconds } from './defaultTolerationSeconds.ts'
import { deviceAdminAccess } from './deviceAdminAccess.ts'
import { limitRanger } from './limitRanger.ts'
import { mutatingAdmissionPolicy } from './mutatingAdmissionPolicy.ts'
import { mutatingWebhook } from './mutatingWebhook.ts'
import { namespaceLifecycle } from './namespaceLifecycle.ts'
import { nodeRestriction } from './nodeRestriction.ts'
import { persistentVolumeClaimResize } from './persistentVolumeClaimResize.ts'
import { podSecurity } from './podSecurity.ts'
import type { PodSecurityConfiguration } from './podSecurity/configuration.ts'
import { podTopologyLabels } from './podTopologyLabels.ts'
import { priority } from './priority.ts'
import { resourceQuota } from './resourceQuota.ts'
import type { LimitedResource } from './resourceQuota/limits.ts'
import { runtimeClass } from './runtimeClass.ts'
import { serviceAccount } from './serviceAccount.ts'
import { storageObjectInUseProtection } from './storageObjectInUseProtection.ts'
import { taintNodesByCondition } from './taintNodesByCondition.ts'
import type { PluginMetrics } from './pluginMetrics.ts'
import type { AskAccess } from './policies/input.ts'
import { validatingAdmissionPolicy } from './validatingAdmissionPolicy.ts'
import { validatingWebhook } from './validatingWebhook.ts'
import type { WebhookCaller } from '../webhooks/caller.ts'

/** What an administrator can decide about plugins when a server is set up. */
export interface AdmissionConfiguration {
  readonly podSecurity?: PodSecurityConfiguration
  /** Copies the zone and region of nodes to their pods; off as in Kubernetes v1.34, where this is alpha. */
  readonly podTopologyLabels?: boolean
  /** What nobody may use without a quota that covers it. */
  readonly limitedResources?: readonly LimitedResource[]
  /** The names of plugins that are not asked. */
  readonly disabled?: readonly string[]
}

/** What plugins need of the server. */
export interface AdmissionOptions extends AdmissionConfiguration {
  /** Asks the authorizers about signers of certificates. */
  readonly maySign: MaySign
  /** Asks webhooks. */
  readonly webhooks: WebhookCaller
  /** Counts calls of webhooks, rules of policies and levels of Pod Security. */
  readonly metrics: PluginMetrics
  /** Says what callers may do, for expressions that ask. */
  readonly access: AskAccess
}

/** Every admission plugin, in the order in which they are asked: Kubernetes' default order. */
export function admissionPlugins(options: AdmissionOptions): readonly AdmissionPlugin[] {
  const { access, metrics, disabled = [] } = options
  const plugins: readonly AdmissionPlugin[] = [
    namespaceLifecycle,
    limitRanger,
    serviceAccount,
    nodeRestriction(access),
    taintNodesByCondition,
    podSecurity(options.podSecurity, metrics),
    priority,
    defaultTolerationSeconds,
    defaultStorageClass,
    storageObjectInUseProtection,
    persistentVolumeClaimResize,
    runtimeClass,
    certificateApproval(options.maySign),
    certificateSigning(options.maySign),
    clusterTrustBundleAttest(options.maySign),
    certificateSubjectRestriction,
    defaultIngressClass,
    deviceAdminAccess,
    ...(options.podTopologyLabels === true ? [podTopologyLabels] : []),
    mutatingAdmissionPolicy(access),
    mutatingWebhook(options.webhooks, access, metrics),
    validatingAdmissionPolicy(access, metrics),
    validatingWebhook(options.webhooks, access, metrics),
    resourceQuota(options.limitedResources),
  ]
  return disabled.length === 0 ? plugins : plugins.filter(({ name }) => !disabled.includes(name))
}

/** Plugins that are not asked unless somebody wishes it. */
export const optionalPlugins: readonly string[] = [podTopologyLabels.name]

/** The names of all plugins. */
export function admissionPluginNames(): readonly string[] {
  const nothing = (): never => {
    throw new Error('These plugins were made for their names alone')
  }
  const webhooks: WebhookCaller = { call: nothing, [Symbol.dispose]: () => undefined }
  const metrics: PluginMetrics = {
    webhookAsked: nothing,
    policyBroken: nothing,
    podSecurityEvaluated: nothing,
    podSecurityExempt: nothing,
  }
  const all = admissionPlugins({ podTopologyLabels: true, maySign: nothing, webhooks, metrics, access: nothing })
  return all.map(({ name }) => name)
}
