import { validatingAdmissionPolicies } from '#api/admissionregistration/v1/validatingAdmissionPolicy.ts'
import type { Controller } from '#client/controller.ts'
import { isReason } from '#machinery/status.ts'
import type { ControllerContext } from '../context.ts'

/** Says in the status of policies what is odd about the types of their expressions. */
export function validatingPolicyStatusController({ client, informers }: ControllerContext): Controller {
  const policies = informers.of(validatingAdmissionPolicies)
  return {
    name: 'validatingadmissionpolicy-status-controller',
    queue: 'validatingadmissionpolicy-status',
    permissions: [
      {
        groups: ['admissionregistration.k8s.io'],
        resources: ['validatingadmissionpolicies'],
        verbs: ['get', 'list', 'watch'],
      },
      {
        groups: ['admissionregistration.k8s.io'],
        resources: ['validatingadmissionpolicies/status'],
        verbs: ['get', 'patch', 'update'],
      },
    ],
    watch(on) {
      on(policies, ({ metadata }) => [metadata.name])
    },
    async reconcile(name, signal) {
      const policy = policies.get(name)
      if (policy === undefined) return
      // Most clusters have no policy, and none pays for the language before there is one.
      const { planTypeCheck } = await import('./plan.ts')
      const status = planTypeCheck(policy)
      if (status === undefined) return
      try {
        await client.updateStatus(validatingAdmissionPolicies, { ...policy, status }, { signal })
      } catch (error) {
        if (isReason(error, 'NotFound') || isReason(error, 'Conflict')) return
        throw error
      }
    },
  }
}
