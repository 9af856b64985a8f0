// The accounts of quotas. What a write will use is written into the status of the quotas before the object is: two
// servers, or a hundred requests, cannot spend the same allowance twice.
import { resourceQuotas, type ResourceQuota } from '#api/core/v1/resourceQuota.ts'
import type { QuotaEvaluator } from '#machinery/quota/evaluator.ts'
import { sameAmounts } from '#machinery/resourceLists.ts'
import { conflict, modifiedMeanwhile } from '#machinery/status.ts'
import { refusal, type AdmissionRequest, type ClusterView } from '../chain.ts'
import { plainFailure } from '../../errors.ts'
import { computeCharge } from './charge.ts'
import type { LimitedResource } from './limits.ts'

/** A write that waits for its charge. */
interface Waiter {
  readonly request: AdmissionRequest
  readonly evaluator: QuotaEvaluator
  readonly done: PromiseWithResolvers<void>
}

/** Tries of one settlement against others who write the same quotas. */
const attempts = 8

/**
 * Charges writes to quotas, one settlement at a time for each namespace; all that wait meanwhile share the next one and
 * its single write of each quota.
 */
export class QuotaLedger {
  readonly #limits: readonly LimitedResource[]
  readonly #waiting = new Map<string, Waiter[]>()

  constructor(limits: readonly LimitedResource[]) {
    this.#limits = limits
  }

  /** Resolves once the write is paid for; rejects with 403 when a quota forbids it. */
  charge(request: AdmissionRequest, evaluator: QuotaEvaluator, cluster: ClusterView): Promise<void> {
    const waiter: Waiter = { request, evaluator, done: Promise.withResolvers() }
    const waiting = this.#waiting.get(request.namespace)
    if (waiting !== undefined) waiting.push(waiter)
    else {
      this.#waiting.set(request.namespace, [waiter])
      void this.#settleAll(request.namespace, cluster)
    }
    return waiter.done.promise
  }

  async #settleAll(namespace: string, cluster: ClusterView): Promise<void> {
    for (;;) {
      const batch = this.#waiting.get(namespace)!
      if (batch.length === 0) break
      this.#waiting.set(namespace, [])
      try {
        await settle(batch, namespace, cluster, this.#limits)
      } catch (error) {
        for (const { done } of batch) done.reject(error)
      }
    }
    this.#waiting.delete(namespace)
  }
}

async function settle(
  batch: readonly Waiter[],
  namespace: string,
  cluster: ClusterView,
  limits: readonly LimitedResource[],
): Promise<void> {
  let waiters = batch
  /** Quotas that still have to be written; all at first. */
  let open: ReadonlySet<string> | undefined
  for (let attempt = 1; waiters.length > 0; attempt++) {
    await cluster.current()
    const stored = cluster
      .list(resourceQuotas, namespace)
      .filter(({ metadata }) => open === undefined || open.has(metadata.name))
    const running = new Map(stored.map((quota) => [quota.metadata.name, quota]))
    waiters = waiters.filter((waiter) => enter(waiter, running, cluster.now, limits))
    const failed = new Set<string>()
    await Promise.all(
      stored.map(async (quota) => {
        const { name } = quota.metadata
        const changed = running.get(name)!
        if (changed === quota || (await cluster.replace(resourceQuotas, quota, changed))) return
        failed.add(name)
      }),
    )
    if (failed.size === 0) {
      for (const { done } of waiters) done.resolve()
      return
    }
    if (attempt >= attempts) throw conflict(resourceQuotas, [...failed].sort().join(', '), modifiedMeanwhile)
    open = failed
  }
}

/** Enters one write into the running accounts. False when it is settled already: refused, or at no cost. */
function enter(
  { request, evaluator, done }: Waiter,
  running: Map<string, ResourceQuota>,
  now: number,
  limits: readonly LimitedResource[],
): boolean {
  const charge = computeCharge(request, evaluator, [...running.values()], now, limits)
  if ('failed' in charge) {
    done.reject(plainFailure(500, charge.failed))
    return false
  }
  if ('refused' in charge) {
    done.reject(refusal(request, charge.refused))
    return false
  }
  let costs = false
  if (!request.dryRun) {
    for (const [name, used] of charge.used) {
      const quota = running.get(name)!
      if (sameAmounts(quota.status?.used ?? {}, used)) continue
      running.set(name, { ...quota, status: { ...quota.status, used } })
      costs = true
    }
  }
  if (!costs) done.resolve()
  return costs
}
