/** What is told of nodes that will not do because of the pods that are where they are: reasons, and what would change them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodAffinityTerm } from '#api/core/v1/affinity.ts'
import type { TopologySpreadConstraint } from '#api/core/v1/scheduling.ts'
import { placementBy, type NodeRejection } from '#scheduler/cycle.ts'
import { clusterOf, podOf, type NodeSketch, type PodSketch } from '#scheduler/testObjects.ts'
import { defaultPlugins } from './index.ts'

const zone = 'topology.kubernetes.io/zone'
const hostname = 'kubernetes.io/hostname'

const nodes: readonly NodeSketch[] = [
  { name: 'a1', labels: { [zone]: 'a' } },
  { name: 'b1', labels: { [zone]: 'b' } },
  { name: 'nowhere' },
]

const web = { app: 'web' }
const aboutWeb = (topologyKey: string): PodAffinityTerm => ({ topologyKey, labelSelector: { matchLabels: web } })
const near = (...terms: PodAffinityTerm[]): NonNullable<PodSketch['spec']> => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
})
const apart = (...terms: PodAffinityTerm[]): NonNullable<PodSketch['spec']> => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
})
const spread = (constraint: Partial<TopologySpreadConstraint>): NonNullable<PodSketch['spec']> => ({
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: zone,
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: web },
      ...constraint,
    },
  ],
})

const lacksNeighbour = "node(s) didn't match pod affinity rules"
const meetsForbidden = "node(s) didn't match pod anti-affinity rules"
const isForbidden = "node(s) didn't satisfy existing pods anti-affinity rules"
const uneven = "node(s) didn't match pod topology spread constraints"
const unlabelled = `${uneven} (missing required label)`

interface Row {
  readonly name: string
  readonly pod: PodSketch
  readonly pods?: Readonly<Record<string, readonly PodSketch[]>>
  /** By node; nodes that fit are absent. */
  readonly rejections: Readonly<Record<string, NodeRejection['rejection']>>
}

