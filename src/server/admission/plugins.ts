import type { AdmissionPlugin } from './chain.ts'
import { defaultTolerationSeconds } from './defaultTolerationSeconds.ts'
import { limitRanger } from './limitRanger.ts'
import { namespaceLifecycle } from './namespaceLifecycle.ts'
import { podSecurity, type PodSecurityConfiguration } from './podSecurity.ts'
import { priority } from './priority.ts'
import { serviceAccount } from './serviceAccount.ts'
import { taintNodesByCondition } from './taintNodesByCondition.ts'

/** What can be decided about plugins when a server is set up. */
export interface AdmissionOptions {
  readonly podSecurity?: PodSecurityConfiguration
}

/** Every admission plugin, in the order in which they are asked: Kubernetes' default order. */
export function admissionPlugins(options: AdmissionOptions = {}): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle,
    limitRanger,
    serviceAccount,
    taintNodesByCondition,
    podSecurity(options.podSecurity),
    priority,
    defaultTolerationSeconds,
  ]
}
