import type { Pod } from '#api/core/v1/pod.ts'
import type { Group } from '#client/index.ts'
import { exponentialBuckets, type MetricRegistry } from '#lib/metrics.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { isActive, isReady } from '../podAvailability.ts'

export function replicaMetrics(registry: MetricRegistry) {
  const ages = registry.histogram({
    name: 'replicaset_controller_sorting_deletion_age_ratio',
    help: 'The age of a ready pod that was chosen to go, as a multiple of the age of the youngest ready pod of its set. It should be below 2: pods that are about as old as the youngest go first.',
    stability: 'ALPHA',
    buckets: exponentialBuckets(0.25, 2, 6),
  })
  return {
    /** Pods of a set are about to go. Where all of them go, none was chosen. */
    chosen(owned: readonly Group<Pod>[], going: readonly Pod[], now: number): void {
      const active = owned.filter(([pod]) => isActive(pod))
      if (active.reduce((count, group) => count + group.length, 0) === going.length) return
      // Moments of the API are in the order of their texts.
      let youngest = ''
      for (const group of active)
        if (isReady(group[0]))
          for (const { metadata } of group)
            if ((metadata.creationTimestamp ?? '') > youngest) youngest = metadata.creationTimestamp!
      const ageOf = (created: string | undefined): number => now - (millisecondsOf(created) ?? now)
      const least = ageOf(youngest)
      if (least <= 0) return
      // Whole multiples, as v1.34 has it.
      for (const pod of going) if (isReady(pod)) ages.observe(Math.floor(ageOf(pod.metadata.creationTimestamp) / least))
    },
  }
}
