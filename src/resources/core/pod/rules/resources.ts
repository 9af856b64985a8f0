import { ownValue } from '#lib/collections/ownValue.ts'
import type { ResourceRequirements } from '#api/core/v1/container.ts'
import type { PodSpec } from '#api/core/v1/pod.ts'
import { podTotal } from '#machinery/podTotals.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkClaimReferences } from './claims.ts'
import {
  checkAmount,
  checkContainerResourceName,
  checkMeasuredName,
  checkPages,
  isHugePages,
  mayBeOvercommitted,
} from '#resources/resourceNames.ts'

/** The rules of what a container asks for and may use. */
export function checkResources(
  resources: ResourceRequirements | undefined,
  report: Report,
  checkName: (name: string, report: Report) => void = checkContainerResourceName,
): void {
  const { limits = {}, requests = {} } = resources ?? {}
  for (const [name, amount] of Object.entries(limits)) {
    const place = report.at('limits').key(name)
    checkName(name, place)
    checkAmount(name, amount, place)
    if (isHugePages(name)) checkPages(name, amount, place)
  }
  for (const [name, amount] of Object.entries(requests)) {
    const place = report.at('requests').key(name)
    checkName(name, place)
    checkAmount(name, amount, place)
    const limit = ownValue(limits, name)
    if (limit === undefined) {
      if (!mayBeOvercommitted(name)) {
        report.at('limits').required('Limit must be set for non overcommitable resources')
      }
    } else if (!mayBeOvercommitted(name) && compareQuantities(amount, limit) !== 0) {
      report.at('requests').invalid(amount, `must be equal to ${name} limit of ${limit}`)
    } else if (compareQuantities(amount, limit) > 0) {
      report.at('requests').invalid(amount, `must be less than or equal to ${name} limit of ${limit}`)
    }
    if (isHugePages(name)) checkPages(name, amount, place)
  }
  const hugePages = [...Object.keys(limits), ...Object.keys(requests)].some(isHugePages)
  const others = ['cpu', 'memory'].some((name) => Object.hasOwn(limits, name) || Object.hasOwn(requests, name))
  if (hugePages && !others) report.forbidden('HugePages require cpu or memory')
}

/** The rules of what a pod asks for as a whole (KEP-2837): enough for all its containers. */
export function checkPodResources(spec: PodSpec, report: Report): void {
  const { resources } = spec
  if (resources === undefined) return
  const place = report.at('resources')
  if (spec.os?.name === 'windows') return place.forbidden('may not be set for a windows pod')
  if (resources.claims !== undefined) {
    place.at('claims').forbidden('claims may not be set for Resources at pod-level')
    checkClaimReferences(resources.claims, new Set(spec.resourceClaims?.map(({ name }) => name)), place.at('claims'))
  }
  checkResources(resources, place, checkPodResourceName)
  checkEnough(spec, place)
}

/** What a pod can ask for as a whole. */
function checkPodResourceName(name: string, report: Report): void {
  if (!checkMeasuredName(name, report) || name === 'cpu' || name === 'memory' || isHugePages(name)) return
  report.notSupported(name, ['cpu', 'hugepages-', 'memory'])
}

/** The pod as a whole has at least what its containers have together, and no container may use more than it. */
function checkEnough(spec: PodSpec, report: Report): void {
  const { requests = {}, limits = {} } = spec.resources ?? {}
  const containers = { ...spec, resources: {} }
  const mustHold = (part: 'requests' | 'limits', name: string, amount: string, own: string): void => {
    if (compareQuantities(amount, own) <= 0) return
    const problem = `must be greater than or equal to aggregate container ${part} of ${amount}`
    report.at(part).key(name).invalid(own, problem)
  }
  for (const [name, amount] of Object.entries(podTotal(containers, 'requests'))) {
    const own = ownValue(requests, name)
    if (own !== undefined) mustHold('requests', name, amount, own)
  }
  for (const [name, amount] of Object.entries(podTotal(containers, 'limits'))) {
    const own = ownValue(limits, name)
    if (own !== undefined && name.startsWith('hugepages-')) mustHold('limits', name, amount, own)
  }
  for (const [index, container] of spec.containers.entries()) {
    for (const [name, amount] of Object.entries(container.resources?.limits ?? {})) {
      const own = ownValue(limits, name)
      if (own === undefined || compareQuantities(amount, own) <= 0) continue
      const place = report.at('containers', index).key(name).at('limits')
      place.invalid(amount, `must be less than or equal to pod limits of ${own}`)
    }
  }
}
