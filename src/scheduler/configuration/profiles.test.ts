import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '#lib/random.ts'
import { defaultPlugins } from '#scheduler/plugins/index.ts'
import { clusterOf, podOf, type NodeSketch, type PodSketch } from '#scheduler/testObjects.ts'
import { participations } from './enabled.ts'
import { profilesOf } from './profiles.ts'
import { readSchedulerConfiguration } from './read.ts'

const head = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n'
const namespaces = { version: 0, names: [], labelsOf: () => undefined }
const makePlugins = (given: object) => defaultPlugins({ siblingsOf: () => undefined, namespaces, arguments: given })

const profileOf = (yaml: string) => {
  const [profile] = profilesOf(readSchedulerConfiguration(`${head}profiles: [{ ${yaml} }]\n`, 'f'), makePlugins)
  return profile!
}

interface WeightRow {
  readonly name: string
  readonly plugins: string
  /** Weights by plugin, of those that score and whose weight is not the usual one; 0 where they do not score. */
  readonly changed: Readonly<Record<string, number>>
}

const usual = {
  TaintToleration: 3,
  NodeAffinity: 2,
  NodeResourcesFit: 1,
  PodTopologySpread: 2,
  InterPodAffinity: 2,
  NodeResourcesBalancedAllocation: 1,
  ImageLocality: 1,
}

const weightRows: readonly WeightRow[] = [
  { name: 'nothing is said', plugins: '', changed: {} },
  {
    name: 'a plugin gets another weight at the point',
    plugins: 'score: { enabled: [{ name: ImageLocality, weight: 9 }] }',
    changed: { ImageLocality: 9 },
  },
  {
    name: 'a plugin gets another weight everywhere',
    plugins: 'multiPoint: { enabled: [{ name: TaintToleration, weight: 1 }] }',
    changed: { TaintToleration: 1 },
  },
  {
    name: 'the weight at the point wins',
    plugins:
      'multiPoint: { enabled: [{ name: NodeAffinity, weight: 5 }] }, score: { enabled: [{ name: NodeAffinity, weight: 6 }] }',
    changed: { NodeAffinity: 6 },
  },
  {
    name: 'a weight that is not said is 1',
    plugins: 'multiPoint: { enabled: [{ name: TaintToleration }] }',
    changed: { TaintToleration: 1 },
  },
  {
    name: 'a plugin is disabled at the point',
    plugins: 'score: { disabled: [{ name: PodTopologySpread }] }',
    changed: { PodTopologySpread: 0 },
  },
  {
    name: 'a plugin is disabled everywhere',
    plugins: 'multiPoint: { disabled: [{ name: PodTopologySpread }] }',
    changed: { PodTopologySpread: 0 },
  },
  {
    name: 'only one plugin is left',
    plugins: "score: { disabled: [{ name: '*' }], enabled: [{ name: ImageLocality, weight: 2 }] }",
    changed: {
      TaintToleration: 0,
      NodeAffinity: 0,
      NodeResourcesFit: 0,
      PodTopologySpread: 0,
      InterPodAffinity: 0,
      NodeResourcesBalancedAllocation: 0,
      ImageLocality: 2,
    },
  },
]

for (const { name, plugins, changed } of weightRows) {
  test(`weights of a profile: ${name}`, () => {
    const { profiles } = readSchedulerConfiguration(`${head}profiles: [{ plugins: { ${plugins} } }]\n`, 'f')
    const made = makePlugins({})
    const scoring = participations(made, profiles[0]!.plugins).filter(({ points }) => points.has('score'))
    const weights = Object.fromEntries(scoring.map(({ name: plugin, weight }) => [plugin, weight]))
    for (const [plugin, weight] of Object.entries({ ...usual, ...changed }))
      assert.equal(weights[plugin] ?? 0, weight, plugin)
  })
}

interface PlacementRow {
  readonly name: string
  readonly profile: string
  readonly pod: PodSketch
  readonly nodes: readonly NodeSketch[]
  readonly pods?: Readonly<Record<string, readonly PodSketch[]>>
  /** The node, or the reasons against every one. */
  readonly wanted: string | readonly string[]
}

const small = { name: 'p', requests: { cpu: '1', memory: '1Gi' } }
const half = { busy: [{ name: 'q', requests: { cpu: '2', memory: '4Gi' } }] }
const two = [{ name: 'busy' }, { name: 'empty' }]

const placementRows: readonly PlacementRow[] = [
  {
    name: 'the usual profile prefers the empty node',
    profile: '',
    pod: small,
    nodes: two,
    pods: half,
    wanted: 'empty',
  },
  {
    name: 'one that packs prefers the busy node',
    profile: 'pluginConfig: [{ name: NodeResourcesFit, args: { scoringStrategy: { type: MostAllocated } } }]',
    pod: small,
    nodes: two,
    pods: half,
    wanted: 'busy',
  },
  {
    name: 'one without the filter of resources overfills a node',
    profile: 'plugins: { filter: { disabled: [{ name: NodeResourcesFit }] } }',
    pod: { name: 'p', requests: { cpu: '64' } },
    nodes: [{ name: 'busy' }],
    wanted: 'busy',
  },
  {
    name: 'one without taints goes where taints forbid it',
    profile: 'plugins: { multiPoint: { disabled: [{ name: TaintToleration }] } }',
    pod: small,
    nodes: [{ name: 'tainted', spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }],
    wanted: 'tainted',
  },
  {
    name: 'one that adds affinity keeps off nodes that the pod says nothing of',
    profile:
      'pluginConfig: [{ name: NodeAffinity, args: { addedAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: pool, operator: Exists }] }] } } } }]',
    pod: small,
    nodes: [{ name: 'a' }],
    wanted: ["node(s) didn't match scheduler-enforced node affinity"],
  },
]

for (const { name, profile, pod, nodes, pods, wanted } of placementRows) {
  test(`a profile: ${name}`, () => {
    const { placement } = profileOf(profile)
    const fitting = placement.findFitting(podOf(pod), clusterOf(nodes, pods))
    const reasons = fitting.diagnosis.rejections.map(({ rejection }) => rejection.reason)
    const chosen =
      fitting.positions.length === 0 ? reasons : placement.choose(podOf(pod), fitting, seededRandom(1)).name
    assert.deepEqual(chosen, wanted)
  })
}

test('a profile sends no pods away where DefaultPreemption is disabled', () => {
  assert.deepEqual(profileOf('').preemption, { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 })
  assert.equal(profileOf('plugins: { postFilter: { disabled: [{ name: DefaultPreemption }] } }').preemption, undefined)
  assert.equal(profileOf('plugins: { multiPoint: { disabled: [{ name: DefaultPreemption }] } }').preemption, undefined)
})

test('resources that an extender manages alone are not tested on nodes', () => {
  const text = `${head}extenders: [{ urlPrefix: 'http://a', managedResources: [{ name: example.com/gpu, ignoredByScheduler: true }] }]\n`
  const [profile] = profilesOf(readSchedulerConfiguration(text, 'f'), makePlugins)
  const fitting = profile!.placement.findFitting(
    podOf({ name: 'p', requests: { 'example.com/gpu': '1' } }),
    clusterOf([{ name: 'a' }]),
  )
  assert.equal(fitting.positions.length, 1)
})
