/** What was counted, for the tests of this folder. */
import type { MetricRegistry } from '#lib/metrics.ts'

/** The values of all series whose name begins so, by the rest of the name and the labels; without buckets, and what is 0. */
export function counted(registry: MetricRegistry, prefix: string): Readonly<Record<string, number>> {
  const values: Record<string, number> = {}
  for (const line of registry.render().split('\n')) {
    const at = line.lastIndexOf(' ')
    const value = Number(line.slice(at + 1))
    if (line.startsWith(prefix) && !line.includes('_bucket') && value !== 0)
      values[line.slice(prefix.length, at)] = value
  }
  return values
}
