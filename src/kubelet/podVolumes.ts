import type { Pod } from '#api/core/v1/pod.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import type { Host } from '#lib/host/host.ts'
import { findClaimed, UnprocessedError } from './claimedVolumes.ts'
import { claimNameOf, isOfNode, sourceOf, unprocessedMessage } from './plan/planClaims.ts'
import type { ClaimedVolume, VolumeSource } from './plan/planClaims.ts'
import { computeReferences, usedVolumes } from './plan/planVolumes.ts'
import type { OwnFacts } from './plan/fieldRefs.ts'
import { memoryFolder, podFolder, type NodeServices } from './nodeServices.ts'
import { issueToken } from './podTokens.ts'
import { typeOf } from './volumes/index.ts'
import { folderPrefix, removeUnmounted, removeVolumes } from './volumes/removal.ts'
import { VolumeStepError } from './volumes/volumeType.ts'
import type { MountedVolume, VolumeContext, VolumeType } from './volumes/volumeType.ts'

/** Volumes could not be mounted; the message is that of the event. */
export class MountError extends Error {
  override name = 'MountError'
  readonly reason: 'FailedMount' | 'FailedMapVolume'
  /** What stands in the way is elsewhere (a claim that is not bound): worth another look soon. */
  readonly isAwaited: boolean
  constructor(message: string, { reason = 'FailedMount' as const, isAwaited = false }: Partial<Why> = {}) {
    super(message)
    this.reason = reason
    this.isAwaited = isAwaited
  }
}

/** On a PersistentVolume: the group that owns its files. */
const groupAnnotation = 'pv.beta.kubernetes.io/gid'

type Why = Pick<MountError, 'reason' | 'isAwaited'>
type Note = VolumeContext['note']

/** A volume of the pod whose source and type are known. */
interface KnownVolume {
  readonly volume: Volume
  readonly source: VolumeSource
  readonly type: VolumeType
  readonly claimed?: ClaimedVolume
}

/** A volume that is there for containers, and what it is. */
export interface PodVolume extends MountedVolume {
  readonly type: VolumeType
  readonly claimed?: ClaimedVolume
}

/** The volumes of one pod. */
export class PodVolumes {
  readonly #services: NodeServices
  readonly #uid: string
  readonly #note: Note
  readonly #known = new Map<string, KnownVolume>()
  readonly #mounted = new Map<string, PodVolume>()
  #notBefore = 0

  constructor(services: NodeServices, uid: string, note: Note) {
    this.#services = services
    this.#uid = uid
    this.#note = note
  }

