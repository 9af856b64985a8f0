/** Decisions that remember are compared with ones that compute everything anew, over random histories of a cluster. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { randomInteger, seededRandom, type Random } from '#lib/random.ts'
import { SchedulerCache } from './cache.ts'
import { decider, type Decision, type NodeRejection } from './cycle.ts'
import type { Plugin, Rejection } from './plugin.ts'
import type { SiblingsOf } from '#scheduler/plugins/spreadConstraints.ts'
import { defaultPlugins, type WeightedPlugin } from '#scheduler/plugins/index.ts'
import type { ClusterView, NodeView } from './snapshot.ts'
import { nodeOf, podOf } from './testObjects.ts'

const siblingsOf: SiblingsOf = (pod) => {
  const app = pod.metadata.labels?.['app']
  return app === undefined ? undefined : { key: app, includes: ({ metadata }) => metadata.labels?.['app'] === app }
}

/** Rules over the whole cluster stand between those over one node, where their objections must come in turn. */
const picky: Plugin<number> = {
  name: 'Picky',
  prepare: (pod, { nodes }) => (pod.metadata.labels?.['picky'] === undefined ? 'skip' : nodes.length % 3),
  filter: (_pod, { name }, rest) => (name.length % 3 === rest ? { reason: 'the name is too long' } : undefined),
  score: (_pod, { pods }, rest, position) => (pods.length + rest + position) % 7,
}
const refusing: Plugin<undefined> = {
  name: 'Refusing',
  prepare: (pod, { nodes }) =>
    pod.metadata.labels?.['refused'] === 'yes' && nodes.length > 5
      ? ({ reason: 'too many nodes' } as never)
      : undefined,
}

function makePlugins(): readonly WeightedPlugin[] {
  const plugins = [
    ...defaultPlugins({
      siblingsOf,
      namespaces: { version: 0, names: [], labelsOf: () => undefined },
    }),
  ]
  plugins.splice(4, 0, { plugin: picky, weight: 5 }, { plugin: refusing, weight: 0 })
  return plugins
}

/** The definition of a decision: all plugins, all nodes, one after another. */
function decideAnew(pod: Pod, plugins: readonly WeightedPlugin[], cluster: ClusterView, random: Random): Decision {
  const states = new Map<WeightedPlugin, unknown>()
  for (const weighted of plugins) {
    const { plugin } = weighted
    const state: unknown = plugin.prepare?.(pod, cluster)
    if (state === 'skip') continue
    if (typeof state === 'object' && state !== null && 'reason' in state) {
      const whole = { plugin: plugin.name, rejection: state as Rejection }
      return { diagnosis: { nodes: cluster.nodes.length, rejections: [], whole } }
    }
    states.set(weighted, state)
  }
  const rejections: NodeRejection[] = []
  const feasible: { readonly node: NodeView; readonly position: number; sum: number }[] = []
  for (const [position, node] of cluster.nodes.entries()) {
    let rejection: NodeRejection | undefined
    for (const [{ plugin }, state] of states) {
      const found = plugin.filter?.(pod, node, state)
      if (found === undefined) continue
      rejection = { node: node.name, plugin: plugin.name, rejection: found }
      break
    }
    if (rejection === undefined) feasible.push({ node, position, sum: 0 })
    else rejections.push(rejection)
  }
  if (feasible.length === 0) return { diagnosis: { nodes: cluster.nodes.length, rejections } }
  for (const [{ plugin, weight }, state] of states) {
    if ((plugin.score ?? plugin.scoreAll) === undefined || weight === 0) continue
    const scores = Float64Array.from(feasible, ({ node, position }) => plugin.score?.(pod, node, state, position) ?? 0)
    const positions = Int32Array.from(feasible, ({ position }) => position)
    if (plugin.scoreAll?.(pod, cluster, state, positions, scores) === false) continue
    plugin.normalize?.(scores, state)
    for (const [i, each] of feasible.entries()) each.sum += scores[i]! * weight
  }
  const highest = feasible.reduce((most, { sum }) => Math.max(most, sum), -Infinity)
  const best = feasible.filter(({ sum }) => sum === highest)
  const chosen = best[best.length === 1 ? 0 : randomInteger(random, best.length)]!
  return { node: chosen.node.name, feasible: feasible.length }
}

/** A cluster as its history left it. */
interface Known {
  readonly nodes: Map<string, Node>
  readonly pods: Map<string, { pod: Pod; readonly node: string }>
}

/** The same cluster by a cache that was told everything at once, with its nodes in the same order. */
function rebuilt({ nodes, pods }: Known, order: readonly string[]): ClusterView {
  const cache = new SchedulerCache()
  for (const name of order) cache.setNode(nodes.get(name)!)
  for (const { pod, node } of pods.values()) cache.assume(pod, node)
  return cache.snapshot()
}

class Draws {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  below(bound: number): number {
    return randomInteger(this.#random, bound)
  }

  oneOf<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }

  /** The value, or nothing, where `one` in so many times there is something. */
  rarely<T>(oneIn: number, value: () => T): T | undefined {
    return this.below(oneIn) === 0 ? value() : undefined
  }
}

function drawNode(draws: Draws, name: string): Node {
  const effect = draws.oneOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const)
  const taint = draws.rarely(4, () => ({ key: draws.oneOf(['slow', 'gpu']), effect }))
  const zone = draws.rarely(2, () => ({ 'topology.kubernetes.io/zone': draws.oneOf(['a', 'b', 'c']) }))
  return nodeOf({
    name,
    labels: { disk: draws.oneOf(['ssd', 'hdd']), ...zone },
    allocatable: {
      cpu: draws.oneOf(['1', '2', '4']),
      pods: draws.oneOf(['3', '110']),
      ...draws.rarely(3, () => ({ 'example.com/gpu': '2' })),
    },
    spec: {
      ...(taint === undefined ? {} : { taints: [taint] }),
      ...draws.rarely(8, () => ({ unschedulable: true })),
    },
    images: draws.rarely(3, () => [{ names: ['busybox:1.35'], sizeBytes: draws.oneOf([50, 500]) * 2 ** 20 }]) ?? [],
  })
}

