import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { computeReferences, mountedVolumes } from './plan/planVolumes.ts'
import type { OwnFacts } from './plan/fieldRefs.ts'
import { podFolder, type NodeServices } from './nodeServices.ts'
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

  /** Mounts every volume that containers use; what is mounted already is brought up to date. Rejects with the first MountError. */
  async mount(pod: Pod, facts: OwnFacts, signal: AbortSignal): Promise<void> {
    const { objects } = this.#services
    await objects.acquire(this.#uid, pod.metadata.namespace ?? '', computeReferences(pod), signal)
    const results = await Promise.allSettled(
      mountedVolumes(pod).map(async (volume) => {
        this.#mounted.set(volume.name, await this.#mountOne(volume, pod, facts, signal))
      }),
    )
    signal.throwIfAborted()
    for (const result of results) if (result.status === 'rejected') throw result.reason
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
    const folder = podFolder(this.#services, this.#uid)
    const volumes = `${folder}/volumes`
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
    this.#mounted.clear()
  }

  async #mountOne(volume: Volume, pod: Pod, facts: OwnFacts, signal: AbortSignal): Promise<MountedVolume> {
    try {
      const type = typeOf(volume)
      return await type.mount(volume, this.#contextOf(volume, type, pod, facts), signal)
    } catch (error) {
      signal.throwIfAborted()
      throw new MountError(`MountVolume.SetUp failed for volume "${volume.name}" : ${(error as Error).message}`)
    }
  }

  #contextOf(volume: Volume, type: VolumeType, pod: Pod, facts: OwnFacts): VolumeContext {
    const { host, clock, objects } = this.#services
    return {
      pod,
      folder: `${podFolder(this.#services, this.#uid)}/volumes/kubernetes.io~${type.name}/${volume.name}`,
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

interface TokenAnswer {
  readonly status: { readonly token: string; readonly expirationTimestamp: string }
}

const prefix = 'kubernetes.io~'

function volumeTypeOfFolder(folder: string): VolumeType | undefined {
  return folder.startsWith(prefix) ? volumeTypes.find((type) => type.name === folder.slice(prefix.length)) : undefined
}
