// The arguments of plugins (`pluginConfig`), in the shape of kubescheduler.config.k8s.io/v1.
import type { NodeAffinity } from '#api/core/v1/affinity.ts'
import {
  defaulting,
  listOf,
  members,
  oneOf,
  required,
  text,
  wholeNumber,
  yesOrNo,
  type Members,
  type Setting,
  type SettingPlace,
} from '#lib/settings/settings.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'

/** What files may say in every configuration of arguments. */
function argumentsOf<const M extends Members>(
  kind: string,
  about: string,
  settings: M,
  check?: Parameters<typeof members<M>>[2],
) {
  const all = {
    apiVersion: oneOf({ about: 'Always the same.' }, ['kubescheduler.config.k8s.io/v1']),
    kind: oneOf({ about: 'Always the same.' }, [kind]),
    ...settings,
  }
  return members(about, all, check as never) as unknown as ReturnType<typeof members<M>>
}

const resourceName = (about: string): Setting<string | undefined> =>
  text({
    about,
    shape: 'the name of a resource',
    rule: (value) => (qualifiedNameProblems(value).length === 0 ? undefined : 'it must be the name of a resource'),
  })

const resources = (about: string) =>
  listOf(
    { about },
    members('A resource.', {
      name: required(resourceName('Which.')),
      weight: defaulting(wholeNumber({ about: 'How much it counts.', least: 1, most: 100 }), 1),
    }),
  )

const shape = (mostScore: number) =>
  listOf(
    { about: 'Scores at ascending utilizations; between them they rise or fall evenly.', least: 1 },
    members('A point.', {
      utilization: required(wholeNumber({ about: 'Percent.', least: 0, most: 100 })),
      score: required(wholeNumber({ about: 'The score there.', least: 0, most: mostScore })),
    }),
  )

function checkAscending(points: readonly { readonly utilization: number }[] | undefined, place: SettingPlace): void {
  for (const [i, point] of (points ?? []).entries()) {
    if (i > 0 && point.utilization <= points![i - 1]!.utilization) {
      place.at(i).at('utilization').wrong(point.utilization, 'it must be higher than the one before')
    }
  }
}

const nodeResourcesFit = argumentsOf('NodeResourcesFitArgs', 'Arguments of NodeResourcesFit.', {
  ignoredResources: listOf(
    { about: 'Extended resources that are not tested.' },
    resourceName('The name of an extended resource.'),
  ),
  ignoredResourceGroups: listOf(
    { about: 'The same for all with this prefix, such as example.com.' },
    text({
      about: 'A prefix.',
      rule: (value) => (value.includes('/') ? 'it must be a prefix without "/"' : undefined),
    }),
  ),
  scoringStrategy: members(
    'How room is scored.',
    {
      type: defaulting(
        oneOf({ about: 'Prefers empty nodes, full nodes, or what requestedToCapacityRatio says.' }, [
          'LeastAllocated',
          'MostAllocated',
          'RequestedToCapacityRatio',
        ]),
        'LeastAllocated',
      ),
      resources: resources('What counts; cpu and memory alike when absent.'),
      requestedToCapacityRatio: members('For the strategy of that name.', { shape: required(shape(10)) }),
    },
    ({ type, requestedToCapacityRatio }, place) => {
      if (type === 'RequestedToCapacityRatio' && requestedToCapacityRatio === undefined) {
        place.at('requestedToCapacityRatio').note('is missing; the strategy of that name needs it')
      }
      checkAscending(requestedToCapacityRatio?.shape, place.at('requestedToCapacityRatio').at('shape'))
    },
  ),
})

const balancedAllocation = argumentsOf(
  'NodeResourcesBalancedAllocationArgs',
  'Arguments of NodeResourcesBalancedAllocation.',
  { resources: resources('Whose use is to be balanced; cpu and memory when absent.') },
)

const spreadConstraint = members('A constraint without selector.', {
  maxSkew: required(wholeNumber({ about: 'Pods more than in the emptiest domain.', least: 1, most: 2_147_483_647 })),
  topologyKey: required(
    text({
      about: 'The label that tells domains apart.',
      shape: 'the key of a label',
      rule: (value) => (qualifiedNameProblems(value).length === 0 ? undefined : 'it must be the key of a label'),
    }),
  ),
  whenUnsatisfiable: required(
    oneOf({ about: 'What happens where it does not hold.' }, ['DoNotSchedule', 'ScheduleAnyway']),
  ),
  minDomains: wholeNumber({ about: 'Fewer domains count as empty ones.', least: 1, most: 2_147_483_647 }),
  nodeAffinityPolicy: oneOf({ about: 'Whether nodes that affinity forbids count.' }, ['Honor', 'Ignore']),
  nodeTaintsPolicy: oneOf({ about: 'Whether nodes with untolerated taints count.' }, ['Honor', 'Ignore']),
})

const podTopologySpread = argumentsOf(
  'PodTopologySpreadArgs',
  'Arguments of PodTopologySpread.',
  {
    defaultingType: defaulting(
      oneOf({ about: 'Whether pods without constraints get those of Kubernetes, or defaultConstraints.' }, [
        'System',
        'List',
      ]),
      'System',
    ),
    defaultConstraints: defaulting(listOf({ about: 'For pods without any.' }, spreadConstraint), []),
  },
  ({ defaultingType, defaultConstraints }, place) => {
    if (defaultingType === 'System' && defaultConstraints.length > 0) {
      place.at('defaultConstraints').note('cannot be said unless defaultingType is "List"')
    }
    const seen = new Set<string>()
    for (const [i, { topologyKey, whenUnsatisfiable }] of defaultConstraints.entries()) {
      const pair = `${topologyKey} ${whenUnsatisfiable}`
      if (seen.has(pair))
        place.at('defaultConstraints').at(i).note('has the topologyKey and whenUnsatisfiable of another')
      seen.add(pair)
    }
  },
)

