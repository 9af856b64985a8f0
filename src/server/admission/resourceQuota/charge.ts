// What one write costs the quotas of its namespace. Pure: the ledger keeps the accounts.
import type { ResourceList } from '#api/core/v1/container.ts'
import type { ResourceQuota } from '#api/core/v1/resourceQuota.ts'
import { ownValue } from '#lib/collections/ownValue.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { takesIn, type QuotaEvaluator } from '#machinery/quota/evaluator.ts'
import { addResourceLists, increaseOf, pickResources } from '#machinery/resourceLists.ts'
import type { AdmissionRequest } from '../chain.ts'
import { limitedUse, uncovered, type LimitedResource } from './limits.ts'

/** A write is refused, fails, or makes these amounts used, by the name of the quota. */
export type Charge =
  | { readonly refused: string }
  /** Upstream answers 500 to this one. */
  | { readonly failed: string }
  | { readonly used: ReadonlyMap<string, ResourceList> }

/** What of which quotas would be used after a write, given what is used before. `now` in milliseconds. */
export function computeCharge(
  request: AdmissionRequest,
  evaluator: QuotaEvaluator,
  quotas: readonly ResourceQuota[],
  now: number,
  limits: readonly LimitedResource[] = [],
): Charge {
  const object = request.object!
  let known: ResourceList | undefined
  const usageNow = (): ResourceList => (known ??= evaluator.usage(object, now))
  const concerned: { readonly quota: ResourceQuota; readonly names: readonly string[] }[] = []
  for (const quota of quotas) {
    const names = Object.keys(quota.status?.hard ?? {}).filter((name) => evaluator.measures(name))
    if (names.length === 0 || !takesIn(quota, evaluator, object)) continue
    const { name } = quota.metadata
    const complaint = evaluator.complaint?.(names, object)
    if (complaint !== undefined) return { refused: `failed quota: ${name}: ${complaint}` }
    if (names.some((each) => ownValue(quota.status?.used, each) === undefined)) {
      return { refused: `status unknown for quota: ${name}, resources: ${names.toSorted().join(',')}` }
    }
    concerned.push({ quota, names })
  }
  const used = new Map<string, ResourceList>()
  if (concerned.length === 0 && limits.length === 0) return { used }
  const usage = usageNow()
  const negative = Object.keys(usage).filter((name) => compareQuantities(usage[name]!, '0') < 0)
  if (negative.length > 0) {
    return { refused: `quota usage is negative for resource(s): ${negative.sort().join(',')}` }
  }
  const { old } = request
  if (
    limits.length > 0 &&
    Object.keys(increaseOf(usage, old === undefined ? {} : evaluator.usage(old, now))).length > 0
  ) {
    const use = limitedUse(limits, request.resource, evaluator, object, usageNow)
    const covered = new Set(concerned.flatMap(({ names }) => names))
    const problem = uncovered(use, covered, quotas, evaluator, object)
    if (problem !== undefined) return problem
  }
  for (const { quota, names } of concerned) {
    const before = old !== undefined && takesIn(quota, evaluator, old) ? evaluator.usage(old, now) : {}
    const requested = pickResources(increaseOf(usage, before), names)
    if (Object.keys(requested).length === 0) continue
    const usedBefore = quota.status?.used ?? {}
    const hard = quota.status?.hard ?? {}
    const after = addResourceLists(usedBefore, requested)
    const exceeded = Object.keys(requested)
      .filter((name) => compareQuantities(after[name]!, hard[name]!) > 0)
      .sort()
    // What already happened is written down even when it is too much.
    if (exceeded.length > 0 && request.subresource !== 'status') {
      const [asked, had, limit] = [requested, usedBefore, hard].map((list) => amounts(list, exceeded))
      return { refused: `exceeded quota: ${quota.metadata.name}, requested: ${asked}, used: ${had}, limited: ${limit}` }
    }
    used.set(quota.metadata.name, after)
  }
  return { used }
}

/** `pods=1,requests.cpu=500m`. */
function amounts(list: ResourceList, names: readonly string[]): string {
  return names
    .filter((name) => Object.hasOwn(list, name))
    .map((name) => `${name}=${list[name]}`)
    .join(',')
}
