import type { FlowSchemaSpec, PolicyRulesWithSubjects, Subject } from '#api/flowcontrol/v1/flowSchema.ts'
import type { PriorityLevelConfigurationSpec } from '#api/flowcontrol/v1/priorityLevelConfiguration.ts'

// What every server has and nobody can change: requests of administrators always pass, and each request has a level.

/** All that some people do. */
export function everythingOf(...subjects: Subject[]): PolicyRulesWithSubjects {
  return {
    subjects,
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  }
}

const group = (name: string): Subject => ({ kind: 'Group', group: { name } })

/** Flow schemas by name. */
export const mandatoryFlowSchemas: Readonly<Record<string, FlowSchemaSpec>> = {
  exempt: {
    priorityLevelConfiguration: { name: 'exempt' },
    matchingPrecedence: 1,
    rules: [everythingOf(group('system:masters'))],
  },
  'catch-all': {
    priorityLevelConfiguration: { name: 'catch-all' },
    matchingPrecedence: 10_000,
    distinguisherMethod: { type: 'ByUser' },
    rules: [everythingOf(group('system:unauthenticated'), group('system:authenticated'))],
  },
}

/** Priority levels by name. */
export const mandatoryPriorityLevels: Readonly<Record<string, PriorityLevelConfigurationSpec>> = {
  exempt: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  'catch-all': {
    type: 'Limited',
    limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
  },
}
