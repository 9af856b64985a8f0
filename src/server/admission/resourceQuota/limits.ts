// Resources that nobody uses without a quota that limits them, in the shape of `ResourceQuotaConfiguration` of the group
// apiserver.config.k8s.io.
import type { ResourceList } from '#api/core/v1/container.ts'
import type { ResourceQuota } from '#api/core/v1/resourceQuota.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { defaulting, listOf, members, oneOf, required, text } from '#lib/settings/settings.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { requirementsOf, type QuotaEvaluator, type ScopeRequirement } from '#machinery/quota/evaluator.ts'

/** What may be used only where a quota of the namespace covers it. */
export interface LimitedResource {
  readonly apiGroup: string
  readonly resource: string
  /** Parts of the names of what objects use, such as `.storageclass.storage.k8s.io/requests.storage`. */
  readonly matchContains: readonly string[]
  /** Scopes: an object in one of them needs a quota of the same scope. */
  readonly matchScopes: readonly ScopeRequirement[]
}

const scopes = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
] as const

const several = (about: string, of: string) => defaulting(listOf({ about }, text({ about: of })), [])

/** The file's own names. */
export const resourceQuotaSettings = members('What quotas must cover, as ResourceQuotaConfiguration has it.', {
  apiVersion: oneOf({ about: 'Said in files of their own.' }, [
    'apiserver.config.k8s.io/v1',
    'resourcequota.admission.k8s.io/v1beta1',
    'resourcequota.admission.k8s.io/v1alpha1',
  ]),
  kind: oneOf({ about: 'Said in files of their own.' }, ['ResourceQuotaConfiguration', 'Configuration']),
  limitedResources: defaulting(
    listOf(
      { about: 'Resources of which nothing is used without a quota that covers it.' },
      required(
        members('One of them.', {
          apiGroup: defaulting(text({ about: 'The group; empty for the core group.' }), ''),
          resource: required(
            text({
              about: 'The resource, such as persistentvolumeclaims.',
              shape: 'a resource such as pods',
              rule: (value) => (value === '' ? 'it must be a resource such as pods' : undefined),
            }),
          ),
          matchContains: several('Parts of names of what objects use.', 'A part of a name.'),
          matchScopes: defaulting(
            listOf(
              { about: 'Scopes whose objects need a quota of that scope.' },
              required(
                members('One of them.', {
                  scopeName: required(oneOf({ about: 'The scope.' }, scopes)),
                  operator: required(oneOf({ about: 'How values count.' }, ['In', 'NotIn', 'Exists', 'DoesNotExist'])),
                  values: several('Values of the scope, such as names of priority classes.', 'One value.'),
                }),
              ),
            ),
            [],
          ),
        }),
      ),
    ),
    [],
  ),
})

/** What an object uses or is that its namespace's quotas would have to cover. */
export interface LimitedUse {
  readonly names: readonly string[]
  readonly scopes: readonly ScopeRequirement[]
}

/** What of an object is limited. `usage` is what it uses. */
export function limitedUse(
  limits: readonly LimitedResource[],
  { group, plural }: Pick<Resource, 'group' | 'plural'>,
  evaluator: QuotaEvaluator,
  object: KubeObject,
  usage: () => ResourceList,
): LimitedUse {
  const own = limits.filter(({ apiGroup, resource }) => apiGroup === group && resource === plural)
  const used = own.length === 0 ? {} : usage()
  const names = Object.keys(used).filter(
    (name) =>
      compareQuantities(used[name]!, '0') > 0 &&
      own.some(({ matchContains }) => matchContains.some((part) => name.includes(part))),
  )
  // A scope counts for whatever resource it is listed: only pods and claims know any.
  const inScope = limits.flatMap(({ matchScopes }) => matchScopes.filter((each) => evaluator.isInScope(each, object)))
  return { names: names.toSorted(), scopes: inScope }
}

/** What no quota covers; undefined when all is covered. `covered` are the names that quotas about this object limit. */
export function uncovered(
  { names, scopes: limited }: LimitedUse,
  covered: ReadonlySet<string>,
  quotas: readonly ResourceQuota[],
  evaluator: QuotaEvaluator,
  object: KubeObject,
): { readonly refused: string } | { readonly failed: string } | undefined {
  const open = names.filter((name) => !covered.has(name))
  if (open.length > 0) return { refused: `insufficient quota to consume: ${open.join(',')}` }
  const matched = new Set(
    quotas
      .flatMap((quota) => requirementsOf(quota))
      .filter((requirement) => evaluator.isInScope(requirement, object))
      .map(({ scopeName }) => scopeName),
  )
  const without = limited.filter(({ scopeName }) => !matched.has(scopeName))
  if (without.length === 0) return undefined
  const list = without.map(({ scopeName, operator, values = [] }) => `{${scopeName} ${operator} [${values.join(' ')}]}`)
  return { failed: `insufficient quota to match these scopes: [${list.join(' ')}]` }
}