const rows: readonly Row[] = [
  {
    name: 'a neighbour in one zone alone',
    pod: { name: 'p', spec: near(aboutWeb(zone)) },
    pods: { a1: [{ name: 'w', labels: web }] },
    rejections: {
      b1: { reason: lacksNeighbour, forever: true, cause: { kind: 'affinity', topologyKey: zone, value: 'b' } },
      nowhere: { reason: lacksNeighbour, forever: true, cause: { kind: 'affinity', topologyKey: zone } },
    },
  },
  {
    name: 'the first of pods that want each other needs no neighbour, but the label',
    pod: { name: 'p', labels: web, spec: near(aboutWeb(zone)) },
    rejections: {
      nowhere: { reason: lacksNeighbour, forever: true, cause: { kind: 'affinity', topologyKey: zone } },
    },
  },
  {
    name: 'one pod has to be meant by all terms',
    pod: {
      name: 'p',
      spec: near(aboutWeb(zone), { topologyKey: zone, labelSelector: { matchLabels: { tier: 'front' } } }),
    },
    pods: {
      a1: [
        { name: 'w', labels: web },
        { name: 'f', labels: { tier: 'front' } },
      ],
    },
    rejections: {
      a1: { reason: lacksNeighbour, forever: true, cause: { kind: 'affinity', topologyKey: zone, value: 'a' } },
      b1: { reason: lacksNeighbour, forever: true, cause: { kind: 'affinity', topologyKey: zone, value: 'b' } },
      nowhere: { reason: lacksNeighbour, forever: true, cause: { kind: 'affinity', topologyKey: zone } },
    },
  },
  {
    name: 'pods to keep away from',
    pod: { name: 'p', spec: apart(aboutWeb(hostname)) },
    pods: {
      b1: [
        { name: 'w1', labels: web },
        { name: 'w2', labels: web },
      ],
    },
    rejections: {
      b1: {
        reason: meetsForbidden,
        cause: { kind: 'antiAffinity', topologyKey: hostname, value: 'b1', pods: 2, existing: false },
      },
    },
  },
  {
    name: 'pods that keep away from it',
    pod: { name: 'p', labels: web },
    pods: { a1: [{ name: 'recluse', spec: apart(aboutWeb(zone)) }] },
    rejections: {
      a1: {
        reason: isForbidden,
        cause: { kind: 'antiAffinity', topologyKey: zone, value: 'a', pods: 1, existing: true },
      },
    },
  },
  {
    name: 'a pod in another namespace is another one',
    pod: { name: 'p', spec: apart({ ...aboutWeb(zone), namespaces: ['elsewhere'] }) },
    pods: { a1: [{ name: 'w', labels: web }] },
    rejections: {},
  },
  {
    name: 'uneven zones',
    pod: { name: 'p', labels: web, spec: spread({}) },
    pods: {
      a1: [
        { name: 'w1', labels: web },
        { name: 'w2', labels: web },
      ],
    },
    rejections: {
      a1: {
        reason: uneven,
        cause: { kind: 'spread', topologyKey: zone, value: 'a', skew: 3, maxSkew: 1, excess: 2 },
      },
      nowhere: { reason: unlabelled, forever: true, cause: { kind: 'spread', topologyKey: zone } },
    },
  },
  {
    name: 'a selector that says nothing counts nobody but the pod itself',
    pod: { name: 'p', labels: web, spec: spread({ labelSelector: {} }) },
    pods: {
      a1: [
        { name: 'w1', labels: web },
        { name: 'w2', labels: web },
      ],
    },
    rejections: { nowhere: { reason: unlabelled, forever: true, cause: { kind: 'spread', topologyKey: zone } } },
  },
  {
    name: 'a pod that the selector does not pick counts for nothing itself',
    pod: { name: 'p', spec: spread({ maxSkew: 2 }) },
    pods: {
      a1: [
        { name: 'w1', labels: web },
        { name: 'w2', labels: web },
      ],
    },
    rejections: { nowhere: { reason: unlabelled, forever: true, cause: { kind: 'spread', topologyKey: zone } } },
  },
  {
    name: 'fewer zones than there should be',
    pod: { name: 'p', labels: web, spec: spread({ minDomains: 3 }) },
    pods: { a1: [{ name: 'w1', labels: web }], b1: [{ name: 'w2', labels: web }] },
    rejections: {
      a1: { reason: uneven, cause: { kind: 'spread', topologyKey: zone, value: 'a', skew: 2, maxSkew: 1, excess: 1 } },
      b1: { reason: uneven, cause: { kind: 'spread', topologyKey: zone, value: 'b', skew: 2, maxSkew: 1, excess: 1 } },
      nowhere: { reason: unlabelled, forever: true, cause: { kind: 'spread', topologyKey: zone } },
    },
  },
  {
    name: 'a node whose name the pod does not say',
    pod: {
      name: 'p',
      requests: { cpu: '9' },
      spec: {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a1'] }] }],
            },
          },
        },
      },
    },
    rejections: {
      a1: {
        reason: 'Insufficient cpu',
        forever: true,
        cause: { kind: 'resource', resource: 'cpu', requested: 9_000, free: 4_000, capacity: 4_000 },
      },
      b1: { reason: "node(s) didn't satisfy plugin(s) [NodeAffinity]", forever: true, cause: { kind: 'selector' } },
      nowhere: {
        reason: "node(s) didn't satisfy plugin(s) [NodeAffinity]",
        forever: true,
        cause: { kind: 'selector' },
      },
    },
  },
]

const options = { siblingsOf: () => undefined, namespaces: { version: 0, names: [], labelsOf: () => undefined } }

for (const { name, pod, pods, rejections } of rows) {
  test(`neighbours: ${name}`, () => {
    const fitting = placementBy(defaultPlugins(options)).findFitting(podOf(pod), clusterOf(nodes, pods))
    assert.deepEqual(
      {
        fitting: [...fitting.positions].map((at) => nodes[at]!.name),
        rejections: Object.fromEntries(fitting.diagnosis.rejections.map(({ node, rejection }) => [node, rejection])),
      },
      { fitting: nodes.map((node) => node.name).filter((node) => !Object.hasOwn(rejections, node)), rejections },
    )
  })
}
