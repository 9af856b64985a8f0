import {
  storageVersionMigrations,
  type MigrationCondition,
  type StorageVersionMigration,
} from '#api/storagemigration/v1alpha1/storageVersionMigration.ts'
import type { Condition } from '#api/meta/v1/condition.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkConditions } from '#resources/conditions.ts'
import { goForm } from '#resources/goForm.ts'
import { statusAlone } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'

/** Migrations: objects that are written anew in the version in which they are stored now. */
export const storageVersionMigrationStrategy: Strategy<StorageVersionMigration> = {
  resource: storageVersionMigrations,
  deprecation:
    'storagemigration.k8s.io/v1alpha1 StorageVersionMigration is deprecated in v1.33+, unavailable in v1.36+',
  reserved: ['status'],
  columns: [
    nameColumn,
    {
      name: 'Resource',
      description: 'The resource whose objects are written anew.',
      value: ({ spec: { resource } }) =>
        [resource.resource, resource.version, resource.group].filter((part) => (part ?? '') !== '').join('.'),
    },
    ageColumn,
  ],
  subresources: {
    status: {
      ...statusAlone,
      validate({ status = {} }, old, report) {
        const place = report.at('status')
        const revision = status.resourceVersion ?? ''
        const before = old.status?.resourceVersion ?? ''
        checkRevision(revision, place.at('resourceVersion'))
        checkConditions(status.conditions?.map(asCondition), place.at('conditions'))
        if (before !== '' && revision !== before) place.at('resourceVersion').invalid(revision, 'field is immutable')
        const is = (type: string): boolean => isConditionTrue(status.conditions, type)
        const was = (type: string): boolean => isConditionTrue(old.status?.conditions, type)
        const shown = (status.conditions ?? []).map((condition) => goForm(conditionDefinition, condition))
        const wrong = (why: string): void => place.at('conditions').invalid(shown, why)
        if (is('Succeeded') && is('Failed')) {
          wrong('Both success and failed conditions cannot be true at the same time')
        }
        if (is('Running') && is('Succeeded')) {
          wrong('Running condition cannot be true when success condition is true')
        }
        if (is('Running') && is('Failed')) wrong('Running condition cannot be true when failed condition is true')
        if (was('Succeeded') && !is('Succeeded')) {
          wrong('Success condition cannot be set to false once it is true')
        }
        if (was('Failed') && !is('Failed')) wrong('Failed condition cannot be set to false once it is true')
      },
    },
  },
  validate({ spec: { resource = {} } }, old, report) {
    const place = report.at('spec', 'resource')
    if ((resource.resource ?? '') === '') place.at('resource').required('resource is required')
    if ((resource.version ?? '') === '') place.at('version').required('version is required')
    if (old === undefined) return
    for (const part of ['group', 'version', 'resource'] as const) {
      const value = resource[part] ?? ''
      if (value !== (old.spec.resource[part] ?? '')) report.at(part).invalid(value, 'field is immutable')
    }
  },
}

const conditionDefinition = 'io.k8s.api.storagemigration.v1alpha1.MigrationCondition'

/** A condition whose time is called otherwise, as the newer kinds have it. */
const asCondition = ({ lastUpdateTime, reason = '', message = '', ...rest }: MigrationCondition): Condition => ({
  ...rest,
  reason,
  message,
  lastTransitionTime: lastUpdateTime!,
})

/** A revision is a number of 64 bits, or nothing yet. */
function checkRevision(text: string, report: Report): void {
  if (text === '') return
  const problem = (what: string): void =>
    report.invalid(text, `failed to parse resource version "${text}": strconv.ParseInt: parsing "${text}": ${what}`)
  if (!/^[-+]?[0-9]+$/.test(text)) problem('invalid syntax')
  else if (BigInt.asIntN(64, BigInt(text.replace('+', ''))) !== BigInt(text.replace('+', ''))) {
    problem('value out of range')
  } else if (Number(text) < 0) report.invalid(Number(text), 'must be greater than or equal to 0')
}
