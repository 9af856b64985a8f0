import type { KubeObject, Resource } from '#api/resource.ts'
import type { ClusterView } from './chain.ts'

/**
 * The class that is marked as the default by one of these annotations. Of several the newest, so that a new default can be
 * named before the old one is taken back; of equally old ones the first by name.
 */
export function defaultClass<T extends KubeObject>(
  cluster: ClusterView,
  resource: Resource<T>,
  annotations: readonly string[],
): T | undefined {
  let newest: T | undefined
  const madeAt = ({ metadata }: T): string => metadata.creationTimestamp ?? ''
  for (const each of cluster.list(resource, '')) {
    if (!annotations.some((key) => each.metadata.annotations?.[key] === 'true')) continue
    // Lists come in the order of names.
    if (newest === undefined || madeAt(each) > madeAt(newest)) newest = each
  }
  return newest
}
