import type { ResourceList } from '#api/core/v1/container.ts'
import type { ResourceQuota, ResourceQuotaStatus } from '#api/core/v1/resourceQuota.ts'
import type { KubeObject } from '#api/resource.ts'
import { takesIn, type QuotaEvaluator } from '#machinery/quota/evaluator.ts'
import { maximumResourceList, pickResources, sameAmounts } from '#machinery/resourceLists.ts'
import { QuantitySum } from '#machinery/quantity.ts'

/** Objects of one resource in the quota's namespace, and how they are measured. */
export interface Measured {
  readonly evaluator: QuotaEvaluator
  readonly objects: readonly KubeObject[]
}

/** The names in a quota's limits that one of these measures. */
export function measuredNames({ spec }: ResourceQuota, evaluators: readonly QuotaEvaluator[]): readonly string[] {
  return Object.keys(spec.hard ?? {}).filter((name) => evaluators.some((evaluator) => evaluator.measures(name)))
}

/** What the objects of a namespace use of what a quota limits, zero included. `now` in milliseconds. */
export function computeUsage(quota: ResourceQuota, measured: readonly Measured[], now: number): ResourceList {
  const names = measuredNames(
    quota,
    measured.map(({ evaluator }) => evaluator),
  )
  const sums = new Map(names.map((name) => [name, new QuantitySum()]))
  for (const { evaluator, objects } of measured) {
    const own = names.filter((name) => evaluator.measures(name))
    if (own.length === 0) continue
    for (const object of objects) {
      if (!takesIn(quota, evaluator, object)) continue
      const usage = evaluator.usage(object, now)
      for (const name of own) if (Object.hasOwn(usage, name)) sums.get(name)!.add(usage[name]!)
    }
  }
  return Object.fromEntries([...sums].map(([name, sum]) => [name, sum.text]))
}

/** Whether a quota's status says nothing yet of some of its limits: nothing is charged for those. */
export function isNew({ spec, status }: ResourceQuota, names: readonly string[]): boolean {
  return (
    !sameAmounts(spec.hard ?? {}, status?.hard ?? {}) || names.some((name) => !Object.hasOwn(status?.used ?? {}, name))
  )
}

/**
 * Decides what a quota's status becomes; undefined when it is right as it is. While writes are being charged (`settled` is
 * false) an object may be paid for and not yet be seen: then used amounts only rise.
 */
export function planStatus(
  quota: ResourceQuota,
  usage: ResourceList,
  settled: boolean,
): ResourceQuotaStatus | undefined {
  const { hard = {} } = quota.spec
  const before = quota.status ?? {}
  const charged = pickResources(before.used ?? {}, Object.keys(usage))
  const used = settled ? usage : maximumResourceList(usage, charged)
  if (sameAmounts(before.hard ?? {}, hard) && sameAmounts(before.used ?? {}, used)) return undefined
  return { hard: { ...hard }, used }
}
