import { componentStatuses, type ComponentStatus } from '#api/core/v1/componentStatus.ts'
import { StatusError } from '#machinery/status.ts'
import { nameColumn } from '#resources/columns.ts'
import type { Strategy } from '#server/strategy.ts'

function healthy({ conditions }: ComponentStatus): {
  readonly status?: string
  readonly message?: string
  readonly error?: string
} {
  return conditions?.find(({ type }) => type === 'Healthy') ?? {}
}

/** Looks at a part of a control plane: nothing when it is well, otherwise what is wrong. Never rejects. */
export type PartCheck = () => string | undefined | Promise<string | undefined>

/** The parts of a control plane by the names that `kubectl get componentstatuses` shows. */
export type PartChecks = Readonly<Record<'controller-manager' | 'etcd-0' | 'scheduler', PartCheck>>

async function statusOf(name: string, check: PartCheck): Promise<ComponentStatus> {
  const problem = await check()
  return {
    apiVersion: 'v1',
    kind: 'ComponentStatus',
    metadata: { name },
    conditions: [{ type: 'Healthy', status: problem === undefined ? 'True' : 'False', message: problem ?? 'ok' }],
  }
}

/** What upstream answers: no NotFound, and without a reason. */
const unknownPart = (name: string): StatusError =>
  new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `Component not found: ${name}`,
    code: 500,
  })

/**
 * Component statuses: how the parts of the control plane are at this moment. Deprecated upstream, still asked for. A server
 * that knows of no parts has none.
 */
export const componentStatusStrategy = (checks: Partial<PartChecks> = {}): Strategy<ComponentStatus> => ({
  resource: componentStatuses,
  computed: {
    get(_cluster, _namespace, name) {
      const check = Object.hasOwn(checks, name) ? checks[name as keyof PartChecks] : undefined
      if (check === undefined) throw unknownPart(name)
      return statusOf(name, check)
    },
    list: () => Promise.all(Object.entries(checks).map(([name, check]) => statusOf(name, check))),
  },
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
})
