import { podTemplates, type PodTemplate } from '#api/core/v1/podTemplate.ts'
import { containerColumns, formatLabels, nameColumn } from '#resources/columns.ts'
import { dropDisabledFields } from '#resources/core/pod/disabledFields.ts'
import { checkTemplate, defaultTemplate } from '#resources/core/pod/template.ts'
import { templateWarnings } from '#resources/core/pod/warnings.ts'
import type { Strategy } from '#server/strategy.ts'

/** Pod templates by themselves, for controllers that keep theirs apart. */
export const podTemplateStrategy: Strategy<PodTemplate> = {
  resource: podTemplates,
  unconditionalUpdate: true,
  answersDeleted: true,
  columns: [
    nameColumn,
    ...containerColumns<PodTemplate>(({ template }) => template?.spec?.containers).map(
      ({ wide: _, ...column }) => column,
    ),
    {
      name: 'Pod Labels',
      description: 'Labels of its pods.',
      value: ({ template }) => formatLabels(template?.metadata?.labels),
    },
  ],
  default: ({ template }) => defaultTemplate(template),
  prepare: ({ template }, old) => dropDisabledFields(template.spec, old?.template.spec),
  warnings: ({ template }) => templateWarnings(template, 'template'),
  validate({ template }, old, report) {
    const options = { restartPolicies: ['Always', 'OnFailure', 'Never'], deadlineOwner: '' }
    checkTemplate(template, old?.template, report.at('template'), options)
  },
}
