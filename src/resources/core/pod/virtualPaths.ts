import type { VolumeProjection } from '#api/core/v1/projectedVolume.ts'
import type { Volume } from '#api/core/v1/volume.ts'

/** Warnings of files that hide each other in one volume: the same path twice, or one within another. */
export function virtualPathWarnings({ name, configMap, secret, downwardAPI, projected }: Volume): readonly string[] {
  const volume = `volume ${JSON.stringify(name)}`
  if (configMap?.items !== undefined) {
    return overlaps(pathsOf(configMap.items), `${volume} (ConfigMap ${JSON.stringify(configMap.name ?? '')})`)
  }
  if (secret?.items !== undefined) {
    return overlaps(pathsOf(secret.items), `${volume} (Secret ${JSON.stringify(secret.secretName ?? '')})`)
  }
  if (downwardAPI?.items !== undefined) return overlaps(pathsOf(downwardAPI.items), `${volume} (DownwardAPI)`)
  return projected === undefined ? none : projectedOverlaps(projected.sources ?? [], volume)
}

const none: readonly string[] = []

const pathsOf = (items: readonly { readonly path: string }[]): string[] => items.map(({ path }) => path)

function projectedOverlaps(sources: readonly VolumeProjection[], volume: string): readonly string[] {
  const warnings: string[] = []
  const before = new Set<string>()
  for (const source of sources) {
    if (Object.values(source).every((part) => part === undefined)) {
      warnings.push(`${volume} (Projected) has no sources provided`)
      continue
    }
    const [what, paths] = filesOf(source)
    if (paths.length === 0) continue
    const about = `${volume} (Projected ${what})`
    warnings.push(...overlaps(paths, about))
    const own = new Set(paths)
    warnings.push(...overlaps([...own, ...before].toSorted(), about))
    for (const path of own) before.add(path)
  }
  return warnings
}

function filesOf(source: VolumeProjection): readonly [what: string, paths: string[]] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle } = source
  const named = (kind: string, name = ''): string => `${kind} ${JSON.stringify(name)}`
  if (configMap?.items !== undefined) return [named('ConfigMap', configMap.name), pathsOf(configMap.items)]
  if (secret?.items !== undefined) return [named('Secret', secret.name), pathsOf(secret.items)]
  if (downwardAPI?.items !== undefined) return ['DownwardAPI', pathsOf(downwardAPI.items)]
  if (serviceAccountToken !== undefined) return ['ServiceAccountToken', [serviceAccountToken.path]]
  if (clusterTrustBundle === undefined) return ['', []]
  const { name, signerName, path } = clusterTrustBundle
  return [named('ClusterTrustBundle', name ?? signerName), [path]]
}

function overlaps(paths: readonly string[], about: string): readonly string[] {
  if (paths.length < 2) return none
  const warnings: string[] = []
  const seen = new Set<string>()
  for (const written of paths) {
    const path = written.replace(/\/+$/, '')
    const other = path === '' ? undefined : firstOverlap(seen, path)
    if (other !== undefined) {
      warnings.push(`${about}: overlapping paths: ${JSON.stringify(path)} with ${JSON.stringify(other)}`)
    }
    seen.add(path)
  }
  return warnings
}

function firstOverlap(seen: ReadonlySet<string>, path: string): string | undefined {
  for (const other of seen) {
    if (other === '') return undefined
    if (`${other}/`.startsWith(path) || `${path}/`.startsWith(other)) return other
  }
  return undefined
}
