import type {
  PodFailurePolicy,
  PodFailurePolicyAction,
  PodFailurePolicyOnExitCodesRequirement,
} from '#api/batch/v1/jobPolicies.ts'
import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'

/** What the failure of a pod means for its job (KEP-3329). */
export interface FailureMeaning {
  /** It counts against the back-off limits. */
  readonly counts: boolean
  /** The rule's action; absent when no rule fits. */
  readonly action?: PodFailurePolicyAction
  /** Why the job fails with this pod; only of `FailJob`. */
  readonly message?: string
}

/** Asks the rules in order; the first that fits decides. */
export function meaningOf(policy: PodFailurePolicy | undefined, pod: Pod): FailureMeaning {
  for (const [at, { action, onExitCodes, onPodConditions }] of (policy?.rules ?? []).entries()) {
    const { namespace, name } = pod.metadata
    let what: string | undefined
    if (onExitCodes !== undefined) {
      const container = fittingContainer(pod, onExitCodes)
      if (container !== undefined) {
        const code = container.state?.terminated?.exitCode
        what = `Container ${container.name} for pod ${namespace}/${name} failed with exit code ${code}`
      }
    } else {
      const condition = pod.status?.conditions?.find((each) =>
        onPodConditions?.some(({ type, status }) => each.type === type && each.status === status),
      )
      if (condition !== undefined) what = `Pod ${namespace}/${name} has condition ${condition.type}`
    }
    if (what === undefined) continue
    if (action === 'Ignore') return { counts: false, action }
    if (action !== 'FailJob') return { counts: true, action }
    return { counts: true, action, message: `${what} matching ${action} rule at index ${at}` }
  }
  return { counts: true }
}

/** The first container that ended badly with a code that fits, init containers last. */
function fittingContainer(
  { status }: Pod,
  { containerName, operator, values }: PodFailurePolicyOnExitCodesRequirement,
): ContainerStatus | undefined {
  return [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].find(({ name, state }) => {
    const code = state?.terminated?.exitCode
    if (code === undefined || code === 0) return false
    if (containerName !== undefined && containerName !== name) return false
    return values.includes(code) === (operator === 'In')
  })
}
