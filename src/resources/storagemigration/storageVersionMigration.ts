import {
  storageVersionMigrations,
  type StorageVersionMigration,
} from '#api/storagemigration/v1alpha1/storageVersionMigration.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkImmutable } from '#resources/rules.ts'
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
        const before = old.status?.resourceVersion ?? ''
        if (before !== '') checkImmutable(place.at('resourceVersion'), status.resourceVersion, before)
        const is = (type: string): boolean => isConditionTrue(status.conditions, type)
        const was = (type: string): boolean => isConditionTrue(old.status?.conditions, type)
        const wrong = (why: string): void => place.at('conditions').invalid(status.conditions, why)
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
        if (was('Running') && !is('Running') && !is('Succeeded') && !is('Failed')) {
          wrong('Running condition cannot be set to false until success or failed condition is true')
        }
      },
    },
  },
  validate({ spec: { resource = {} } }, old, report) {
    const place = report.at('spec', 'resource')
    if ((resource.resource ?? '') === '') place.at('resource').required('resource is required')
    if ((resource.version ?? '') === '') place.at('version').required('version is required')
    if (old === undefined) return
    for (const part of ['group', 'version', 'resource'] as const) {
      checkImmutable(report.at(part), resource[part], old.spec.resource[part])
    }
  },
}
