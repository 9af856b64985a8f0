import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { computeReferences, mountedVolumes } from './plan/planVolumes.ts'
import type { OwnFacts } from './plan/fieldRefs.ts'
import { memoryFolder, podFolder, type NodeServices } from './nodeServices.ts'
import { typeOf, volumeTypes } from './volumes/index.ts'
import type { IssuedToken, MountedVolume, VolumeContext, VolumeType } from './volumes/volumeType.ts'

/** A volume could not be mounted; the message is that of the FailedMount event. */
export class MountError extends Error {
  override name = 'MountError'
}

/** The volumes of one pod. */
export class PodVolumes {
  readonly #services: NodeServices
  readonly #uid: string
  readonly #mounted = new Map<string, MountedVolume>()
  #notBefore = 0

  constructor(services: NodeServices, uid: string) {
    this.#services = services
    this.#uid = uid
  }

  /**
   * Begins to mount every volume that containers use. Resolves once it is known that their sources are there, so that
   * a sandbox can be made meanwhile; `finished` tells of the rest. Rejects with the first MountError.
   */
  async begin(pod: Pod, facts: OwnFacts, signal: AbortSignal): Promise<{ readonly finished: Promise<void> }> {
    const { objects } = this.#services
    await objects.acquire(this.#uid, pod.metadata.namespace ?? '', computeReferences(pod), signal)
    const volumes = mountedVolumes(pod).map((volume) => ({ volume, isChecked: this.#check(volume, pod, facts) }))
    const mount = async (volume: Volume): Promise<void> => {
      this.#mounted.set(volume.name, await this.#mountOne(volume, pod, facts, signal))
    }
    const mountAll = (isChecked: boolean): Promise<void> => {
      const chosen = volumes.filter((each) => each.isChecked === isChecked)
      return firstFailure(
        chosen.map(({ volume }) => mount(volume)),
        signal,
      )
    }
    const finished = mountAll(true)
    // Whoever starts a container hears of it.
    finished.catch(() => {})
    await mountAll(false)
    return { finished }
  }

  /** Writes again what follows its sources. Returns when that is needed again at the latest. */
  async refresh(pod: Pod, facts: OwnFacts, signal: AbortSignal): Promise<number | undefined> {
    for (const volume of mountedVolumes(pod)) {
      if (this.#mounted.get(volume.name)?.isLive !== true) continue
      const refreshed = await this.#mountOne(volume, pod, facts, signal)
      this.#mounted.set(volume.name, refreshed)
    }
    return this.refreshAt
  }

  /** A refresh failed: not again before. */
  refreshLater(at: number): void {
    this.#notBefore = at
  }

  /** When a token among them must be renewed. */
  get refreshAt(): number | undefined {
    const times = [...this.#mounted.values()].map((mounted) => mounted.refreshAt).filter((at) => at !== undefined)
    return times.length === 0 ? undefined : Math.max(Math.min(...times), this.#notBefore)
  }

  find(name: string): MountedVolume | undefined {
    return this.#mounted.get(name)
  }

  /** Takes away everything that is mounted and all that was written. */
  async unmount(): Promise<void> {
    const { host, clock } = this.#services
    const volumes = this.#folderOf(false)
    for (const type of await host.files.list(volumes)) {
      const unmount = volumeTypeOfFolder(type)?.unmount
      if (unmount === undefined) continue
      for (const name of await host.files.list(`${volumes}/${type}`)) {
        await unmount({ folder: `${volumes}/${type}/${name}`, host: { ...host, clock } })
      }
    }
    // Whatever a container mounted into its volumes must not be emptied with them.
    await host.mounts.unmountBelow(volumes)
    await host.files.remove(volumes)
    await host.files.remove(this.#folderOf(true))
    this.#mounted.clear()
  }

  /** Whether the type could say beforehand that the volume can be mounted. */
  #check(volume: Volume, pod: Pod, facts: OwnFacts): boolean {
    try {
      const type = typeOf(volume)
      type.check?.(volume, this.#contextOf(volume, type, pod, facts))
      return type.check !== undefined
    } catch (error) {
      throw mountError(volume, error)
    }
  }

  async #mountOne(volume: Volume, pod: Pod, facts: OwnFacts, signal: AbortSignal): Promise<MountedVolume> {
    try {
      const type = typeOf(volume)
      return await type.mount(volume, this.#contextOf(volume, type, pod, facts), signal)
    } catch (error) {
      signal.throwIfAborted()
      throw mountError(volume, error)
    }
  }

  #folderOf(isInMemory: boolean): string {
    return isInMemory
      ? `${memoryFolder(this.#services)}/${this.#uid}`
      : `${podFolder(this.#services, this.#uid)}/volumes`
  }

  #contextOf(volume: Volume, type: VolumeType, pod: Pod, facts: OwnFacts): VolumeContext {
    const { host, clock, objects } = this.#services
    return {
      pod,
      folder: `${this.#folderOf(type.isInMemory === true)}/${prefix}${type.name}/${volume.name}`,
      host: { ...host, clock },
      objects: objects.objectsOf(pod.metadata.namespace ?? ''),
      facts,
      issueToken: (audience, seconds, signal) => this.#issueToken(pod, audience, seconds, signal),
    }
  }

  async #issueToken(
    pod: Pod,
    audience: string | undefined,
    expirationSeconds: number,
    signal: AbortSignal,
  ): Promise<IssuedToken> {
    const { name, namespace = '', uid = '' } = pod.metadata
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: audience === undefined || audience === '' ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    }
    const account = { name: pod.spec.serviceAccountName ?? 'default', namespace }
    const { client } = this.#services
    const answer = await client.createSubresource<object, TokenAnswer>(
      serviceAccounts as never,
      account,
      'token',
      request,
      { signal },
    )
    const { token, expirationTimestamp } = answer.status
    return { token, expiresAt: millisecondsOf(expirationTimestamp) ?? this.#services.clock.now() }
  }
}

function mountError(volume: Volume, error: unknown): MountError {
  return new MountError(`MountVolume.SetUp failed for volume "${volume.name}" : ${(error as Error).message}`)
}

/** Waits for all, so that nothing is being written any more when one has failed. */
async function firstFailure(works: readonly Promise<void>[], signal: AbortSignal): Promise<void> {
  const results = await Promise.allSettled(works)
  signal.throwIfAborted()
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

interface TokenAnswer {
  readonly status: { readonly token: string; readonly expirationTimestamp: string }
}

const prefix = 'kubernetes.io~'

function volumeTypeOfFolder(folder: string): VolumeType | undefined {
  return folder.startsWith(prefix) ? volumeTypes.find((type) => type.name === folder.slice(prefix.length)) : undefined
}
