import { ownValue } from '#lib/collections/ownValue.ts'
import { resourceQuotas, type ResourceQuota } from '#api/core/v1/resourceQuota.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkNotNegative, isWhole } from '#resources/quantities.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { statusSubresource } from '#resources/status.ts'
import type { Column, Strategy } from '#server/strategy.ts'

const scopes: readonly string[] = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
]
const contradictions: readonly (readonly [string, string])[] = [
  ['Terminating', 'NotTerminating'],
  ['BestEffort', 'NotBestEffort'],
]
const computeResources = new Set(['cpu', 'memory', 'ephemeral-storage', 'storage'])

/** Quotas: how much a namespace may use in all. */
export const resourceQuotaStrategy: Strategy<ResourceQuota> = {
  resource: resourceQuotas,
  reserved: ['status'],
  unconditionalUpdate: true,
  answersDeleted: true,
  generation: false,
  columns: [
    nameColumn,
    usageColumn('Request', 'Used of the allowed, of everything but limits.', (name) => !name.startsWith('limits.')),
    usageColumn('Limit', 'Used of the allowed, of limits.', (name) => name.startsWith('limits.')),
    ageColumn,
  ],
  subresources: { status: statusSubresource },
  validate({ spec }, old, report) {
    const hard = report.at('spec', 'hard')
    for (const [name, amount] of Object.entries(spec?.hard ?? {})) {
      const place = hard.key(name)
      place.invalidBecause(name, qualifiedNameProblems(name))
      if (!name.includes('/') && !isStandard(name)) place.invalid(name, 'must be a standard resource for quota')
      checkNotNegative(amount, place)
      if (isCount(name) && !isWhole(amount)) place.invalid(amount, 'must be an integer')
    }
    const given = spec?.scopes ?? []
    const place = report.at('spec', 'scopes')
    if (given.some((scope) => !scopes.includes(scope))) place.invalid(given, 'unsupported scope')
    else if (contradictions.some(([a, b]) => given.includes(a as never) && given.includes(b as never))) {
      place.invalid(given, 'conflicting scopes')
    }
    if (old !== undefined && !sameJson(given.toSorted(), (old.spec?.scopes ?? []).toSorted())) {
      place.invalid(given, 'field is immutable')
    }
  },
}

const counted = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
])

function isCount(name: string): boolean {
  return counted.has(name) || name.startsWith('count/')
}

function isStandard(name: string): boolean {
  const plain = name.replace(/^(requests|limits)\./, '')
  return isCount(name) || computeResources.has(plain) || plain.startsWith('hugepages-')
}

function usageColumn(name: string, description: string, takes: (resource: string) => boolean): Column<ResourceQuota> {
  return {
    name,
    description,
    value: ({ status }) =>
      Object.entries(status?.hard ?? {})
        .filter(([resource]) => takes(resource))
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([resource, hard]) => `${resource}: ${ownValue(status?.used, resource) ?? '0'}/${hard}`)
        .join(', '),
  }
}
