/**
 * The scheduler's decisions, which remember and count incrementally, are compared with those of the plainly written rules in
 * `reference.ts`, over random histories of clusters. `DECISIONS=100000` sets how many; `SEED` where to begin.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { randomInteger, seededRandom, type Random } from '#lib/random.ts'
import { SchedulerCache } from './cache.ts'
import { placementBy, type Diagnosis, type Fitting } from './cycle.ts'
import { failureMessage } from './diagnosis.ts'
import type { ClusterEvent, WakeChange } from './plugin.ts'
import type { PluginArguments, WeightedPlugin } from '#scheduler/plugins/index.ts'
import { defaultPlugins } from '#scheduler/plugins/index.ts'
import { Draws, drawArguments, drawLabels, drawNode, drawPod, namespaceNames } from './randomCases.ts'
import { contradictsItself, isLeftOut, objectionTo, scoresOf, type Place, type World } from './reference.ts'
import type { NodeView } from './snapshot.ts'

const decisions = Number(process.env['DECISIONS'] ?? 800)
const firstSeed = Number(process.env['SEED'] ?? 1)
const decisionsOfCluster = 40

/** Siblings for default constraints: pods of the same app. */
function siblings(pod: Pod): ((other: Pod) => boolean) | undefined {
  const app = pod.metadata.labels?.['app']
  return app === undefined ? undefined : ({ metadata }) => metadata.labels?.['app'] === app
}

/** A cluster as its history left it, beside the cache that was told of every step. */
class History {
  readonly draws: Draws
  readonly cache = new SchedulerCache()
  readonly nodes = new Map<string, Node>()
  readonly pods = new Map<string, { pod: Pod; readonly node: string }>()
  readonly namespaces = new Map<string, Record<string, string>>(namespaceNames.map((name) => [name, {}]))
  version = 0

  constructor(draws: Draws) {
    this.draws = draws
  }

  /** What the rules look at, with nodes in the order of the scheduler's list. */
  world(order: readonly NodeView[], args: PluginArguments): World {
    const places = new Map(order.map(({ name }) => [name, { node: this.nodes.get(name)!, pods: [] as Pod[] }]))
    for (const { pod, node } of this.pods.values()) places.get(node)?.pods.push(pod)
    return { places: [...places.values()], namespaces: this.namespaces, siblings, arguments: args }
  }

  place(pod: Pod, node: string): void {
    const placed = { ...pod, spec: { ...pod.spec, nodeName: node } }
    this.pods.set(pod.metadata.uid!, { pod: placed, node })
    this.cache.assume(pod, node)
    if (this.draws.below(2) === 0) this.cache.setPod(placed)
  }

  /** One thing that happens to the cluster, as the queue is told of it. */
  change(): (ClusterEvent & Omit<WakeChange, 'pod'>) | undefined {
    const { draws } = this
    switch (draws.below(7)) {
      case 0: {
        const node = drawNode(draws, `node-${draws.below(8)}`)
        const oldNode = this.nodes.get(node.metadata.name)
        this.nodes.set(node.metadata.name, node)
        this.cache.setNode(node)
        if (oldNode === undefined) return { resource: 'nodes', action: 'add', node }
        return { resource: 'nodes', action: 'update', node, oldNode }
      }
      case 1: {
        const name = `node-${draws.below(8)}`
        const oldNode = draws.below(2) === 0 ? this.nodes.get(name) : undefined
        if (oldNode === undefined) return undefined
        this.nodes.delete(name)
        this.cache.removeNode(name)
        return { resource: 'nodes', action: 'delete', oldNode }
      }
      case 2: {
        const name = draws.oneOf(namespaceNames)
        this.namespaces.set(name, draws.oneOf<Record<string, string>>([{}, { team: 'x' }]))
        this.version++
        return undefined
      }
      default: {
        const placed = draws.oneOf([...this.pods.values()])
        if (placed === undefined) return undefined
        const oldChangedPod = placed.pod
        if (draws.below(2) === 0) {
          this.pods.delete(oldChangedPod.metadata.uid!)
          this.cache.removePod(oldChangedPod)
          return { resource: 'pods', action: 'delete', oldChangedPod }
        }
        // A status, a label or the begin of its deletion.
        const labels = draws.rarely(2, () => ({ labels: drawLabels(draws) }))
        const ending = draws.rarely(4, () => ({ deletionTimestamp: '2026-01-01T00:00:00Z' }))
        const metadata = { ...oldChangedPod.metadata, ...labels, ...ending }
        placed.pod = { ...oldChangedPod, metadata, status: { phase: 'Running' } }
        this.cache.setPod(placed.pod)
        return { resource: 'pods', action: 'update', changedPod: placed.pod, oldChangedPod }
      }
    }
  }
}

