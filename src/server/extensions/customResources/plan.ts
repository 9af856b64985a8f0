// What a definition's status says: which names it has, and whether its kind is served.
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { Resource } from '#api/resource.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { approvalOf, isProtectedGroup } from '#machinery/apiApproval.ts'
import { isConditionTrue, withCondition, withoutCondition } from '#machinery/conditions.ts'
import { structuralProblems, unsupportedSchema } from '#machinery/structural/structuralRules.ts'
import { timeText } from '#machinery/time.ts'
import { problemMessage } from '#machinery/validate/report.ts'

type Condition = CustomResourceDefinitionCondition

/** Names that are in use within one group. */
export interface UsedNames {
  /** Plurals, singulars and short names. */
  readonly resources: ReadonlySet<string>
  /** Kinds and kinds of lists. */
  readonly kinds: ReadonlySet<string>
}

/** The names that others in the group of a definition have: other definitions, and kinds that are built in. */
export function usedNames(
  definition: CustomResourceDefinition,
  all: readonly CustomResourceDefinition[],
  builtIn: readonly Resource[],
): UsedNames {
  const resources = new Set<string>()
  const kinds = new Set<string>()
  const use = (names: Partial<CustomResourceDefinitionNames>): void => {
    for (const name of [names.plural, names.singular, ...(names.shortNames ?? [])]) resources.add(name ?? '')
    for (const name of [names.kind, names.listKind]) kinds.add(name ?? '')
  }
  const { group } = definition.spec
  for (const other of all) {
    if (other.spec.group === group && other.metadata.name !== definition.metadata.name) {
      use(other.status?.acceptedNames ?? {})
    }
  }
  for (const { group: own, plural, singular, shortNames, kind } of builtIn) {
    if (own !== group) continue
    const names = { plural, singular, kind, listKind: `${kind}List` }
    use(shortNames === undefined ? names : { ...names, shortNames: [...shortNames] })
  }
  return { resources, kinds }
}

/** The status that a definition should have. `now` is in milliseconds since the epoch. */
export function planStatus(
  definition: CustomResourceDefinition,
  used: UsedNames,
  now: number,
): CustomResourceDefinitionStatus {
  const { status = {} } = definition
  const { names, condition } = acceptNames(definition, used)
  let conditions: readonly Condition[] = status.conditions ?? []
  const set = (each: Omit<Condition, 'lastTransitionTime'>): void => {
    conditions = withCondition(conditions, { ...each, lastTransitionTime: timeText(now) } as Condition)
  }
  const wasAccepted = isConditionTrue(conditions, 'NamesAccepted')
  set(condition)
  if (!isConditionTrue(conditions, 'Established')) {
    // Only once everybody can see that the names are accepted, and the kind is served, it is established.
    const isReady = condition.status === 'True' && wasAccepted
    if (isReady) set(established('True', 'InitialNamesAccepted', 'the initial names have been accepted'))
    else if (condition.status === 'True') {
      set(established('False', 'Installing', 'the initial names have been accepted'))
    } else set(established('False', 'NotAccepted', 'not all names are accepted'))
  }
  const structural = nonStructural(definition)
  if (structural === undefined) conditions = withoutCondition(conditions, 'NonStructuralSchema')
  else set(structural)
  const approval = approvalCondition(definition)
  if (approval !== undefined) set(approval)
  const isSame = conditions === status.conditions && sameJson(names, status.acceptedNames)
  return isSame ? status : { ...status, acceptedNames: names, conditions: [...conditions] }
}

function established(status: 'True' | 'False', reason: string, message: string): Condition {
  return { type: 'Established', status, reason, message }
}

interface Acceptance {
  readonly names: CustomResourceDefinitionNames
  readonly condition: Condition
}

