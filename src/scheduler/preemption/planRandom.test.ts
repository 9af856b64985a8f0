/** What is remembered of victims from one pod to the next is compared with what is found anew, over random bursts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Affinity, PodAffinityTerm } from '#api/core/v1/affinity.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodDisruptionBudget } from '#api/policy/v1/podDisruptionBudget.ts'
import { randomInteger, seededRandom } from '#lib/random.ts'
import { SchedulerCache } from '#scheduler/cache.ts'
import { placementBy, type Fitting } from '#scheduler/cycle.ts'
import { Nominations } from '#scheduler/nominations.ts'
import { defaultPlugins } from '#scheduler/plugins/index.ts'
import type { Siblings } from '#scheduler/plugins/spreadConstraints.ts'
import { promiseTest } from '#scheduler/promiseTest.ts'
import { nodeOf, podOf } from '#scheduler/testObjects.ts'
import { chooseCandidate } from './choose.ts'
import { planPreemption, type PreemptionPlan } from './plan.ts'

const now = Date.UTC(2026, 0, 1)
const bursts = 25
const stepsOfBurst = 60
const mostNodes = 9
const options = { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 3 }

const apps = ['db', 'web']

function budgetFor(app: string, disruptionsAllowed: number): PodDisruptionBudget {
  const counts = { currentHealthy: 9, desiredHealthy: 9, expectedPods: 9 }
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: app, namespace: 'default' },
    spec: { selector: { matchLabels: { app } } },
    status: { disruptionsAllowed, ...counts },
  }
}

/** Pods that are spread loosely: those of the same app. */
function siblingsOf({ metadata }: Pod): Siblings | undefined {
  const app = metadata.labels?.['app']
  return app === undefined ? undefined : { key: app, includes: (other) => other.metadata.labels?.['app'] === app }
}

/** The pods of an app on a node, in the namespaces of a team. */
const termFor = (app: string): PodAffinityTerm => ({
  labelSelector: { matchLabels: { app } },
  namespaceSelector: { matchLabels: { team: 'x' } },
  topologyKey: 'kubernetes.io/hostname',
})
const awayFrom = (app: string): Affinity => ({
  podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [termFor(app)] },
})
const near = (app: string): Affinity => ({
  podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: termFor(app) }] },
})

/** What a plan comes to, with later states of pods told apart. */
function told(plan: PreemptionPlan): unknown {
  if (plan.kind !== 'candidates') return plan
  const best = chooseCandidate(plan.candidates, now)
  return [best?.node, plan.candidates.map(({ node, victims, violations }) => ({ node, victims, violations }))]
}

