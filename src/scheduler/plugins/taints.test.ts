import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Taint, Toleration } from '#api/core/v1/scheduling.ts'
import type { Rejection } from '../plugin.ts'
import { clusterOf, nodeOf, podOf, type NodeSketch } from '../testObjects.ts'
import { taints } from './taints.ts'

const dedicated: Taint = { key: 'dedicated', value: 'db', effect: 'NoSchedule' }
const ending: Taint = { key: 'ending', effect: 'NoExecute' }
const slow: Taint = { key: 'slow', value: 'disk', effect: 'PreferNoSchedule' }

function rejected(key: string, value: string, effect: string): Rejection {
  return {
    reason: `node(s) had untolerated taint {${key}: ${value}}`,
    forever: true,
    cause: { kind: 'taint', key, value, effect },
  }
}

const rows: readonly {
  readonly name: string
  readonly taints: readonly Taint[]
  readonly tolerations?: Toleration[]
  readonly rejection?: Rejection
}[] = [
  { name: 'no taints', taints: [] },
  { name: 'no toleration', taints: [dedicated], rejection: rejected('dedicated', 'db', 'NoSchedule') },
  { name: 'a taint without a value', taints: [ending], rejection: rejected('ending', '', 'NoExecute') },
  { name: 'advice', taints: [slow] },
  {
    name: 'an equal value',
    taints: [dedicated],
    tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'db', effect: 'NoSchedule' }],
  },
  {
    name: 'equal is what is meant without an operator',
    taints: [dedicated],
    tolerations: [{ key: 'dedicated', value: 'db' }],
  },
  {
    name: 'another value',
    taints: [dedicated],
    tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'web' }],
    rejection: rejected('dedicated', 'db', 'NoSchedule'),
  },
  {
    name: 'another effect',
    taints: [dedicated],
    tolerations: [{ key: 'dedicated', operator: 'Exists', effect: 'NoExecute' }],
    rejection: rejected('dedicated', 'db', 'NoSchedule'),
  },
  { name: 'any value', taints: [dedicated], tolerations: [{ key: 'dedicated', operator: 'Exists' }] },
  { name: 'anything at all', taints: [dedicated, ending], tolerations: [{ operator: 'Exists' }] },
  {
    name: 'the first taint that is not tolerated is told',
    taints: [slow, dedicated, ending],
    tolerations: [{ key: 'dedicated', operator: 'Exists' }],
    rejection: rejected('ending', '', 'NoExecute'),
  },
]

for (const { name, taints: wanted, tolerations = [], rejection } of rows) {
  test(`taints: ${name}`, () => {
    const pod = podOf({ name: 'p', spec: { tolerations } })
    const node = nodeOf({ name: 'n', spec: { taints: [...wanted] } })
    const view = clusterOf([{ name: 'n', spec: node.spec! }]).nodes[0]!
    const update = taints.wakesOn!.find(({ event }) => event.resource === 'nodes' && event.action === 'update')!
    const oldNode = nodeOf({ name: 'n', spec: { taints: [{ key: 'before', effect: 'NoSchedule' }, dedicated] } })
    assert.deepEqual(
      {
        rejection: taints.filter!(pod, view, []),
        updateHelps: update.helps!({ pod, node, oldNode }),
        // Something else of the node changed.
        sameTaintsHelp: update.helps!({ pod, node, oldNode: node }),
      },
      {
        rejection,
        updateHelps: rejection === undefined && !tolerations.some(({ key }) => key === undefined),
        sameTaintsHelp: false,
      },
    )
  })
}

test('taints: nodes are preferred by how little they advise against the pod', () => {
  const nodes: readonly NodeSketch[] = [
    { name: 'none' },
    { name: 'slow', spec: { taints: [slow] } },
    { name: 'slow-twice', spec: { taints: [slow, { key: 'far', effect: 'PreferNoSchedule' }] } },
    { name: 'forbidding', spec: { taints: [dedicated] } },
  ]
  const cluster = clusterOf(nodes)
  const scoresFor = (tolerations: Toleration[]): Record<string, number> => {
    const pod = podOf({ name: 'p', spec: { tolerations } })
    const state = taints.prepare!(pod, cluster) as Toleration[]
    const scores = Float64Array.from(cluster.nodes, (node, position) => taints.score!(pod, node, state, position))
    taints.normalize!(scores, state)
    return Object.fromEntries(nodes.map(({ name }, index) => [name, scores[index]!]))
  }
  assert.deepEqual(
    {
      intolerant: scoresFor([]),
      tolerant: scoresFor([{ key: 'slow', operator: 'Exists' }]),
      // A toleration of an effect that forbids says nothing about advice.
      beside: scoresFor([{ key: 'slow', operator: 'Exists', effect: 'NoSchedule' }]),
    },
    {
      intolerant: { none: 100, slow: 50, 'slow-twice': 0, forbidding: 100 },
      tolerant: { none: 100, slow: 100, 'slow-twice': 0, forbidding: 100 },
      beside: { none: 100, slow: 50, 'slow-twice': 0, forbidding: 100 },
    },
  )
})