/** Takes over every wanted name that nobody else has. */
function acceptNames({ spec, status }: CustomResourceDefinition, { resources, kinds }: UsedNames): Acceptance {
  const wanted = spec.names
  const accepted: CustomResourceDefinitionNames = { ...(status?.acceptedNames ?? { plural: '', kind: '' }) }
  let conflict: { readonly reason: string; readonly message: string } | undefined
  const inUse = (name: string): string => `${JSON.stringify(name)} is already in use`
  const take = (word: 'plural' | 'singular' | 'kind' | 'listKind', used: ReadonlySet<string>, reason: string): void => {
    const name = wanted[word] ?? ''
    if (name !== (accepted[word] ?? '') && used.has(name)) conflict = { reason, message: inUse(name) }
    else accepted[word] = name
  }
  take('plural', resources, 'PluralConflict')
  take('singular', resources, 'SingularConflict')
  const own = new Set(accepted.shortNames)
  const taken = (wanted.shortNames ?? []).filter((name) => !own.has(name) && resources.has(name))
  if (taken.length > 0) {
    const texts = taken.map(inUse)
    const message = texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`
    conflict = { reason: 'ShortNamesConflict', message }
  } else if (wanted.shortNames === undefined) delete accepted.shortNames
  else accepted.shortNames = wanted.shortNames
  take('kind', kinds, 'KindConflict')
  take('listKind', kinds, 'ListKindConflict')
  if (wanted.categories === undefined) delete accepted.categories
  else accepted.categories = wanted.categories
  const condition: Condition =
    conflict === undefined
      ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
      : { type: 'NamesAccepted', status: 'False', ...conflict }
  return { names: accepted, condition }
}

/** What a definition from times when schemas were free is told. */
function nonStructural({ spec }: CustomResourceDefinition): Condition | undefined {
  const type = 'NonStructuralSchema'
  const texts: string[] = []
  if (spec.preserveUnknownFields === true) texts.push('spec.preserveUnknownFields: Invalid value: true: must be false')
  for (const [i, { name, schema }] of spec.versions.entries()) {
    const props = schema?.openAPIV3Schema
    if (props === undefined) continue
    const unsupported = unsupportedSchema(props)
    if (unsupported !== undefined) {
      const message = `failed to check validation schema for version ${name}: ${unsupported}`
      return { type, status: 'Unknown', reason: 'StructuralError', message }
    }
    for (const problem of structuralProblems(props, `spec.versions[${i}].schema.openAPIV3Schema`)) {
      texts.push(`${problem.field}: ${problemMessage(problem)}`)
    }
  }
  if (texts.length === 0) return undefined
  const message = texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`
  return { type, status: 'True', reason: 'Violations', message }
}

const approvalReasons = {
  missing: ['False', 'MissingAnnotation'],
  invalid: ['False', 'InvalidAnnotation'],
  bypassed: ['False', 'UnapprovedAnnotation'],
  approved: ['True', 'ApprovedAnnotation'],
} as const

function approvalCondition(definition: CustomResourceDefinition): Condition | undefined {
  if (!isProtectedGroup(definition.spec.group)) return undefined
  const { state, reason: message } = approvalOf(definition)
  const [status, reason] = approvalReasons[state]
  return { type: 'KubernetesAPIApprovalPolicyConformant', status, reason, message }
}

/** What a definition says of its own end. */
export const ending = {
  inProgress: {
    status: 'True',
    reason: 'InstanceDeletionInProgress',
    message: 'CustomResource deletion is in progress',
  },
  completed: { status: 'False', reason: 'InstanceDeletionCompleted', message: 'removed all instances' },
  never: { status: 'False', reason: 'NeverEstablished', message: 'resource was never established' },
  overlaps: {
    status: 'False',
    reason: 'OverlappingBuiltInResource',
    message: 'instances overlap with built-in resources in storage',
  },
  failed: (why: string) => ({
    status: 'True' as const,
    reason: 'InstanceDeletionFailed',
    message: `could not issue all deletes: ${why}`,
  }),
  late: {
    status: 'True',
    reason: 'InstanceDeletionCheck',
    message: 'could not confirm zero CustomResources remaining: context deadline exceeded',
  },
} as const

/** The status with what it says of the end. */
export function withEnding(
  status: CustomResourceDefinitionStatus,
  condition: { readonly status: 'True' | 'False'; readonly reason: string; readonly message: string },
  now: number,
): CustomResourceDefinitionStatus {
  const conditions = withCondition(status.conditions ?? [], {
    type: 'Terminating',
    lastTransitionTime: timeText(now),
    ...condition,
  } as Condition)
  return conditions === status.conditions ? status : { ...status, conditions: [...conditions] }
}

/** Whether a definition's kind is served. */
export function isServed({ status }: CustomResourceDefinition): boolean {
  return (
    isConditionTrue(status?.conditions ?? [], 'NamesAccepted') ||
    isConditionTrue(status?.conditions ?? [], 'Established')
  )
}

/** Whether everybody may count on the kind being served. */
export function isEstablished({ status }: CustomResourceDefinition): boolean {
  return isConditionTrue(status?.conditions ?? [], 'Established')
}
