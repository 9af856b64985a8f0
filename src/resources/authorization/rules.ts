import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  SubjectAccessReviewSpec,
} from '#api/authorization/v1/subjectAccessReview.ts'
import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import type { Report } from '#machinery/validate/report.ts'
import { goForm } from '#resources/goForm.ts'

// What questions about permissions must look like (`pkg/apis/authorization/validation`).

/** Asks about a resource or about a path, not about both. */
export function checkQuestion(spec: SubjectAccessReviewSpec, report: Report): void {
  const { resourceAttributes, nonResourceAttributes } = spec
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    report
      .at('nonResourceAttributes')
      .invalid(
        goForm('io.k8s.api.authorization.v1.NonResourceAttributes', nonResourceAttributes),
        'cannot be specified in combination with resourceAttributes',
      )
  }
  if (resourceAttributes === undefined && nonResourceAttributes === undefined) {
    report
      .at('resourceAttributes')
      .invalid(null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified')
  }
  const { fieldSelector, labelSelector } = resourceAttributes ?? {}
  const place = report.at('resourceAttributes')
  if (fieldSelector !== undefined) checkSelector(fieldSelector, place.at('fieldSelector'))
  if (labelSelector !== undefined) checkSelector(labelSelector, place.at('labelSelector'))
}

/** A limit is either text, which is not looked into here, or requirements. */
function checkSelector({ rawSelector = '', requirements = [] }: Selector, report: Report): void {
  if (rawSelector !== '' && requirements.length > 0) {
    report.at('rawSelector').invalid(rawSelector, 'may not specified at the same time as requirements')
  }
  if (rawSelector === '' && requirements.length === 0) {
    report.at('requirements').required(`when ${report.path} is specified, requirements or rawSelector is required`)
  }
  for (const [index, { key, operator, values = [] }] of requirements.entries()) {
    const place = report.at('requirements', index)
    if (key === '') place.at('key').required('must be specified')
    const takesValues = operator === 'In' || operator === 'NotIn'
    if (takesValues && values.length === 0) {
      place.at('values').required("must be specified when `operator` is 'In' or 'NotIn'")
    }
    if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
      place.at('values').forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    }
  }
}

type Selector = FieldSelectorAttributes | LabelSelectorAttributes

export function checkSubject({ user = '', groups = [] }: SubjectAccessReviewSpec, report: Report): void {
  if (user === '' && groups.length === 0)
    report.at('user').invalid('', 'at least one of user or group must be specified')
}

/** Nothing is stored, so nothing has a name. */
export function checkUnnamed(metadata: ObjectMeta, problem: string, report: Report): void {
  const { managedFields: _, ...rest } = metadata
  const isEmpty = Object.values(rest).every((value) => value === undefined || value === '')
  if (!isEmpty) report.at('metadata').invalid(metadata, problem)
}
