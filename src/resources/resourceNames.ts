import { canonicalQuantity, mustParseQuantity } from '#machinery/quantity.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkNotNegative, isWhole } from './quantities.ts'

// Names of resources, and which amounts of them are right (upstream: pkg/apis/core/helper).

const compute: readonly string[] = ['cpu', 'memory', 'ephemeral-storage']

/** Objects that quotas count by names of their own. */
const counts: ReadonlySet<string> = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
])

const standard: ReadonlySet<string> = new Set([
  ...compute.flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
  'storage',
  'requests.storage',
  ...counts,
])

export function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-')
}

/** A name without a domain that is known to mean something. */
export function isStandardResource(name: string): boolean {
  return standard.has(name) || isHugePages(name) || name.startsWith('requests.hugepages-')
}

/** Of Kubernetes itself, as names without a domain are. */
export function isNativeResource(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/')
}

/** A resource of somebody else, which nodes offer in whole units. */
function isExtended(name: string): boolean {
  if (isNativeResource(name) || name.startsWith('requests.')) return false
  return qualifiedNameProblems(`requests.${name}`).length === 0
}

/** Whether a node may promise more than it has; of the others limit and request must agree. */
export function mayBeOvercommitted(name: string): boolean {
  return isNativeResource(name) && !isHugePages(name)
}

/** The name of anything that is measured: a standard one, or one with a domain. Returns whether it is one. */
export function checkMeasuredName(name: string, report: Report): boolean {
  const problems = qualifiedNameProblems(name)
  report.invalidBecause(name, problems)
  if (problems.length > 0) return false
  if (name.includes('/') || isStandardResource(name)) return true
  report.invalid(name, 'must be a standard resource type or fully qualified')
  return false
}

/** The name of a resource that containers may ask for. */
export function checkContainerResourceName(name: string, report: Report): void {
  checkMeasuredName(name, report)
  if (!name.includes('/')) {
    if (!compute.includes(name) && !isHugePages(name))
      report.invalid(name, 'must be a standard resource for containers')
  } else if (!isNativeResource(name) && !isExtended(name)) {
    report.invalid(name, "doesn't follow extended resource name standard")
  }
}

/** An amount of a resource: none is negative, and some are counted. */
export function checkAmount(name: string, amount: string, report: Report): void {
  checkNotNegative(amount, report)
  if ((counts.has(name) || isExtended(name)) && !isWhole(amount)) report.invalid(amount, 'must be an integer')
}

/** Huge pages come in whole ones. */
export function checkPages(name: string, amount: string, report: Report): void {
  const written = name.slice('hugepages-'.length)
  const size = typeof canonicalQuantity(written) === 'string' ? mustParseQuantity(written).nanos : 0n
  const isDivisible = size > 0n && size % 1_000_000_000n === 0n && mustParseQuantity(amount).nanos % size === 0n
  if (!isDivisible) report.invalid(amount, `${amount} is not positive integer multiple of ${name}`)
}