function drawPod(draws: Draws, name: string): Pod {
  const port = draws.rarely(4, () => ({
    ports: [{ containerPort: 80, hostPort: 80, ...draws.rarely(2, () => ({ hostIP: '10.0.0.1' })) }],
  }))
  const resources = {
    requests: {
      ...draws.rarely(2, () => ({ cpu: draws.oneOf(['100m', '500m', '1500m']) })),
      ...draws.rarely(3, () => ({ memory: draws.oneOf(['64Mi', '1Gi', '20Gi']) })),
      ...draws.rarely(6, () => ({ 'example.com/gpu': '1' })),
    },
  }
  const preferred = draws.rarely(4, () => ({
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 10, preference: { matchExpressions: [{ key: 'disk', operator: 'In' as const, values: ['ssd'] }] } },
        ],
      },
    },
  }))
  return podOf({
    name,
    labels: {
      ...draws.rarely(2, () => ({ app: draws.oneOf(['web', 'db']) })),
      ...draws.rarely(4, () => ({ picky: 'yes' })),
      ...draws.rarely(12, () => ({ refused: 'yes' })),
    },
    spec: {
      containers: [{ name: 'c', image: 'busybox:1.35', resources, ...port }],
      ...preferred,
      ...draws.rarely(6, () => ({ nodeSelector: { disk: draws.oneOf(['ssd', 'hdd']) } })),
      ...draws.rarely(5, () => ({ tolerations: [{ key: 'slow', operator: 'Exists' as const }] })),
    },
  })
}

/** One thing that happens to the cluster. */
function change(draws: Draws, cache: SchedulerCache, known: Known): void {
  const anyPod = (): { pod: Pod; readonly node: string } | undefined => draws.oneOf([...known.pods.values()])
  switch (draws.below(6)) {
    case 0: {
      const node = drawNode(draws, `node-${'x'.repeat(draws.below(4))}${draws.below(12)}`)
      known.nodes.set(node.metadata.name, node)
      return cache.setNode(node)
    }
    case 1: {
      const name = `node-${draws.below(12)}`
      known.nodes.delete(name)
      return cache.removeNode(name)
    }
    case 2: {
      const gone = anyPod()
      if (gone === undefined) return
      known.pods.delete(gone.pod.metadata.uid!)
      return cache.removePod(gone.pod)
    }
    case 3: {
      // A status, a label or the begin of its deletion.
      const placed = anyPod()
      if (placed === undefined) return
      const { metadata, spec } = placed.pod
      const labels = draws.rarely(3, () => ({ labels: { ...metadata.labels, app: draws.oneOf(['web', 'db']) } }))
      const ending = draws.rarely(3, () => ({ deletionTimestamp: '2026-01-01T00:00:00Z' }))
      placed.pod = {
        ...placed.pod,
        metadata: { ...metadata, ...labels, ...ending },
        spec: { ...spec, nodeName: placed.node },
        status: { phase: 'Running' },
      }
      return cache.setPod(placed.pod)
    }
    default:
  }
}

test('decisions that remember are those that compute everything anew', () => {
  const seen = { decided: 0, placed: 0, refused: 0, nowhere: 0 }
  for (let seed = 1; seed <= 60; seed++) {
    const draws = new Draws(seededRandom(seed))
    const cache = new SchedulerCache()
    const known: Known = { nodes: new Map(), pods: new Map() }
    const decide = decider(makePlugins())
    const kinds = Array.from({ length: 24 }, (_, i) => drawPod(draws, `kind-${i}`))
    for (let step = 0; step < 12; step++) change(draws, cache, known)
    for (let step = 0; step < 60; step++) {
      for (let i = draws.below(3); i > 0; i--) change(draws, cache, known)
      const kind = draws.oneOf(kinds)
      const pod = { ...kind, metadata: { ...kind.metadata, name: `p-${step}`, uid: `p-${step}` } }
      const cluster = cache.snapshot()
      const anew = rebuilt(
        known,
        cluster.nodes.map(({ name }) => name),
      )
      const where = `seed ${seed}, step ${step}`
      assert.deepEqual(cluster.nodes.map(comparable), anew.nodes.map(comparable), where)
      const decision = decide(pod, cluster, seededRandom(step))
      assert.deepEqual(decision, decideAnew(pod, makePlugins(), anew, seededRandom(step)), where)
      seen.decided++
      if (decision.node !== undefined) {
        seen.placed++
        known.pods.set(pod.metadata.uid, { pod, node: decision.node })
        cache.assume(pod, decision.node)
      } else if (decision.diagnosis.whole === undefined) seen.nowhere++
      else seen.refused++
    }
  }
  // All that can come of it did, often.
  assert.equal(seen.decided, 3_600)
  assert.ok(seen.placed > 1_500 && seen.nowhere > 100 && seen.refused > 50, JSON.stringify(seen))
})

/** What plugins can see of a view; which state of an unchanged pod it holds does not matter, nor the order of its pods. */
function comparable({ version: _, pods, requested, ...view }: NodeView): unknown {
  const told = pods.map(({ metadata: { name, labels, deletionTimestamp } }) => ({ name, labels, deletionTimestamp }))
  const others = [...requested.others].filter(([, amount]) => amount > 0)
  return { ...view, requested: { ...requested, others }, pods: told.toSorted((a, b) => (a.name < b.name ? -1 : 1)) }
}
