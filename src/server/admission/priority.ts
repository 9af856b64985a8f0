import { pods, type Pod, type PreemptionPolicy } from '#api/core/v1/pod.ts'
import { priorityClasses, type PriorityClass } from '#api/scheduling/v1/priorityClass.ts'
import { systemPriorityClasses } from '#machinery/priorityClasses.ts'
import { forbidden } from '#machinery/status.ts'
import { nameOf, type AdmissionPlugin, type AdmissionRequest, type ClusterView } from './chain.ts'

/** Writes a pod's priority as a number, from its class, and keeps the classes of the system and the one default. */
export const priority: AdmissionPlugin = {
  name: 'Priority',
  admit(request, cluster) {
    const { operation, resource, subresource, object, old } = request
    if (resource.group !== '' || resource.plural !== 'pods' || subresource !== '') return
    if (operation === 'CREATE') return admitPod(request, cluster)
    if (operation !== 'UPDATE') return
    const { spec } = object as Pod
    const before = (old as Pod).spec
    if (spec.priority === undefined && before.priority !== undefined) spec.priority = before.priority
    if (spec.preemptionPolicy === undefined && before.preemptionPolicy !== undefined) {
      spec.preemptionPolicy = before.preemptionPolicy
    }
  },
  validate(request, cluster) {
    const { operation, resource, name, object } = request
    if (resource.group !== priorityClasses.group || resource.plural !== priorityClasses.plural) return
    if (operation === 'DELETE') {
      if (!Object.hasOwn(systemPriorityClasses, name)) return
      throw forbidden(priorityClasses, name, 'this is a system priority class and cannot be deleted')
    }
    if ((object as PriorityClass).globalDefault !== true) return
    const known = defaultClass(cluster)?.metadata.name
    if (known === undefined || (operation === 'UPDATE' && known === name)) return
    const why = `PriorityClass ${known} is already marked as default. Only one default can exist`
    throw forbidden(priorityClasses, nameOf(request), why)
  },
}

function admitPod(request: AdmissionRequest, cluster: ClusterView): void | Promise<void> {
  const { spec } = request.object as Pod
  const name = spec.priorityClassName ?? ''
  const found = name === '' ? defaultClass(cluster) : cluster.get(priorityClasses, '', name)
  if (name === '' || found !== undefined) return setPriority(request, found)
  // The cache may be a moment behind a class that was just created.
  return cluster.current().then(() => {
    const created = cluster.get(priorityClasses, '', name)
    if (created === undefined) throw forbidden(pods, nameOf(request), `no PriorityClass with name ${name} was found`)
    setPriority(request, created)
  })
}

/** The class of pods that name none; when requests that raced each other made several, the least of them. */
function defaultClass(cluster: ClusterView): PriorityClass | undefined {
  let least: PriorityClass | undefined
  for (const each of cluster.list(priorityClasses, '')) {
    if (each.globalDefault === true && (least === undefined || each.value < least.value)) least = each
  }
  return least
}

function setPriority(request: AdmissionRequest, priorityClass: PriorityClass | undefined): void {
  const { spec } = request.object as Pod
  const value = priorityClass?.value ?? 0
  const policy: PreemptionPolicy | undefined =
    priorityClass === undefined ? 'PreemptLowerPriority' : priorityClass.preemptionPolicy
  if (priorityClass !== undefined) spec.priorityClassName = priorityClass.metadata.name
  if (spec.priority !== undefined && spec.priority !== value) {
    throw forbidden(
      pods,
      nameOf(request),
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    )
  }
  spec.priority = value
  if (policy === undefined) return
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
    throw forbidden(
      pods,
      nameOf(request),
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    )
  }
  spec.preemptionPolicy = policy
}
