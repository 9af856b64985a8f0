import type {
  ExpressionWarning,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyStatus,
} from '#api/admissionregistration/v1/validatingAdmissionPolicy.ts'
import { allResources } from '#api/index.ts'
import { PolicyCompiler } from '#machinery/cel/admissionEnvironment.ts'
import { DeclaredTypes } from '#machinery/cel/declaredType.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import type { GroupVersionKind, Schema } from '#machinery/schema/model.ts'

/** Kinds beyond these are not looked at. */
const mostKinds = 10

/** What is to be written about the types of a policy; nothing when that was done for what it says now. */
export function planTypeCheck(policy: ValidatingAdmissionPolicy): ValidatingAdmissionPolicyStatus | undefined {
  const { metadata, status } = policy
  const { generation } = metadata
  if (generation === undefined || status?.observedGeneration === generation) return undefined
  const expressionWarnings = warningsOf(policy)
  return {
    ...status,
    observedGeneration: generation,
    typeChecking: expressionWarnings.length === 0 ? {} : { expressionWarnings: [...expressionWarnings] },
  }
}

/** What is odd about the expressions of a policy for each kind that it names. Kinds of users are not known here. */
function warningsOf({ spec }: ValidatingAdmissionPolicy): readonly ExpressionWarning[] {
  const { validations = [], variables = [], paramKind } = spec
  const kinds = kindsOf(spec.matchConstraints?.resourceRules ?? [])
  const params =
    paramKind === undefined ? undefined : schemaOfKind(kindOf(paramKind.apiVersion ?? '', paramKind.kind ?? ''))
  const compilers = kinds.map(({ kind, schema }) => {
    const objectTypes = new DeclaredTypes()
    const objectType = objectTypes.declare(schema, kind.kind, true)?.type
    const paramsType = params === undefined ? undefined : objectTypes.declare(params, 'params', true)?.type
    const compiler = new PolicyCompiler({
      hasParams: paramKind !== undefined,
      objectTypes,
      ...(objectType === undefined ? {} : { objectType }),
      ...(paramsType === undefined ? {} : { paramsType }),
    })
    for (const { name, expression } of variables) compiler.addVariable(name, expression)
    return { kind, compiler }
  })
  const check = (fieldRef: string, expression: string): readonly ExpressionWarning[] => {
    const problems = compilers.flatMap(({ kind, compiler }) => {
      const { problem } = compiler.compile(expression)
      return problem === undefined ? [] : [`${kind.group}/${kind.version}, Kind=${kind.kind}: ${problem}\n`]
    })
    return problems.length === 0 ? [] : [{ fieldRef, warning: problems.join('\n') }]
  }
  return validations.flatMap(({ expression, messageExpression = '' }, index) => [
    ...check(`spec.validations[${index}].expression`, expression),
    ...(messageExpression === '' ? [] : check(`spec.validations[${index}].messageExpression`, messageExpression)),
  ])
}

function kindOf(apiVersion: string, kind: string): GroupVersionKind {
  const slash = apiVersion.indexOf('/')
  return slash < 0
    ? { group: '', version: apiVersion, kind }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1), kind }
}

interface Rule {
  readonly apiGroups?: readonly string[]
  readonly apiVersions?: readonly string[]
  readonly resources?: readonly string[]
}

/** The kinds that rules name outright; those with stars name none. */
function kindsOf(rules: readonly Rule[]): readonly { readonly kind: GroupVersionKind; readonly schema: Schema }[] {
  const plain = (words: readonly string[] = []): readonly string[] =>
    words.some((word) => /[*/]/.test(word)) ? [] : words
  const found = rules.flatMap(({ apiGroups, apiVersions, resources }) =>
    allResources
      .filter(
        ({ group, version, plural }) =>
          plain(apiGroups).includes(group) && plain(apiVersions).includes(version) && plain(resources).includes(plural),
      )
      .map(({ group, version, kind }) => ({ group, version, kind })),
  )
  const text = ({ group, version, kind }: GroupVersionKind): string => `${group}/${version}/${kind}`
  return [...new Map(found.map((kind) => [text(kind), kind])).entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, mostKinds)
    .flatMap(([, kind]) => {
      const schema = schemaOfKind(kind)
      return schema === undefined ? [] : [{ kind, schema }]
    })
}
