import { controllerRevisions, type ControllerRevision } from '#api/apps/v1/controllerRevision.ts'
import { controllerOf } from '#machinery/owners.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkAtLeast, checkImmutable } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'

/** Controller revisions: past templates of stateful and daemon sets. */
export const controllerRevisionStrategy: Strategy<ControllerRevision> = {
  resource: controllerRevisions,
  unconditionalUpdate: true,
  generation: false,
  columns: [
    nameColumn,
    {
      name: 'Controller',
      description: 'Object whose past template this is.',
      value: (revision) => {
        const owner = controllerOf(revision)
        if (owner === undefined) return '<none>'
        const group = owner.apiVersion.includes('/') ? owner.apiVersion.slice(0, owner.apiVersion.indexOf('/')) : ''
        return `${owner.kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${owner.name}`
      },
    },
    { name: 'Revision', description: 'Number of the revision, rising.', value: ({ revision }) => revision },
    ageColumn,
  ],
  validate({ revision, data }, old, report) {
    checkAtLeast(report.at('revision'), 0, revision)
    if (old === undefined) checkData(data, report.at('data'))
    else checkImmutable(report.at('data'), data, old.data)
  },
}

/** What a revision keeps is an object. */
function checkData(data: unknown, report: Report): void {
  if (data === undefined || data === null) report.required('data is mandatory')
  else if (typeof data !== 'object' || Array.isArray(data)) report.required('data must be a valid JSON object')
}
