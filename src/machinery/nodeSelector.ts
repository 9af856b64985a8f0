/** A requirement on a node's label or field (`core/v1` NodeSelectorRequirement). */
export interface NodeRequirement {
  readonly key: string
  readonly operator: string
  readonly values?: readonly string[]
}

export interface NodeTerm {
  readonly matchExpressions?: readonly NodeRequirement[]
  readonly matchFields?: readonly NodeRequirement[]
}

interface NodeLike {
  readonly metadata: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> }
}

interface PodLike {
  readonly spec: {
    readonly nodeSelector?: Readonly<Record<string, string>>
    readonly affinity?: {
      readonly nodeAffinity?: {
        readonly requiredDuringSchedulingIgnoredDuringExecution?: { readonly nodeSelectorTerms: readonly NodeTerm[] }
      }
    }
  }
}

/** Whether a node has what the pod's `nodeSelector` and required node affinity ask for. */
export function matchesNodeSelectors(pod: PodLike, node: NodeLike): boolean {
  const labels = node.metadata.labels ?? {}
  for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {})) {
    if (labels[key] !== value) return false
  }
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesNodeTerm(term, node))
}

/** Whether a node meets every requirement of a term; a term without requirements matches nothing. */
export function matchesNodeTerm(term: NodeTerm, node: NodeLike): boolean {
  const { matchExpressions = [], matchFields = [] } = term
  if (matchExpressions.length === 0 && matchFields.length === 0) return false
  const fields = { 'metadata.name': node.metadata.name ?? '' }
  return (
    matchExpressions.every((requirement) => meetsRequirement(requirement, node.metadata.labels ?? {})) &&
    matchFields.every((requirement) => meetsRequirement(requirement, fields))
  )
}

function meetsRequirement(requirement: NodeRequirement, labels: Readonly<Record<string, string>>): boolean {
  const { key, operator, values = [] } = requirement
  const present = Object.hasOwn(labels, key)
  const value = labels[key] ?? ''
  switch (operator) {
    case 'In':
      return present && values.includes(value)
    case 'NotIn':
      return !present || !values.includes(value)
    case 'Exists':
      return present
    case 'DoesNotExist':
      return !present
    case 'Gt':
    case 'Lt': {
      const [left, right] = [wholeNumber(value), wholeNumber(values[0] ?? '')]
      if (!present || left === undefined || right === undefined) return false
      return operator === 'Gt' ? left > right : left < right
    }
    default:
      return false
  }
}

function wholeNumber(text: string): bigint | undefined {
  return /^[+-]?\d{1,19}$/.test(text) ? BigInt(text) : undefined
}
