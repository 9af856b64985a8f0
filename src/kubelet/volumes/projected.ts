import type { ServiceAccountTokenProjection } from '#api/core/v1/projectedVolume.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { checkedPath, type VolumeFile } from '../plan/planVolumes.ts'
import { configMapFiles, downwardFiles, secretFiles } from './fileSources.ts'
import { mountFiles } from './fileVolumes.ts'
import { commonUser, type VolumeContext, type VolumeType } from './volumeType.ts'

const defaultFileMode = 0o644

/** Several sources in one folder, among them tokens that the node renews before they end. */
export const projected: VolumeType = {
  name: 'projected',
  figures: 'folder',
  isInMemory: true,
  matches: (volume) => volume.projected !== undefined,
  check: (volume, context) => void knownFiles(volume, context),
  async mount(volume, context, signal) {
    const { sources, defaultMode: mode = defaultFileMode } = volume.projected!
    const files = new Map(knownFiles(volume, context))
    let refreshAt: number | undefined
    let user: number | undefined
    for (const { serviceAccountToken } of sources ?? []) {
      if (serviceAccountToken === undefined) continue
      user = commonUser(context.pod)
      const token = await tokenFile(serviceAccountToken, mode, user, context, signal)
      files.set(checkedPath(serviceAccountToken.path), token.file)
      refreshAt = Math.min(refreshAt ?? Infinity, token.refreshAt)
    }
    const mounted = await mountFiles(files, context, user)
    return { ...mounted, ...(refreshAt === undefined ? {} : { refreshAt }) }
  },
}

/** The files of all sources but tokens. Throws when one of them is not there and must be. */
function knownFiles(volume: Volume, context: VolumeContext): ReadonlyMap<string, VolumeFile> {
  const { sources, defaultMode: mode = defaultFileMode } = volume.projected!
  const files = new Map<string, VolumeFile>()
  const add = (more: ReadonlyMap<string, VolumeFile>): void => {
    for (const [path, file] of more) files.set(path, file)
  }
  for (const { configMap, secret, downwardAPI, clusterTrustBundle, podCertificate } of sources ?? []) {
    if (configMap !== undefined) add(configMapFiles(configMap.name ?? '', configMap, mode, context))
    if (secret !== undefined) add(secretFiles(secret.name ?? '', secret, mode, context))
    if (downwardAPI !== undefined) add(downwardFiles(downwardAPI.items, mode, context))
    if (clusterTrustBundle !== undefined || podCertificate !== undefined) {
      throw new Error('this node has neither cluster trust bundles nor pod certificates')
    }
  }
  return files
}

const day = 24 * 3600 * 1000

/** A token is renewed after four fifths of its time, and at least once a day. */
async function tokenFile(
  { audience, expirationSeconds = 3600 }: ServiceAccountTokenProjection,
  mode: number,
  user: number | undefined,
  context: VolumeContext,
  signal: AbortSignal,
): Promise<{ readonly file: VolumeFile; readonly refreshAt: number }> {
  const { token, expiresAt } = await context.issueToken(audience, expirationSeconds, signal)
  const now = context.host.clock.now()
  const hasOwner = user !== undefined || context.pod.spec.securityContext?.fsGroup !== undefined
  return {
    file: { data: Buffer.from(token), mode: hasOwner ? 0o600 : mode },
    refreshAt: now + Math.min(day, (expiresAt - now) * 0.8),
  }
}
