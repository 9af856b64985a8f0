import type { AdmissionRequest } from './chain.ts'

/** How a webhook's call ended. */
export interface WebhookOutcome {
  readonly name: string
  readonly type: 'admit' | 'validating'
  readonly operation: AdmissionRequest['operation']
  readonly milliseconds: number
  /** The status with which it refused or failed; 200 otherwise. */
  readonly code: number
  /** `failed`: there was no answer that can be used; `ignored`: neither, and that does not matter. */
  readonly result: 'allowed' | 'refused' | 'failed' | 'ignored'
}

/** Counts what plugins find. */
export interface PluginMetrics {
  webhookAsked(outcome: WebhookOutcome): void
  /** A rule of a policy did not hold, or could not be asked. */
  policyBroken(
    policy: string,
    binding: string,
    action: 'allow' | 'deny' | 'audit' | 'warn',
    errorType: PolicyError,
  ): void
  podSecurityEvaluated(
    request: AdmissionRequest,
    mode: 'enforce' | 'audit' | 'warn',
    policy: { readonly level: string; readonly version: 'latest' | number },
    isAllowed: boolean,
  ): void
  podSecurityExempt(request: AdmissionRequest): void
}

export type PolicyError = 'no_error' | 'invalid_error' | 'out_of_budget'

/** Counts nothing. */
export const noPluginMetrics: PluginMetrics = {
  webhookAsked: () => undefined,
  policyBroken: () => undefined,
  podSecurityEvaluated: () => undefined,
  podSecurityExempt: () => undefined,
}