/** What the rejections come to is what each of them says. */
function compareSummary({ diagnosis, cluster }: Fitting, where: string): void {
  const { nodes, rejections, summary } = diagnosis
  const others = rejections.filter(({ rejection }) => rejection.forever !== true)
  assert.deepEqual(
    [failureMessage(diagnosis), new Set(summary!.kinds.map(({ plugin }) => plugin)), [...summary!.notForever]],
    [
      failureMessage({ nodes, rejections }),
      new Set(rejections.map(({ plugin }) => plugin)),
      others.map(({ node }) => cluster.positionOf(node)),
    ],
    where,
  )
}

interface Outcome {
  readonly node?: string
  readonly fitting?: number
  readonly whole?: string
  /** By node: plugin, reasons, and whether it is for ever. */
  readonly objections?: Readonly<Record<string, string>>
}

const text = (plugin: string, reasons: readonly string[], forever: boolean | undefined): string =>
  `${plugin}: ${reasons.toSorted().join(', ')}${forever === true ? ' (for ever)' : ''}`

function outcomeByRules(pod: Pod, world: World, random: Random): Outcome {
  if (contradictsItself(pod)) return { whole: 'pod affinity terms conflict' }
  const objections: Record<string, string> = {}
  const fitting: Place[] = []
  for (const place of world.places) {
    if (isLeftOut(pod, place)) {
      objections[place.node.metadata.name] = text(
        'NodeAffinity',
        ["node(s) didn't satisfy plugin(s) [NodeAffinity]"],
        true,
      )
      continue
    }
    const objection = objectionTo(pod, place, world)
    if (objection === undefined) fitting.push(place)
    else objections[place.node.metadata.name] = text(objection.plugin, objection.reasons, objection.forever)
  }
  if (fitting.length === 0) return { objections }
  const scores = scoresOf(pod, fitting, world)
  const best = fitting.filter((_, i) => scores[i] === Math.max(...scores))
  const chosen = best.length === 1 ? best[0]! : best[randomInteger(random, best.length)]!
  return { node: chosen.node.metadata.name, fitting: fitting.length }
}

function told({ whole, rejections }: Diagnosis): Outcome {
  if (whole !== undefined) return { whole: whole.rejection.reason }
  return {
    objections: Object.fromEntries(
      rejections.map(({ node, plugin, rejection: { reason, furtherReasons = [], forever } }) => [
        node,
        text(plugin, [reason, ...furtherReasons], forever),
      ]),
    ),
  }
}

/** Whether some plugin that turned a pod down says that a change may help it. */
function mayHelp(
  plugins: readonly WeightedPlugin[],
  diagnosis: Diagnosis,
  { resource, action, ...change }: ClusterEvent & WakeChange,
): boolean {
  const rejectedBy = new Set(diagnosis.rejections.map(({ plugin }) => plugin))
  return plugins.some(
    ({ plugin }) =>
      (rejectedBy.has(plugin.name) || diagnosis.nodes === 0) &&
      plugin.wakesOn?.some(
        ({ event, helps }) => event.resource === resource && event.action === action && (helps?.(change) ?? true),
      ) === true,
  )
}