test('victims that are remembered are those that are found anew', () => {
  const seen = { placed: 0, candidates: 0, violating: 0, hopeless: 0, ineligible: 0, undecidable: 0 }
  for (let seed = 1; seed <= bursts; seed++) {
    const random = seededRandom(seed)
    const below = (bound: number): number => randomInteger(random, bound)
    const cache = new SchedulerCache()
    const nominations = new Nominations()
    let team: Record<string, string> = {}
    let version = 0
    const namespaces = {
      get version() {
        return version
      },
      names: ['default'],
      labelsOf: () => team,
    }
    const placement = placementBy(defaultPlugins({ siblingsOf, namespaces }))
    const placed = new Map<string, Pod>()
    const setNode = (i: number): void =>
      cache.setNode(nodeOf({ name: `node-${i}`, allocatable: { cpu: String(3 + below(2)) } }))
    for (let i = 0; i < mostNodes; i++) setNode(i)
    let made = 0
    const draw = (priority: number, cpu: number): Pod => {
      const name = `pod-${made++}`
      const containers = [{ name: 'c', resources: { requests: { cpu: String(cpu) } } }]
      const app = apps[below(4)]
      if (app === undefined) return podOf({ name, spec: { containers, priority } })
      return podOf({ name, labels: { app }, spec: { containers, priority, affinity: near(app) } })
    }
    const place = (pod: Pod, node: string): void => {
      // What it says of others is left out: their counts are another test's.
      const there = { ...pod, spec: { ...pod.spec, affinity: {}, nodeName: node } }
      placed.set(pod.metadata.uid!, there)
      cache.setPod(there)
    }
    const remove = (pod: Pod): void => {
      placed.delete(pod.metadata.uid!)
      cache.removePod(pod)
    }
    const promised: Pod[] = []
    const promise = (pod: Pod, node: string): void => {
      if (!promised.includes(pod)) promised.push(pod)
      nominations.set(pod, node)
    }
    const nobody = draw(0, 1)
    let budgets: readonly PodDisruptionBudget[] = []
    const changes = [
      (): void => setNode(below(mostNodes)),
      (): void => cache.removeNode(`node-${below(mostNodes)}`),
      (): void => place(draw(below(2), 1), `node-${below(mostNodes)}`),
      (): void => {
        const pod = draw(2 + below(2), 1)
        const affinity = below(4) === 0 ? {} : { affinity: awayFrom(apps[below(apps.length)]!) }
        promise({ ...pod, spec: { ...pod.spec, ...affinity } }, `node-${below(mostNodes)}`)
      },
      (): void => nominations.remove(promised.splice(below(promised.length), 1)[0] ?? nobody),
      (): void => {
        team = below(2) === 0 ? {} : { team: 'x' }
        version++
      },
      (): void => void (budgets = apps.slice(below(3)).map((app) => budgetFor(app, below(3)))),
      // All that was sent away on a node is gone, and whoever waited for it comes.
      (): void => {
        const pod = promised.pop()
        const node = pod && nominations.nodeOf(pod)
        if (pod === undefined || node === undefined) return
        for (const each of placed.values()) if (each.spec.nodeName === node) remove(each)
        nominations.remove(pod)
        place(pod, node)
      },
      ...[1, 2].map(() => (): void => {
        const pod = [...placed.values()][below(placed.size)]
        if (pod === undefined) return
        // It starts, or is gone.
        const started = { ...pod, status: { startTime: new Date(now - below(9) * 3_600_000).toISOString() } }
        if (below(3) > 0) return place(started, pod.spec.nodeName!)
        remove(pod)
      }),
    ]
    for (let i = 0; i < 3 * mostNodes; i++) place(draw(below(2), 1), `node-${i % mostNodes}`)
    for (let step = 0; step < stepsOfBurst; step++) {
      for (let i = below(3); i > 0; i--) changes[below(changes.length)]!()
      // Some are tried again that are promised a node already.
      const pod = promised[below(3 * promised.length)] ?? draw(2, 1 + below(2))
      const attempt = placement.findFitting(pod, cache.snapshot(), promiseTest(pod, nominations))
      if (attempt.isAny) {
        seen.placed++
        place(pod, placement.choose(pod, attempt, random).name)
        nominations.remove(pod)
        if (promised.includes(pod)) promised.splice(promised.indexOf(pod), 1)
        continue
      }
      const { cluster, nodes, hooks, diagnosis } = attempt
      const planOf = (verdicts: Fitting['verdicts']): PreemptionPlan =>
        planPreemption({
          pod,
          attempt: { cluster, nodes, hooks, diagnosis, verdicts },
          nominations,
          budgets,
          options,
          now,
          random: seededRandom(step),
        })
      const plan = planOf(attempt.verdicts)
      assert.deepEqual(told(plan), told(planOf(undefined)), `seed ${seed}, step ${step}`)
      if (plan.kind === 'candidates') promise(pod, chooseCandidate(plan.candidates, now)!.node)
      seen[plan.kind]++
      if (plan.kind === 'candidates' && plan.candidates.some(({ violations }) => violations > 0)) seen.violating++
    }
  }
  for (const count of [seen.placed, seen.candidates, seen.violating, seen.hopeless])
    assert.ok(count > 10, JSON.stringify(seen))
})
