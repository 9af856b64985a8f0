import { ownValue } from '#lib/collections/ownValue.ts'
import type { ResourceRequirements } from '#api/core/v1/container.ts'
import type { PodSpec } from '#api/core/v1/pod.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkNotNegative, isWhole } from '#resources/quantities.ts'

const standard = new Set(['cpu', 'memory', 'ephemeral-storage'])

/** Resources that a node may promise more of than it has; of the others limit and request must agree. */
function mayBeOvercommitted(name: string): boolean {
  return standard.has(name)
}

function isStandard(name: string): boolean {
  return standard.has(name) || name.startsWith('hugepages-')
}

/** The rules of what a container asks for and may use. */
export function checkResources(resources: ResourceRequirements | undefined, report: Report): void {
  const { limits = {}, requests = {} } = resources ?? {}
  for (const [name, amount] of Object.entries(limits)) {
    const place = report.at('limits').key(name)
    checkResourceName(name, place)
    checkAmount(name, amount, place)
  }
  for (const [name, amount] of Object.entries(requests)) {
    const place = report.at('requests').key(name)
    checkResourceName(name, place)
    checkAmount(name, amount, place)
    const limit = ownValue(limits, name)
    if (limit === undefined) {
      if (!mayBeOvercommitted(name) && isKnown(name)) {
        report.at('limits').required('Limit must be set for non overcommitable resources')
      }
    } else if (!mayBeOvercommitted(name) && compareQuantities(amount, limit) !== 0) {
      report.at('requests').invalid(amount, `must be equal to ${name} limit of ${limit}`)
    } else if (compareQuantities(amount, limit) > 0) {
      report.at('requests').invalid(amount, `must be less than or equal to ${name} limit of ${limit}`)
    }
  }
  const hugePages = [...Object.keys(limits), ...Object.keys(requests)].some((name) => name.startsWith('hugepages-'))
  const others = ['cpu', 'memory'].some((name) => Object.hasOwn(limits, name) || Object.hasOwn(requests, name))
  if (hugePages && !others) report.forbidden('HugePages require cpu or memory')
}

/** The rules of what a pod asks for as a whole (KEP-2837): enough for all its containers. */
export function checkPodResources({ resources }: PodSpec, report: Report): void {
  if (resources === undefined) return
  const place = report.at('resources')
  for (const part of ['limits', 'requests'] as const) {
    for (const [name, amount] of Object.entries(resources[part] ?? {})) {
      const at = place.at(part).key(name)
      if (name !== 'cpu' && name !== 'memory' && !name.startsWith('hugepages-')) {
        at.notSupported(name, ['cpu', 'hugepages-', 'memory'])
      }
      checkAmount(name, amount, at)
      const limit = ownValue(resources.limits, name)
      if (part === 'requests' && limit !== undefined && compareQuantities(amount, limit) > 0) {
        place.at('requests').invalid(amount, `must be less than or equal to ${name} limit of ${limit}`)
      }
    }
  }
}

function isKnown(name: string): boolean {
  return isStandard(name) || name.includes('/')
}

/** The name of a resource that containers may ask for. */
export function checkResourceName(name: string, report: Report): void {
  const problems = qualifiedNameProblems(name)
  report.invalidBecause(name, problems)
  if (problems.length > 0 || isKnown(name)) return
  report.invalid(name, 'must be a standard resource type or fully qualified')
  report.invalid(name, 'must be a standard resource for containers')
}

function checkAmount(name: string, amount: string, report: Report): void {
  checkNotNegative(amount, report)
  if (!mayBeOvercommitted(name) && !isWhole(amount)) report.invalid(amount, 'must be an integer')
}
