/**
 * How many packets policies have dropped, from counters that the kernel keeps for each number of verdicts. Numbers come and go with
 * policies, and with a number goes its counter: what was counted is added up here each time that the tables are read anyway. What a
 * number counted between the last reading and its end is not known.
 */
import type { Counter, MetricRegistry } from '#lib/metrics.ts'

export interface DropCounts {
  /** Takes what a table says now, by the numbers that count; `deniersOf` names the policies of a number. */
  note(table: string, counts: ReadonlyMap<string, number>, deniersOf: (number: number) => readonly string[]): void
}

/**
 * Counts into a metric with the policies that have dropped something. A packet counts for the policy whose rule denied it, or for
 * each that isolates the pod where none of them has a rule that allows it. Policies that deny some ports to the same peers, and
 * others other ports, count for each other: the kernel counts a pair of a pod and a kind of peer, not its ports.
 */
export function dropCounts(registry: MetricRegistry): DropCounts {
  const metric: Counter = registry.counter({
    name: 'k8ts_network_policy_dropped_packets_total',
    help: 'Packets of this node that were dropped, by the policies that did not allow or that denied them',
    labels: ['kind', 'namespace', 'name'],
  })
  /** By table: what each number had counted when it was last read. */
  const seen = new Map<string, ReadonlyMap<string, number>>()
  return {
    note(table, counts, deniersOf) {
      const before = seen.get(table)
      seen.set(table, counts)
      for (const [number, packets] of counts) {
        const known = before?.get(number) ?? 0
        // A table that was replaced begins at nothing again.
        const more = packets < known ? packets : packets - known
        if (more === 0) continue
        for (const policy of deniersOf(Number(number))) metric.with(...labelsOf(policy)).inc(more)
      }
    },
  }
}

/** `NetworkPolicy shop/closed` is of a namespace, `AdminNetworkPolicy closed` of none. */
function labelsOf(policy: string): [kind: string, namespace: string, name: string] {
  const [kind = '', place = ''] = policy.split(' ')
  const slash = place.indexOf('/')
  return slash < 0 ? [kind, '', place] : [kind, place.slice(0, slash), place.slice(slash + 1)]
}