const interPodAffinity = argumentsOf('InterPodAffinityArgs', 'Arguments of InterPodAffinity.', {
  hardPodAffinityWeight: defaulting(
    wholeNumber({ about: "What a pod's required affinity adds to the score.", least: 0, most: 100 }),
    1,
  ),
  ignorePreferredTermsOfExistingPods: defaulting(
    yesOrNo({ about: 'Leaves the preferences of placed pods out for pods without preferences.' }),
    false,
  ),
})

/** Node affinity as in the specification of a pod; its form is checked, and the API server checks no more than that. */
const affinity: Setting<NodeAffinity | undefined> = {
  about: 'Holds for every pod of the profile, beside its own.',
  shape: 'node affinity as in a pod',
  schema: { type: 'object' },
  absent: () => undefined,
  read(value, place) {
    const known = ['requiredDuringSchedulingIgnoredDuringExecution', 'preferredDuringSchedulingIgnoredDuringExecution']
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      place.wrong(value, `it must hold ${known.join(', ')}`)
      return undefined
    }
    for (const name of Object.keys(value)) {
      if (!known.includes(name)) place.at(name).note(`is no setting; there are ${known.join(', ')}`)
    }
    checkTerms(value as NodeAffinity, place)
    return value as NodeAffinity
  },
}

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']

function checkTerms(given: NodeAffinity, place: SettingPlace): void {
  const needed = given.requiredDuringSchedulingIgnoredDuringExecution
  const preferred = given.preferredDuringSchedulingIgnoredDuringExecution
  const at = place.at('requiredDuringSchedulingIgnoredDuringExecution').at('nodeSelectorTerms')
  if (needed !== undefined) {
    if (!Array.isArray(needed.nodeSelectorTerms) || needed.nodeSelectorTerms.length === 0) {
      at.note('is missing; it must be a list of terms')
    } else for (const [i, term] of needed.nodeSelectorTerms.entries()) checkTerm(term, at.at(i))
  }
  if (preferred === undefined) return
  const list = place.at('preferredDuringSchedulingIgnoredDuringExecution')
  if (!Array.isArray(preferred)) return list.wrong(preferred, 'it must be a list of preferences')
  for (const [i, each] of preferred.entries()) {
    const { weight, preference } = (each ?? {}) as Partial<typeof each>
    if (!Number.isInteger(weight) || weight! < 1 || weight! > 100) {
      list.at(i).at('weight').wrong(weight, 'it must be a whole number from 1 to 100')
    }
    checkTerm(preference, list.at(i).at('preference'))
  }
}

function checkTerm(term: unknown, place: SettingPlace): void {
  if (typeof term !== 'object' || term === null)
    return place.wrong(term, 'it must hold matchExpressions or matchFields')
  for (const [name, list] of Object.entries(term)) {
    const at = place.at(name)
    if (name !== 'matchExpressions' && name !== 'matchFields') {
      at.note('is no setting; there are matchExpressions, matchFields')
    } else if (!Array.isArray(list)) at.wrong(list, 'it must be a list')
    else {
      for (const [i, each] of list.entries()) {
        const { key, operator } = (each ?? {}) as { key?: unknown; operator?: unknown }
        if (typeof key !== 'string')
          at.at(i)
            .at('key')
            .wrong(key ?? null, 'it must be the key of a label')
        if (!operators.includes(operator as string)) {
          at.at(i)
            .at('operator')
            .wrong(operator ?? null, `it must be one of ${operators.join(', ')}`)
        }
      }
    }
  }
}

const nodeAffinity = argumentsOf('NodeAffinityArgs', 'Arguments of NodeAffinity.', { addedAffinity: affinity })

const volumeBinding = argumentsOf(
  'VolumeBindingArgs',
  'Arguments of VolumeBinding.',
  {
    bindTimeoutSeconds: defaulting(
      wholeNumber({ about: 'How long a binding of volumes may take.', least: 0, most: 86_400 }),
      600,
    ),
    shape: shape(10),
  },
  ({ shape: points }, place) => checkAscending(points, place.at('shape')),
)

const defaultPreemption = argumentsOf(
  'DefaultPreemptionArgs',
  'Arguments of DefaultPreemption.',
  {
    minCandidateNodesPercentage: defaulting(
      wholeNumber({ about: 'So many percent of the nodes are tried.', least: 0, most: 100 }),
      10,
    ),
    minCandidateNodesAbsolute: defaulting(
      wholeNumber({ about: 'So many nodes are tried at least.', least: 0, most: 1_000_000 }),
      100,
    ),
  },
  ({ minCandidateNodesPercentage, minCandidateNodesAbsolute }, place) => {
    if (minCandidateNodesPercentage === 0 && minCandidateNodesAbsolute === 0) {
      place.at('minCandidateNodesAbsolute').note('and minCandidateNodesPercentage cannot both be 0')
    }
  },
)

/** Every plugin that takes arguments. */
export const argumentSettings = {
  NodeResourcesFit: nodeResourcesFit,
  NodeResourcesBalancedAllocation: balancedAllocation,
  PodTopologySpread: podTopologySpread,
  InterPodAffinity: interPodAffinity,
  NodeAffinity: nodeAffinity,
  VolumeBinding: volumeBinding,
  DefaultPreemption: defaultPreemption,
} as const
