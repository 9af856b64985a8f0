import type { MetricRegistry } from '#lib/metrics.ts'
import { storedBytes } from '#storage/sqliteFile.ts'

/** Tells how much room the store in a directory takes. */
export function addStoreMetrics(registry: MetricRegistry, directory: string): void {
  const size = registry
    .gauge({
      name: 'apiserver_storage_size_bytes',
      help: 'Size of the storage database file physically allocated in bytes.',
      labels: ['storage_cluster_id'],
    })
    .with('store')
  registry.onRender(() => size.set(storedBytes(directory)))
}
