import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingsError } from '#lib/settings/settingsFile.ts'
import { readSchedulerConfiguration } from './read.ts'

const head = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n'

test('a KubeSchedulerConfiguration that says nothing is as usual', () => {
  assert.deepEqual(readSchedulerConfiguration(head, 'f'), {
    profiles: [{ schedulerName: 'default-scheduler', arguments: {} }],
    extenders: [],
    backoff: { first: 1_000, most: 10_000 },
    withoutEffect: [],
  })
})

test('a KubeSchedulerConfiguration is read whole', () => {
  const text = `${head}
parallelism: 16
leaderElection: { leaderElect: false }
podInitialBackoffSeconds: 2
podMaxBackoffSeconds: 60
profiles:
- schedulerName: default-scheduler
  percentageOfNodesToScore: 50
- schedulerName: packing
  plugins:
    multiPoint:
      enabled: [{ name: ImageLocality, weight: 7 }]
    postFilter:
      disabled: [{ name: DefaultPreemption }]
    score:
      enabled: [{ name: NodeResourcesFit, weight: 5 }]
      disabled: [{ name: '*' }]
  pluginConfig:
  - name: NodeResourcesFit
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: NodeResourcesFitArgs
      ignoredResources: [example.com/fpga]
      scoringStrategy:
        type: RequestedToCapacityRatio
        resources: [{ name: cpu, weight: 3 }, { name: example.com/gpu }]
        requestedToCapacityRatio:
          shape: [{ utilization: 0, score: 0 }, { utilization: 100, score: 10 }]
  - name: PodTopologySpread
    args:
      defaultingType: List
      defaultConstraints:
      - { maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway }
  - name: InterPodAffinity
    args: { hardPodAffinityWeight: 100 }
  - name: NodeAffinity
    args:
      addedAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms:
          - matchExpressions: [{ key: pool, operator: In, values: [batch] }]
  - name: VolumeBinding
    args: { bindTimeoutSeconds: 60 }
  - name: DefaultPreemption
    args: { minCandidateNodesPercentage: 20 }
extenders:
- urlPrefix: https://extender.example/scheduler
  filterVerb: filter
  prioritizeVerb: prioritize
  weight: 5
  enableHTTPS: true
  httpTimeout: 1500ms
  nodeCacheCapable: true
  managedResources: [{ name: example.com/gpu, ignoredByScheduler: true }]
  ignorable: true
`
  assert.deepEqual(readSchedulerConfiguration(text, 'f'), {
    profiles: [
      { schedulerName: 'default-scheduler', arguments: {} },
      {
        schedulerName: 'packing',
        plugins: {
          multiPoint: { enabled: [{ name: 'ImageLocality', weight: 7 }], disabled: [] },
          postFilter: { enabled: [], disabled: [{ name: 'DefaultPreemption' }] },
          score: { enabled: [{ name: 'NodeResourcesFit', weight: 5 }], disabled: [{ name: '*' }] },
        },
        arguments: {
          NodeResourcesFit: {
            apiVersion: 'kubescheduler.config.k8s.io/v1',
            kind: 'NodeResourcesFitArgs',
            ignoredResources: ['example.com/fpga'],
            scoringStrategy: {
              type: 'RequestedToCapacityRatio',
              resources: [
                { name: 'cpu', weight: 3 },
                { name: 'example.com/gpu', weight: 1 },
              ],
              requestedToCapacityRatio: {
                shape: [
                  { utilization: 0, score: 0 },
                  { utilization: 100, score: 10 },
                ],
              },
            },
          },
          PodTopologySpread: {
            defaultingType: 'List',
            defaultConstraints: [
              { maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
            ],
          },
          InterPodAffinity: { hardPodAffinityWeight: 100, ignorePreferredTermsOfExistingPods: false },
          NodeAffinity: {
            addedAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchExpressions: [{ key: 'pool', operator: 'In', values: ['batch'] }] }],
              },
            },
          },
          VolumeBinding: { bindTimeoutSeconds: 60 },
          DefaultPreemption: { minCandidateNodesPercentage: 20, minCandidateNodesAbsolute: 100 },
        },
      },
    ],
    extenders: [
      {
        urlPrefix: 'https://extender.example/scheduler',
        filterVerb: 'filter',
        prioritizeVerb: 'prioritize',
        weight: 5,
        enableHTTPS: true,
        httpTimeout: 1_500,
        nodeCacheCapable: true,
        managedResources: [{ name: 'example.com/gpu', ignoredByScheduler: true }],
        ignorable: true,
      },
    ],
    backoff: { first: 2_000, most: 60_000 },
    withoutEffect: ['parallelism', 'leaderElection', 'profiles[0].percentageOfNodesToScore'],
  })
})

const argumentsOf = (plugin: string, args: string): string =>
  `profiles:\n- pluginConfig:\n  - name: ${plugin}\n    args: ${args}\n`

