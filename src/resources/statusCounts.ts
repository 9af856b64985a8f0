import type { Report } from '#machinery/validate/report.ts'
import { checkAtLeast } from './rules.ts'

/** The rules of how many pods a workload says that it has: none less than none, and no more of a kind than of all. */
export function checkReplicaCounts(
  status: object,
  counts: readonly string[],
  kinds: readonly string[],
  report: Report,
): void {
  const amounts = status as Readonly<Record<string, number | undefined>>
  for (const count of counts) checkAtLeast(report.at(count), 0, amounts[count])
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0 } = amounts
  for (const kind of kinds) {
    const amount = amounts[kind] ?? 0
    if (amount > replicas) report.at(kind).invalid(amount, 'cannot be greater than status.replicas')
  }
  if (availableReplicas > readyReplicas) {
    report.at('availableReplicas').invalid(availableReplicas, 'cannot be greater than readyReplicas')
  }
}

const counts = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
  'terminatingReplicas',
]
const kindsOfPods = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas']

/** The rules of the status of replica sets, and of replication controllers, which are alike. */
export function checkReplicaSetStatus(
  { status = {} }: { readonly status?: object },
  _old: object,
  report: Report,
): void {
  checkReplicaCounts(status, counts, kindsOfPods, report.at('status'))
}
