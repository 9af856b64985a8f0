import type { VolumeProjection } from '#api/core/v1/projectedVolume.ts'
import type { Volume } from '#api/core/v1/volume.ts'

/** Warnings of files that hide each other in one volume: the same path twice, or one within another. */
export function virtualPathWarnings({ name, configMap, secret, downwardAPI, projected }: Volume): readonly string[] {
  const about = (what: string) => (): string => `volume ${JSON.stringify(name)} (${what})`
  if (configMap?.items !== undefined)
    return overlaps(pathsOf(configMap.items), about(named('ConfigMap', configMap.name)))
  if (secret?.items !== undefined) return overlaps(pathsOf(secret.items), about(named('Secret', secret.secretName)))
  if (downwardAPI?.items !== undefined) return overlaps(pathsOf(downwardAPI.items), about('DownwardAPI'))
  return projected === undefined ? none : projectedOverlaps(projected.sources ?? [], about)
}

const none: readonly string[] = []

const named = (kind: string, name = ''): string => `${kind} ${JSON.stringify(name)}`
const pathsOf = (items: readonly { readonly path: string }[]): string[] => items.map(({ path }) => path)

/** Each path is compared with all before it, so only the first of them are. */
const mostCompared = 200

/** Names the volume, and what of it; asked only when there is something to say. */
type About = () => string

function projectedOverlaps(sources: readonly VolumeProjection[], about: (what: string) => About): readonly string[] {
  const warnings: string[] = []
  const before = new Set<string>()
  for (const source of sources) {
    const [what, paths] = filesOf(source)
    if (paths.length === 0) {
      if (Object.values(source).every((part) => part === undefined)) {
        warnings.push(`${about('Projected')()} has no sources provided`)
      }
      continue
    }
    const at = about(`Projected ${what}`)
    warnings.push(...overlaps(paths, at))
    const own = new Set(paths)
    if (before.size > 0) warnings.push(...overlaps([...own, ...before].toSorted(), at))
    for (const path of own) before.add(path)
  }
  return warnings
}

function filesOf(source: VolumeProjection): readonly [what: string, paths: string[]] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle } = source
  if (configMap?.items !== undefined) return [named('ConfigMap', configMap.name), pathsOf(configMap.items)]
  if (secret?.items !== undefined) return [named('Secret', secret.name), pathsOf(secret.items)]
  if (downwardAPI?.items !== undefined) return ['DownwardAPI', pathsOf(downwardAPI.items)]
  if (serviceAccountToken !== undefined) return ['ServiceAccountToken', [serviceAccountToken.path]]
  if (clusterTrustBundle === undefined) return ['', []]
  const { name, signerName, path } = clusterTrustBundle
  return [named('ClusterTrustBundle', name ?? signerName), [path]]
}

function overlaps(paths: readonly string[], about: About): readonly string[] {
  if (paths.length < 2) return none
  const warnings: string[] = []
  const seen = new Set<string>()
  for (const written of paths.slice(0, mostCompared)) {
    const path = withoutLastSlashes(written)
    const other = path === '' ? undefined : firstOverlap(seen, path)
    if (other !== undefined) {
      warnings.push(`${about()}: overlapping paths: ${JSON.stringify(path)} with ${JSON.stringify(other)}`)
    }
    seen.add(path)
  }
  return warnings
}

function withoutLastSlashes(path: string): string {
  let end = path.length
  while (path[end - 1] === '/') end--
  return path.slice(0, end)
}

function firstOverlap(seen: ReadonlySet<string>, path: string): string | undefined {
  for (const other of seen) {
    if (other === '') return undefined
    if (other.startsWith(path) || path.startsWith(other)) return other
  }
  return undefined
}
