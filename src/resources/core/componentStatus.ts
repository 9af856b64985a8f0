import { componentStatuses, type ComponentStatus } from '#api/core/v1/componentStatus.ts'
import { nameColumn } from '#resources/columns.ts'
import type { Strategy } from '#server/strategy.ts'

function healthy({ conditions }: ComponentStatus): {
  readonly status?: string
  readonly message?: string
  readonly error?: string
} {
  return conditions?.find(({ type }) => type === 'Healthy') ?? {}
}

/** Component statuses: how the parts of the control plane feel. Deprecated upstream, still asked for. */
export const componentStatusStrategy: Strategy<ComponentStatus> = {
  resource: componentStatuses,
  verbs: ['get', 'list'],
  columns: [
    nameColumn,
    {
      name: 'Status',
      description: 'Whether the part is healthy.',
      value: (part) => ({ True: 'Healthy', False: 'Unhealthy' })[healthy(part).status ?? ''] ?? 'Unknown',
    },
    { name: 'Message', description: 'What the part says of itself.', value: (part) => healthy(part).message ?? '' },
    { name: 'Error', description: 'What is wrong with it.', value: (part) => healthy(part).error ?? '' },
  ],
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
}
