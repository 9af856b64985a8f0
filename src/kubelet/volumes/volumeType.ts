/** What a pod's volumes need of the node; one file for each type beside this one, and `index.ts` has them all. */
import type { Pod } from '#api/core/v1/pod.ts'
import type { Host } from '#lib/host/host.ts'
import type { OwnFacts } from '../plan/fieldRefs.ts'
import type { ClaimedVolume, VolumeSource } from '../plan/planClaims.ts'
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
  /** The claim that the volume is behind; absent for a volume of the pod itself. */
  readonly claimed?: ClaimedVolume
  /** The claim is used for reading alone. */
  readonly readOnly: boolean
  /** Records an event about the pod. */
  note(type: 'Normal' | 'Warning', reason: string, message: string): void
  /** Tells the node's own log of what went wrong and was passed over. */
  report(problem: string, error?: unknown): void
  /** Asks the API server for a token of the pod's service account, bound to the pod. */
  issueToken(audience: string | undefined, seconds: number, signal: AbortSignal): Promise<IssuedToken>
}

export interface VolumeType {
  /** The part of the folder's name that tells the type, such as `configmap`. */
  readonly name: string
  matches(volume: VolumeSource): boolean
  /** Its files must never reach a disk: its folder is in memory. */
  readonly isInMemory?: boolean
  /** Its folder only shows what is kept elsewhere: never to be emptied, only to be unmounted. */
  readonly isMountPoint?: boolean
  /** Takes the mount options of a PersistentVolume. */
  readonly takesMountOptions?: boolean
  /** How full it is: as its whole file system, or by the files in its folder. Without: nobody knows. */
  readonly figures?: 'fileSystem' | 'folder'
  /** Throws at once when `mount` is bound to fail; a type without it mounts so quickly that nobody need ask before. */
  check?(volume: VolumeSource, context: VolumeContext): void
  /** Makes the volume ready and returns the path that containers mount. Rejects with the words of a FailedMount event. */
  mount(volume: VolumeSource, context: VolumeContext, signal: AbortSignal): Promise<MountedVolume>
}

export interface MountedVolume {
  readonly path: string
  readonly readOnly: boolean
  /** The content follows its sources: mount again when they change. */
  readonly isLive: boolean
  /** Mount again then at the latest, because something in it ends. */
  readonly refreshAt?: number
}

/** A volume failed before it was set up; `step` is what failed, in the words of the event. */
export class VolumeStepError extends Error {
  override name = 'VolumeStepError'
  readonly step: string
  constructor(step: string, message: string) {
    super(message)
    this.step = step
  }
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