  /**
   * Begins to mount every volume that containers use. Resolves once it is known that their sources are there, so that
   * a sandbox can be made meanwhile; `finished` tells of the rest. Rejects with the first MountError.
   */
  async begin(pod: Pod, facts: OwnFacts, signal: AbortSignal): Promise<{ readonly finished: Promise<void> }> {
    const { objects } = this.#services
    await objects.acquire(this.#uid, pod.metadata.namespace ?? '', computeReferences(pod), signal)
    const problems = await this.#lookUp(pod, signal)
    const volumes = [...this.#known.values()].map((known) => ({ known, isChecked: this.#check(known, pod, facts) }))
    const mountAll = (isChecked: boolean): Promise<void> => {
      const chosen = volumes.filter((each) => each.isChecked === isChecked)
      return this.#firstFailure(
        chosen.map(({ known }) => this.#mount(known, pod, facts, signal)),
        signal,
      )
    }
    const finished = mountAll(true)
    // Whoever starts a container hears of it.
    finished.catch(() => {})
    await mountAll(false)
    if (problems.size > 0) {
      await finished
      throw new MountError(unprocessedMessage(problems), { isAwaited: true })
    }
    return { finished }
  }

  /** Writes again what follows its sources. Returns when that is needed again at the latest. */
  async refresh(pod: Pod, facts: OwnFacts, signal: AbortSignal): Promise<number | undefined> {
    for (const [name, known] of this.#known) {
      if (this.#mounted.get(name)?.isLive === true) await this.#mount(known, pod, facts, signal)
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

  find(name: string): PodVolume | undefined {
    return this.#mounted.get(name)
  }

  /** By their names in the pod. */
  mounted(): ReadonlyMap<string, PodVolume> {
    return this.#mounted
  }

  /** The groups to which mounted volumes say that they belong; containers are in them too. */
  groups(): readonly number[] {
    const named = [...this.#mounted.values()].map(
      ({ claimed }) => claimed?.volume.metadata.annotations?.[groupAnnotation],
    )
    return named.flatMap((text) => (text !== undefined && /^\d{1,10}$/.test(text) ? [Number(text)] : []))
  }

  /** Takes away everything that is mounted and all that was written; data that claims stand for stays where it is. */
  async unmount(): Promise<void> {
    const { host, directories } = this.#services
    await removeVolumes(host, podFolder(this.#services, this.#uid), directories.root)
    await removeUnmounted(inMemory(host), `${memoryFolder(this.#services)}/${this.#uid}`)
    for (const { claimed } of this.#mounted.values()) {
      if (claimed !== undefined) this.#usersOf(claimed).delete(this.#uid)
    }
    this.#mounted.clear()
    this.#known.clear()
  }

  /** Finds out what each volume stands for. Returns what is wrong with those that cannot be used yet. */
  async #lookUp(pod: Pod, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const problems = new Map<string, string>()
    this.#known.clear()
    const look = async (volume: Volume): Promise<void> => {
      try {
        this.#known.set(volume.name, await this.#lookUpOne(volume, pod, signal))
      } catch (error) {
        if (!(error instanceof UnprocessedError)) throw error
        problems.set(volume.name, error.message)
      }
    }
    // One after another: problems are told in the order of the pod.
    for (const volume of usedVolumes(pod)) await look(volume)
    return problems
  }

  async #lookUpOne(volume: Volume, pod: Pod, signal: AbortSignal): Promise<KnownVolume> {
    const claimName = claimNameOf(pod, volume)
    const claimed =
      claimName === undefined ? undefined : await findClaimed(this.#services.client, pod, volume, claimName, signal)
    const source = claimed === undefined ? volume : sourceOf(claimed.volume)
    const type = typeOf(source)
    if (type === undefined) {
      throw new UnprocessedError(
        `failed to get Plugin from volumeSpec for volume "${source.name}" err=no volume plugin matched`,
      )
    }
    return { volume, source, type, ...(claimed === undefined ? {} : { claimed }) }
  }

  /** Whether the type could say beforehand that the volume can be mounted. */
  #check(known: KnownVolume, pod: Pod, facts: OwnFacts): boolean {
    const { source, type, claimed } = known
    try {
      if (claimed !== undefined) this.#checkClaimed(known, claimed)
      type.check?.(source, this.#contextOf(known, pod, facts))
      return type.check !== undefined
    } catch (error) {
      throw mountError(source, error)
    }
  }

  #checkClaimed({ source, type }: KnownVolume, claimed: ClaimedVolume): void {
    const { spec } = claimed.volume
    if (spec.volumeMode === 'Block') {
      const message = `MapVolume.FindMapperPluginBySpec failed for volume "${source.name}" : no volume plugin matched`
      throw new MountError(message, { reason: 'FailedMapVolume' })
    }
    if (!isOfNode(claimed.volume, this.#services.node())) {
      throw new VolumeStepError('MountVolume.NodeAffinity check', 'no matching NodeSelectorTerms')
    }
    if ((spec.mountOptions ?? []).length > 0 && type.takesMountOptions !== true) {
      const message = 'Mount options are not supported for this volume type'
      throw new VolumeStepError('MountVolume.MountOptionSupport check', message)
    }
    const isForOnePod = spec.accessModes?.length === 1 && spec.accessModes[0] === 'ReadWriteOncePod'
    if (isForOnePod && [...this.#usersOf(claimed)].some((uid) => uid !== this.#uid)) {
      throw new Error('volume uses the ReadWriteOncePod access mode and is already in use by another pod')
    }
  }

  async #mount(known: KnownVolume, pod: Pod, facts: OwnFacts, signal: AbortSignal): Promise<void> {
    const { volume, source, type, claimed } = known
    try {
      const mounted = await type.mount(source, this.#contextOf(known, pod, facts), signal)
      this.#mounted.set(volume.name, { ...mounted, type, ...(claimed === undefined ? {} : { claimed }) })
      if (claimed !== undefined) this.#usersOf(claimed).add(this.#uid)
    } catch (error) {
      signal.throwIfAborted()
      throw mountError(source, error)
    }
  }

  /**
   * Waits for all, so that nothing is being written any more when one has failed. Rejects with the first failure, and
   * tells of the others.
   */
  async #firstFailure(works: readonly Promise<void>[], signal: AbortSignal): Promise<void> {
    const results = await Promise.allSettled(works)
    signal.throwIfAborted()
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
    for (const other of failures.slice(1)) {
      if (other instanceof MountError) this.#note('Warning', other.reason, other.message)
    }
    if (failures.length > 0) throw failures[0]
  }

  #usersOf({ volume }: ClaimedVolume): Set<string> {
    const { volumeUsers } = this.#services
    const { name } = volume.metadata
    let users = volumeUsers.get(name)
    if (users === undefined) volumeUsers.set(name, (users = new Set()))
    return users
  }

  #contextOf({ volume, source, type, claimed }: KnownVolume, pod: Pod, facts: OwnFacts): VolumeContext {
    const { host, clock, objects, client, report } = this.#services
    const isInMemory = type.isInMemory === true
    const base = isInMemory
      ? `${memoryFolder(this.#services)}/${this.#uid}`
      : `${podFolder(this.#services, this.#uid)}/volumes`
    return {
      pod,
      folder: `${base}/${folderPrefix}${type.name}/${source.name}`,
      host: { ...(isInMemory ? inMemory(host) : host), clock },
      objects: objects.objectsOf(pod.metadata.namespace ?? ''),
      facts,
      ...(claimed === undefined ? {} : { claimed }),
      readOnly: volume.persistentVolumeClaim?.readOnly === true,
      note: this.#note,
      report,
      issueToken: (audience, seconds, signal) => issueToken({ client, clock }, pod, audience, seconds, signal),
    }
  }
}

/** The host for volumes whose folders are in memory. */
function inMemory({ memoryFiles, mounts }: NodeServices['host']): Pick<Host, 'files' | 'mounts'> {
  return { files: memoryFiles, mounts }
}

function mountError({ name }: VolumeSource, error: unknown): MountError {
  if (error instanceof MountError) return error
  const step = error instanceof VolumeStepError ? error.step : 'MountVolume.SetUp'
  return new MountError(`${step} failed for volume "${name}" : ${(error as Error).message}`)
}