const mistakes: readonly (readonly [string, string, string])[] = [
  [
    'another version',
    'apiVersion: kubescheduler.config.k8s.io/v1beta3\nkind: KubeSchedulerConfiguration\n',
    'f:1: apiVersion is "kubescheduler.config.k8s.io/v1beta3"; it must be one of "kubescheduler.config.k8s.io/v1"',
  ],
  [
    'a setting that there is not',
    `${head}profile: []\n`,
    'f:3: profile is no setting; there are apiVersion, kind, profiles,',
  ],
  [
    'two profiles of one name',
    `${head}profiles: [{ schedulerName: a }, { schedulerName: a }]\n`,
    'f:3: profiles[1].schedulerName is "a"; another profile has this name',
  ],
  ['no profile', `${head}profiles: []\n`, 'f:3: profiles is []; it must have at least 1'],
  [
    'a plugin that there is not',
    `${head}profiles: [{ plugins: { score: { enabled: [{ name: Nothing }] } } }]\n`,
    'f:3: profiles[0].plugins.score.enabled[0].name is "Nothing"; it must be one of "SchedulingGates",',
  ],
  [
    'a plugin twice',
    `${head}profiles: [{ plugins: { score: { enabled: [{ name: NodeName }, { name: NodeName }] } } }]\n`,
    'f:3: profiles[0].plugins.score.enabled[1].name is "NodeName"; it stands there already',
  ],
  [
    'a point that there is not',
    `${head}profiles: [{ plugins: { scores: {} } }]\n`,
    'f:3: profiles[0].plugins.scores is no setting; there are multiPoint, preEnqueue,',
  ],
  [
    'nobody who binds',
    `${head}profiles: [{ plugins: { bind: { disabled: [{ name: '*' }] } } }]\n`,
    'f:3: profiles[0].plugins.bind leaves no plugin; DefaultBinder is the only one there is',
  ],
  [
    'nobody who orders',
    `${head}profiles: [{ plugins: { multiPoint: { disabled: [{ name: PrioritySort }] } } }]\n`,
    'f:3: profiles[0].plugins.multiPoint leaves no plugin for queueSort; PrioritySort is the only one there is',
  ],
  [
    'arguments of a plugin without any',
    `${head}${argumentsOf('NodeName', '{}')}`,
    'f:5: profiles[0].pluginConfig[0].name is "NodeName"; it must be one of "NodeResourcesFit",',
  ],
  [
    'arguments of another kind',
    `${head}${argumentsOf('NodeAffinity', '{ kind: NodeResourcesFitArgs }')}`,
    'f:6: profiles[0].pluginConfig[0].args.kind is "NodeResourcesFitArgs"; it must be one of "NodeAffinityArgs"',
  ],
  [
    'a weight that is too high',
    `${head}${argumentsOf('InterPodAffinity', '{ hardPodAffinityWeight: 101 }')}`,
    'f:6: profiles[0].pluginConfig[0].args.hardPodAffinityWeight is 101; it must be a whole number from 0 to 100',
  ],
  [
    'a strategy without its shape',
    `${head}${argumentsOf('NodeResourcesFit', '{ scoringStrategy: { type: RequestedToCapacityRatio } }')}`,
    'f:6: profiles[0].pluginConfig[0].args.scoringStrategy.requestedToCapacityRatio is missing; the strategy of that name needs it',
  ],
  [
    'a shape that does not rise',
    `${head}${argumentsOf('VolumeBinding', '{ shape: [{ utilization: 50, score: 1 }, { utilization: 50, score: 2 }] }')}`,
    'f:6: profiles[0].pluginConfig[0].args.shape[1].utilization is 50; it must be higher than the one before',
  ],
  [
    'constraints that do not count',
    `${head}${argumentsOf('PodTopologySpread', '{ defaultConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule }] }')}`,
    'f:6: profiles[0].pluginConfig[0].args.defaultConstraints cannot be said unless defaultingType is "List"',
  ],
  [
    'an operator that there is not',
    `${head}${argumentsOf('NodeAffinity', '{ addedAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: a, operator: Is }] }] } } }')}`,
    'f:6: profiles[0].pluginConfig[0].args.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator is "Is"; it must be one of In, NotIn, Exists, DoesNotExist, Gt, Lt',
  ],
  [
    'no candidates at all',
    `${head}${argumentsOf('DefaultPreemption', '{ minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0 }')}`,
    'f:6: profiles[0].pluginConfig[0].args.minCandidateNodesAbsolute and minCandidateNodesPercentage cannot both be 0',
  ],
  [
    'a back-off that shrinks',
    `${head}podInitialBackoffSeconds: 5\npodMaxBackoffSeconds: 4\n`,
    'f:4: podMaxBackoffSeconds is 4; it must be at least podInitialBackoffSeconds, 5',
  ],
  [
    'an extender that is nowhere',
    `${head}extenders: [{ filterVerb: f }]\n`,
    'f:3: extenders[0].urlPrefix is missing; it must be an http or https URL',
  ],
  [
    'scores without weight',
    `${head}extenders: [{ urlPrefix: 'http://a', prioritizeVerb: p }]\n`,
    'f:3: extenders[0].weight is missing; prioritizeVerb needs a whole number from 1 on',
  ],
  [
    'two that bind',
    `${head}extenders: [{ urlPrefix: 'http://a', bindVerb: b }, { urlPrefix: 'http://b', bindVerb: b }]\n`,
    'f:3: extenders[1].bindVerb is said twice; only one program can bind',
  ],
  [
    'a key without certificate',
    `${head}extenders: [{ urlPrefix: 'https://a', tlsConfig: { keyFile: /k } }]\n`,
    'f:3: extenders[0].tlsConfig.certFile is missing; a key needs its certificate',
  ],
]

for (const [what, text, message] of mistakes) {
  test(`a KubeSchedulerConfiguration is refused with ${what}`, () => {
    assert.throws(
      () => readSchedulerConfiguration(text, 'f'),
      (error) => {
        assert.ok(error instanceof SettingsError)
        assert.equal(error.message.slice(0, message.length), message)
        return true
      },
    )
  })
}
