import type { ServiceAccountTokenProjection } from '#api/core/v1/projectedVolume.ts'
import { checkedPath, type VolumeFile } from '../plan/planVolumes.ts'
import { configMapFiles, downwardFiles, secretFiles } from './fileSources.ts'
import { keepInMemory, mountFiles } from './fileVolumes.ts'
import { commonUser, type VolumeContext, type VolumeType } from './volumeType.ts'

/** Several sources in one folder, among them tokens that the node renews before they end. */
export const projected: VolumeType = {
  name: 'projected',
  matches: (volume) => volume.projected !== undefined,
  async mount(volume, context, signal) {
    const { sources = [], defaultMode: mode = 0o644 } = volume.projected!
    const files = new Map<string, VolumeFile>()
    let refreshAt: number | undefined
    let user: number | undefined
    const add = (more: ReadonlyMap<string, VolumeFile>): void => {
      for (const [path, file] of more) files.set(path, file)
    }
    for (const source of sources) {
      if (source.configMap !== undefined)
        add(configMapFiles(source.configMap.name ?? '', source.configMap, mode, context))
      if (source.secret !== undefined) add(secretFiles(source.secret.name ?? '', source.secret, mode, context))
      if (source.downwardAPI !== undefined) add(downwardFiles(source.downwardAPI.items, mode, context))
      if (source.clusterTrustBundle !== undefined || source.podCertificate !== undefined) {
        throw new Error(
          `cannot mount volume "${volume.name}": cluster trust bundles and pod certificates are not enabled on this node`,
        )
      }
      if (source.serviceAccountToken !== undefined) {
        user = commonUser(context.pod)
        const token = await tokenFile(source.serviceAccountToken, mode, user, context, signal)
        files.set(checkedPath(source.serviceAccountToken.path), token.file)
        refreshAt = Math.min(refreshAt ?? Infinity, token.refreshAt)
      }
    }
    await keepInMemory(context)
    const mounted = await mountFiles(files, context, user)
    return { ...mounted, ...(refreshAt === undefined ? {} : { refreshAt }) }
  },
  async unmount({ folder, host }) {
    await host.mounts.unmount(folder)
  },
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
