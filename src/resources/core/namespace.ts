import { namespaces, type Namespace } from '#api/core/v1/namespace.ts'
import type { Report } from '#machinery/validate/report.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
import { standardFinalizers } from '#machinery/finalizers.ts'
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
  createsReserved: true,
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
    status: { ...statusSubresource, validate: checkPhase },
    finalize: {
      verbs: ['update'],
      writes: ['spec.finalizers'],
      validate({ spec }, _old, report) {
        for (const [index, finalizer] of (spec?.finalizers ?? []).entries()) {
          checkFinalizer(finalizer, report.at('spec', 'finalizers', index))
        }
      },
    },
  },
  default(namespace) {
    // Selectors of policies find a namespace by its name, so the label cannot say anything else.
    if ((namespace.metadata.name ?? '') === '') return
    namespace.metadata.labels = { ...namespace.metadata.labels, [nameLabel]: namespace.metadata.name }
  },
  prepare(namespace, old) {
    if (old !== undefined) return
    const finalizers = namespace.spec?.finalizers ?? []
    const isHeld = finalizers.includes(namespaceFinalizer)
    namespace.spec = { ...namespace.spec, finalizers: isHeld ? finalizers : [...finalizers, namespaceFinalizer] }
    namespace.status = { phase: 'Active' }
  },
  validate({ spec }, old, report) {
    if (old !== undefined) return
    for (const finalizer of spec?.finalizers ?? []) checkFinalizer(finalizer, report.at('spec', 'finalizers'))
  },
  terminating(namespace) {
    namespace.status = { ...namespace.status, phase: 'Terminating' }
  },
  holds: ({ spec }) => (spec?.finalizers ?? []).length > 0,
}

/** Who empties a namespace has a domain, unless it is Kubernetes itself. */
function checkFinalizer(finalizer: string, report: Report): void {
  report.invalidBecause(finalizer, qualifiedNameProblems(finalizer))
  if (finalizer.includes('/') || standardFinalizers.includes(finalizer)) return
  report.invalid(finalizer, 'name is neither a standard finalizer name nor is it fully qualified')
}

function checkPhase({ metadata, status }: Namespace, _old: Namespace, report: Report): void {
  const [phase, when] = metadata.deletionTimestamp === undefined ? ['Active', 'empty'] : ['Terminating', 'not empty']
  if (status?.phase === phase) return
  // Upstream's capital.
  const problem = `may only be '${phase}' if \`deletionTimestamp\` is ${when}`
  report.at('status', 'Phase').invalid(status?.phase ?? '', problem)
}
