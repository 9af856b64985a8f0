import { namespaces, type Namespace } from '#api/core/v1/namespace.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { statusSubresource } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'

const namespaceFinalizer = 'kubernetes'
const nameLabel = 'kubernetes.io/metadata.name'

/** Namespaces: they hold everything else that has a namespace, and take it along when they go. */
export const namespaceStrategy: Strategy<Namespace> = {
  resource: namespaces,
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  nameRule: 'dns-label',
  reserved: ['status', 'spec.finalizers'],
  unconditionalUpdate: true,
  generation: false,
  selectableFields: { 'status.phase': ({ status }) => status?.phase ?? '' },
  columns: [
    nameColumn,
    {
      name: 'Status',
      description: 'Active, or Terminating while it is emptied.',
      value: ({ status }) => status?.phase ?? '',
    },
    ageColumn,
  ],
  subresources: {
    status: statusSubresource,
    finalize: { verbs: ['update'], writes: ['spec.finalizers'] },
  },
  default(namespace) {
    // Selectors of policies find a namespace by its name, so the label cannot say anything else.
    if ((namespace.metadata.name ?? '') === '') return
    namespace.metadata.labels = { ...namespace.metadata.labels, [nameLabel]: namespace.metadata.name }
  },
  prepare(namespace, old) {
    if (old !== undefined) return
    namespace.spec = { ...namespace.spec, finalizers: [namespaceFinalizer] }
    namespace.status = { phase: 'Active' }
  },
  terminating(namespace) {
    namespace.status = { ...namespace.status, phase: 'Terminating' }
  },
  holds: ({ spec }) => (spec?.finalizers ?? []).length > 0,
}
