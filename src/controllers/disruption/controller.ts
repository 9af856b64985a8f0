import { pods, type Pod } from '#api/core/v1/pod.ts'
import { podDisruptionBudgets, type PodDisruptionBudget } from '#api/policy/v1/podDisruptionBudget.ts'
import type { Controller, Outcome } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { writeStatus } from '#client/writeStatus.ts'
import { messageOf } from '#lib/errorText.ts'
import { withCondition } from '#machinery/conditions.ts'
import { isBudgetFor } from '#machinery/disruptionBudget.ts'
import { isReason } from '#machinery/status.ts'
import { timeText } from '#machinery/time.ts'
import type { ControllerContext } from '../context.ts'
import { failedStatus, needsScale, planBudget, selectorText, staleAfter, unmanaged } from './plan.ts'
import { scaleOfOwners } from './scale.ts'

const component = 'controllermanager'
/** Keys of pods, beside those of budgets. */
const podPrefix = 'pod:'

/** Keeps what disruption budgets allow, and takes back what pods say of evictions that did not happen. */
export function disruptionController(context: ControllerContext): Controller {
  const { client, clock, informers } = context
  const budgets = informers.of(podDisruptionBudgets)
  const podCopies = informers.of(pods)
  const events = context.events.recorder(component)

  const keysOfPod = (pod: Pod): readonly string[] => {
    const { namespace = '', name, labels } = pod.metadata
    const concerned = budgets.byIndex('namespace', namespace).filter((budget) => isBudgetFor(budget, labels))
    const [first, ...others] = concerned
    // Old states are asked about too: only what the pod is now is told of.
    if (first !== undefined && others.length > 0 && podCopies.get(`${namespace}/${name}`) === pod) {
      const message = `Pod ${JSON.stringify(namespace)}/${JSON.stringify(name)} matches multiple PodDisruptionBudgets.  Chose ${JSON.stringify(first.metadata.name)} arbitrarily.`
      events.record(referenceTo(pods, pod), { type: 'Warning', reason: 'MultiplePodDisruptionBudgets', message })
    }
    const keys = concerned.map(({ metadata }) => `${namespace}/${metadata.name}`)
    return staleAfter(pod, clock.now()) === undefined ? keys : [...keys, `${podPrefix}${namespace}/${name}`]
  }

  const countBudget = async (budget: PodDisruptionBudget, signal: AbortSignal): Promise<Outcome> => {
    const about = referenceTo(podDisruptionBudgets, budget)
    const matching = podCopies
      .byIndex('namespace', budget.metadata.namespace ?? '')
      .filter(({ metadata }) => isBudgetFor(budget, metadata.labels))
    if (matching.length === 0) {
      events.record(about, { type: 'Normal', reason: 'NoPods', message: 'No matching pods found' })
    }
    let scale = 0
    if (needsScale(budget)) {
      try {
        scale = await scaleOfOwners(client, matching, signal)
      } catch (error) {
        signal.throwIfAborted()
        const message = `Failed to calculate the number of expected pods: ${messageOf(error)}`
        events.record(about, { type: 'Warning', reason: 'CalculateExpectedPodCountFailed', message })
        throw error
      }
      if (unmanaged(matching).length > 0) {
        events.record(about, { type: 'Warning', reason: 'UnmanagedPods', message: unmanagedText(budget) })
      }
    }
    const plan = planBudget(budget, matching, scale, clock.now())
    for (const pod of plan.overdue) {
      const { namespace } = budget.metadata
      // Kubernetes writes the namespace in the place of the name too, and whoever reads these texts expects them.
      const message = `Pod was expected by PDB ${namespace}/${namespace} to be deleted but it wasn't`
      events.record(referenceTo(pods, pod), { type: 'Warning', reason: 'NotDeleted', message })
    }
    if (plan.status !== undefined) {
      await unlessGone(client.updateStatus(podDisruptionBudgets, { ...budget, status: plan.status }, { signal }))
    }
    return plan.after === undefined ? undefined : { after: plan.after }
  }

  /** What goes wrong while a budget is counted is written into it, with nothing allowed, instead of being tried again. */
  const keepBudget = async (budget: PodDisruptionBudget, signal: AbortSignal): Promise<Outcome> => {
    try {
      return await countBudget(budget, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (isReason(error, 'Conflict')) throw error
      const status = failedStatus(budget, messageOf(error), clock.now())
      await unlessGone(client.updateStatus(podDisruptionBudgets, { ...budget, status }, { signal }))
      return undefined
    }
  }

  const clearStale = async (pod: Pod, signal: AbortSignal): Promise<Outcome> => {
    const left = staleAfter(pod, clock.now())
    if (left === undefined) return undefined
    if (left > 0) return { after: left }
    const { generation } = pod.metadata
    const condition = {
      type: 'DisruptionTarget',
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      status: 'False' as const,
      lastTransitionTime: timeText(clock.now()),
    }
    const conditions = [...withCondition(pod.status?.conditions, condition)]
    await unlessGone(writeStatus(client, pods, pod, { ...pod.status, conditions }, signal))
    return undefined
  }

  return {
    name: 'disruption-controller',
    queue: 'disruption',
    permissions: [
      {
        groups: ['apps', 'extensions'],
        resources: ['deployments', 'replicasets', 'statefulsets'],
        verbs: ['get', 'list', 'watch'],
      },
      { groups: [''], resources: ['replicationcontrollers'], verbs: ['get', 'list', 'watch'] },
      { groups: ['policy'], resources: ['poddisruptionbudgets'], verbs: ['get', 'list', 'watch'] },
      { groups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
      { groups: [''], resources: ['pods/status'], verbs: ['patch', 'update'] },
      { groups: ['policy'], resources: ['poddisruptionbudgets/status'], verbs: ['update'] },
      { groups: ['*'], resources: ['*/scale'], verbs: ['get'] },
    ],
    watch(on) {
      on(budgets, ({ metadata }) => [`${metadata.namespace ?? ''}/${metadata.name}`])
      on(podCopies, keysOfPod)
    },
    async reconcile(key, signal) {
      if (key.startsWith(podPrefix)) {
        const pod = podCopies.get(key.slice(podPrefix.length))
        return pod === undefined ? undefined : clearStale(pod, signal)
      }
      const budget = budgets.get(key)
      if (budget === undefined) return undefined
      return keepBudget(budget, signal)
    },
  }
}

function unmanagedText({ spec }: PodDisruptionBudget): string {
  const selector = selectorText(spec.selector ?? {})
  return `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`
}
