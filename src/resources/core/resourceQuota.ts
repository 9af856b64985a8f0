import { ownValue } from '#lib/collections/ownValue.ts'
import {
  resourceQuotas,
  type ResourceQuota,
  type ResourceQuotaScope,
  type ResourceQuotaSpec,
  type ScopeSelector,
} from '#api/core/v1/resourceQuota.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { goForm } from '#resources/goForm.ts'
import { checkAmount, checkMeasuredName, isStandardResource } from '#resources/resourceNames.ts'
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
  subresources: { status: { ...statusSubresource, validate: checkStatus } },
  validate({ spec }, old, report) {
    checkLimits(spec?.hard, report.at('spec', 'hard'))
    const given = spec?.scopes ?? []
    const place = report.at('spec', 'scopes')
    for (const scope of given) {
      if (!scopes.includes(scope)) place.invalid(given, 'unsupported scope')
      for (const name of Object.keys(spec?.hard ?? {}).toSorted()) {
        if (!canCount(scope, name)) place.invalid(given, 'unsupported scope applied to resource')
      }
    }
    checkContradictions(given, given, place)
    if (spec?.scopeSelector !== undefined)
      checkScopeSelector(spec.scopeSelector, spec, report.at('spec', 'scopeSelector'))
    if (old !== undefined && !sameJson(given.toSorted(), (old.spec?.scopes ?? []).toSorted())) {
      place.invalid(given, 'field is immutable')
    }
  },
}

function checkStatus({ status }: ResourceQuota, _old: ResourceQuota, report: Report): void {
  checkLimits(status?.hard, report.at('status', 'hard'))
  checkLimits(status?.used, report.at('status', 'used'))
}

function checkLimits(limits: Readonly<Record<string, string>> = {}, report: Report): void {
  for (const [name, amount] of Object.entries(limits)) {
    const place = report.key(name)
    checkMeasuredName(name, place)
    if (!name.includes('/') && !isLimited(name)) place.invalid(name, 'must be a standard resource for quota')
    checkAmount(name, amount, place)
  }
}

/** What quotas of a scope may limit; names that are not standard ones are anybody's. */
const ofPods = ['pods', 'cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory']
const countable: Readonly<Record<ResourceQuotaScope, readonly string[]>> = {
  Terminating: ofPods,
  NotTerminating: ofPods,
  NotBestEffort: ofPods,
  PriorityClass: ofPods,
  CrossNamespacePodAffinity: ofPods,
  BestEffort: ['pods'],
  VolumeAttributesClass: ['persistentvolumeclaims', 'requests.storage'],
}

function canCount(scope: ResourceQuotaScope, name: string): boolean {
  if (name.includes('/') || !isLimited(name)) return true
  return ownValue(countable, scope)?.includes(name) ?? true
}

function checkContradictions(found: readonly string[], given: readonly string[], report: Report): void {
  for (const [a, b] of contradictions) {
    if (found.includes(a) && found.includes(b)) report.invalid(given, 'conflicting scopes')
  }
}

const withoutValues: ReadonlySet<string> = new Set([
  'BestEffort',
  'NotBestEffort',
  'Terminating',
  'NotTerminating',
  'CrossNamespacePodAffinity',
])
const mustExist =
  "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"

/** Upstream names the list, not the requirement in it. */
function checkScopeSelector(selector: ScopeSelector, spec: ResourceQuotaSpec, report: Report): void {
  const requirements = selector.matchExpressions ?? []
  const place = report.at('matchExpressions')
  for (const { scopeName, operator, values = [] } of requirements) {
    if (!scopes.includes(scopeName)) place.at('scopeName').invalid(scopeName, 'unsupported scope')
    for (const name of Object.keys(spec.hard ?? {}).toSorted()) {
      if (canCount(scopeName, name)) continue
      place.invalid(goForm('io.k8s.api.core.v1.ScopeSelector', selector), 'unsupported scope applied to resource')
    }
    if (withoutValues.has(scopeName) && operator !== 'Exists') place.at('operator').invalid(operator, mustExist)
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length > 0) continue
      place.at('values').required("must be at least one value when `operator` is 'In' or 'NotIn' for scope selector")
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length === 0) continue
      place
        .at('values')
        .invalid(values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector")
    } else place.at('operator').invalid(operator, 'not a valid selector operator')
  }
  checkContradictions(
    requirements.map(({ scopeName }) => scopeName),
    spec.scopes ?? [],
    place,
  )
}

/** Whether quotas limit a resource of this name without a domain. */
function isLimited(name: string): boolean {
  return isStandardResource(name) && name !== 'storage'
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
