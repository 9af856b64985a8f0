import { pods, type Pod } from '#api/core/v1/pod.ts'
import { forbidden } from '#machinery/status.ts'
import type { AdmissionPlugin } from './chain.ts'
import { nameOf } from './namespaceLifecycle.ts'

/** The classes that every cluster has. */
const systemClasses: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
}

/** Writes a pod's priority as a number, from its class. */
export const priority: AdmissionPlugin = {
  name: 'Priority',
  admit(request) {
    const { operation, resource, subresource, object, old } = request
    if (resource.group !== '' || resource.plural !== 'pods' || subresource !== '') return
    const { spec } = object as Pod
    if (operation === 'UPDATE') {
      const before = (old as Pod).spec
      if (spec.priority === undefined && before.priority !== undefined) spec.priority = before.priority
      if (spec.preemptionPolicy === undefined && before.preemptionPolicy !== undefined) {
        spec.preemptionPolicy = before.preemptionPolicy
      }
      return
    }
    const name = spec.priorityClassName ?? ''
    const value = name === '' ? 0 : systemClasses[name]
    if (value === undefined) {
      throw forbidden(pods, nameOf(request), `no PriorityClass with name ${name} was found`)
    }
    if (spec.priority !== undefined && spec.priority !== value) {
      throw forbidden(
        pods,
        nameOf(request),
        `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
      )
    }
    spec.priority = value
    const policy = 'PreemptLowerPriority'
    if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
      throw forbidden(
        pods,
        nameOf(request),
        `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
      )
    }
    spec.preemptionPolicy = policy
  },
}