/** Tests one node with some of its pods gone and another there, by what plugins adjust and by the rules. */
function compareAdjusted(history: History, pod: Pod, fitting: Fitting, world: World, where: string): void {
  const { draws } = history
  const at = draws.below(fitting.nodes.length)
  const node = fitting.nodes[at]!
  const removed = world.places[at]!.pods.filter(() => draws.below(2) === 0)
  const added = draws.some(0, 2, () => drawPod(draws, `added-${draws.below(1_000_000)}`))
  const pods = [...world.places[at]!.pods.filter((each) => !removed.includes(each)), ...added]
  const alone = new SchedulerCache()
  alone.setNode(node.node)
  for (const each of pods) alone.assume(each, node.name)
  const view = alone.snapshot().nodes[0]!
  let objection: string | undefined
  for (const { plugin, state } of fitting.hooks) {
    const adjusted = plugin.adjust === undefined ? state : plugin.adjust(state, pod, node, { added, removed })
    const rejection = plugin.filter?.(pod, view, adjusted)
    if (rejection === undefined) continue
    const { reason, furtherReasons = [], forever } = rejection
    objection = text(plugin.name, [reason, ...furtherReasons], forever)
    break
  }
  const place = { ...world.places[at]!, pods }
  const wanted = objectionTo(pod, place, { ...world, places: world.places.with(at, place) })
  // As in Kubernetes, a plugin that had nothing to say of the cluster as it is is not asked about another one.
  if (
    objection === undefined &&
    wanted !== undefined &&
    !fitting.hooks.some((each) => each.plugin.name === wanted.plugin)
  )
    return
  assert.deepEqual(objection, wanted && text(wanted.plugin, wanted.reasons, wanted.forever), `${where}, adjusted`)
}

test('decisions are those of the rules', () => {
  const seen = { placed: 0, nowhere: 0, refused: 0, summed: 0, adjusted: 0, helped: 0, unhelped: 0 }
  for (let cluster = 0; cluster * decisionsOfCluster < decisions; cluster++) {
    const seed = firstSeed + cluster
    const draws = new Draws(seededRandom(seed))
    const history = new History(draws)
    const args = drawArguments(draws)
    const plugins = defaultPlugins({
      siblingsOf: (pod) => {
        const includes = siblings(pod)
        return includes === undefined ? undefined : { key: pod.metadata.labels!['app']!, includes }
      },
      namespaces: {
        get version() {
          return history.version
        },
        names: namespaceNames,
        labelsOf: (name) => history.namespaces.get(name),
      },
      arguments: args,
    })
    const placement = placementBy(plugins)
    const kinds = Array.from({ length: 16 }, (_, i) => drawPod(draws, `kind-${i}`))
    for (let step = 0; step < 24; step++) history.change()
    for (let step = 0; step < decisionsOfCluster; step++) {
      const where = `SEED=${seed}, step ${step}`
      for (let i = draws.below(3); i > 0; i--) history.change()
      const kind = draws.oneOf(kinds)
      const pod = { ...kind, metadata: { ...kind.metadata, name: `p-${step}`, uid: `p-${step}` } }
      const view = history.cache.snapshot()
      const world = history.world(view.nodes, args)
      const fitting = placement.findFitting(pod, view)
      const { positions } = fitting
      const outcome =
        positions.length === 0
          ? told(fitting.diagnosis)
          : { node: placement.choose(pod, fitting, seededRandom(step)).name, fitting: positions.length }
      assert.deepEqual(outcome, outcomeByRules(pod, world, seededRandom(step)), where)
      if (outcome.whole !== undefined) {
        seen.refused++
        continue
      }
      if (fitting.diagnosis.summary !== undefined) {
        compareSummary(fitting, where)
        seen.summed++
      }
      if (view.nodes.length > 0) {
        compareAdjusted(history, pod, fitting, world, where)
        seen.adjusted++
      }
      if ('node' in outcome) {
        seen.placed++
        history.place(pod, outcome.node)
        continue
      }
      seen.nowhere++
      const { diagnosis } = fitting
      const change = history.change()
      // What was on a node that goes is told of pod by pod, when they are deleted.
      if (change === undefined || (change.resource === 'nodes' && change.action === 'delete')) continue
      const fits = 'node' in outcomeByRules(pod, history.world(history.cache.snapshot().nodes, args), seededRandom(1))
      const helps = mayHelp(plugins, diagnosis, { pod, ...change })
      if (fits) seen.helped++
      else if (!helps) seen.unhelped++
      const details = JSON.stringify([change, diagnosis.rejections, pod, process.env['SHOW'] && args])
      assert.ok(helps || !fits, `${where}: a change helped, but nothing said it may: ${details}`)
    }
  }
  // All that can come of it did, often.
  const least = decisions / 100
  for (const [what, count] of Object.entries(seen))
    assert.ok(count >= Math.min(least, 2), `${what}: ${JSON.stringify(seen)}`)
})
