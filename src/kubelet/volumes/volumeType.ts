/** What a pod's volumes need of the node; one file for each type beside this one, and `index.ts` has them all. */
import type { Pod } from '#api/core/v1/pod.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import type { Host } from '#lib/host/host.ts'
import type { OwnFacts } from '../plan/fieldRefs.ts'
import type { ReferencedObjects } from '../runtime/environment.ts'

/** A token for a service account, and until when it is good. */
export interface IssuedToken {
  readonly token: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

export interface VolumeContext {
  readonly pod: Pod
  /** The volume's own folder on the node. */
  readonly folder: string
  readonly host: Pick<Host, 'files' | 'mounts' | 'clock'>
  readonly objects: ReferencedObjects
  readonly facts: OwnFacts
  /** Asks the API server for a token of the pod's service account, bound to the pod. */
  issueToken(audience: string | undefined, seconds: number, signal: AbortSignal): Promise<IssuedToken>
}

export interface VolumeType {
  /** The part of the folder's name that tells the type, such as `configmap`. */
  readonly name: string
  matches(volume: Volume): boolean
  /** Its files must never reach a disk: its folder is in memory. */
  readonly isInMemory?: boolean
  /** Throws at once when `mount` is bound to fail; a type without it mounts so quickly that nobody need ask before. */
  check?(volume: Volume, context: VolumeContext): void
  /** Makes the volume ready and returns the path that containers mount. Rejects with the words of a FailedMount event. */
  mount(volume: Volume, context: VolumeContext, signal: AbortSignal): Promise<MountedVolume>
  /** Takes away what `mount` attached; the folder itself is removed by the caller. */
  unmount?(context: Pick<VolumeContext, 'folder' | 'host'>): Promise<void>
}

export interface MountedVolume {
  readonly path: string
  readonly readOnly: boolean
  /** The content follows its sources: mount again when they change. */
  readonly isLive: boolean
  /** Mount again then at the latest, because something in it ends. */
  readonly refreshAt?: number
}

/** The user that all containers of a pod run as, if it is one. */
export function commonUser(pod: Pod): number | undefined {
  const users = new Set(
    [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(
      (container) => container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser,
    ),
  )
  return users.size === 1 ? [...users][0] : undefined
}
