import { persistentVolumes, type PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { Client } from '#client/client.ts'
import { controllerComponent, type Controller } from '#client/controller.ts'
import { referenceTo, type EventWriter } from '#client/events.ts'
import type { Informers } from '#client/informers.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import { messageOf } from '#lib/errorText.ts'
import type { Host } from '#lib/host/host.ts'
import { directoryRemoved, nodeOfDirectory } from '#machinery/localVolumes.ts'
import { planRemoval } from './plan.ts'

/** Where a node keeps the directories of volumes. */
export interface VolumeDirectories {
  /** The folder that holds all of them. */
  readonly folder: string
  /** Removes one with everything in it; nothing happens when it is not there. Throws while it is in use. */
  remove(path: string): Promise<void>
}

/** A node whose directories this process removes. */
export interface NodeWithVolumes {
  /** Acts as the node's own user for this (`removerOf`), who may report of its own volumes alone. */
  readonly client: Client
  readonly directories: VolumeDirectories
}

export interface LocalVolumeRemoverOptions {
  /** The nodes by name; undefined for those of other processes, and while a node is off. */
  nodeOf(name: string): NodeWithVolumes | undefined
  /** Told of nodes that went off or came back: their volumes are looked at again. */
  onChange?(handle: (node: string) => void): Disposable
  readonly informers: Informers
  readonly events: EventWriter
  readonly clock: Clock
  readonly report: (problem: string, error?: unknown) => void
  readonly needs?: readonly string[]
}

const removalFailed = 'RemovalFailed'

/**
 * Removes the directories of volumes whose claims are gone, and notes that in their status: the provisioner deletes the
 * volume then, which a node may not do itself.
 */
export function localVolumeRemover(options: LocalVolumeRemoverOptions): Component {
  const { informers, clock, report, needs } = options
  const controller = removalController(options)
  // Named before the informers run, so that whoever waits for all of them waits for these too.
  informers.of(persistentVolumes)
  return controllerComponent(controller, { clock, report, ...(needs === undefined ? {} : { needs }) })
}

function removalController({ nodeOf, onChange, informers, events }: LocalVolumeRemoverOptions): Controller {
  const volumes = informers.of(persistentVolumes)
  const recorder = events.recorder('local-volumes')

  async function note(
    { client }: NodeWithVolumes,
    { metadata, status }: PersistentVolume,
    told: { readonly reason: string; readonly message: string | null },
    signal: AbortSignal,
  ): Promise<void> {
    if (status?.reason === told.reason && (status.message ?? null) === told.message) return
    const { resourceVersion } = metadata
    const body = { metadata: { resourceVersion }, status: told }
    await unlessGone(client.patchStatus(persistentVolumes, metadata, { type: 'merge', body }, { signal }))
  }

  async function fail(
    node: NodeWithVolumes,
    volume: PersistentVolume,
    message: string,
    signal: AbortSignal,
  ): Promise<void> {
    // Said once for each change: the write of the status comes back as one.
    if (volume.status?.reason === removalFailed && volume.status.message === message) return
    recorder.record(referenceTo(persistentVolumes, volume), { type: 'Warning', reason: 'VolumeFailedDelete', message })
    await note(node, volume, { reason: removalFailed, message }, signal)
  }

  return {
    name: 'local-volumes',
    permissions: [],
    watch(on, add) {
      onChange?.((node) => {
        for (const volume of volumes.list()) if (nodeOfDirectory(volume) === node) add(volume.metadata.name)
      })
      on(volumes, (volume) => {
        const node = nodeOfDirectory(volume)
        return node === undefined || nodeOf(node) === undefined ? [] : [volume.metadata.name]
      })
    },
    async reconcile(name, signal) {
      const copy = volumes.get(name)
      const nodeName = copy === undefined ? undefined : nodeOfDirectory(copy)
      const node = nodeName === undefined ? undefined : nodeOf(nodeName)
      if (copy === undefined || nodeName === undefined || node === undefined) return undefined
      const { folder } = node.directories
      if (planRemoval(copy, nodeName, folder).do === 'nothing') return undefined
      // What is removed does not come back: not by an old copy.
      const volume = await unlessGone(node.client.get(persistentVolumes, { name }, { signal }))
      const plan = volume === undefined ? undefined : planRemoval(volume, nodeName, folder)
      if (volume === undefined || plan === undefined || plan.do === 'nothing') return undefined
      if (plan.do === 'refuse') return fail(node, volume, plan.problem, signal)
      try {
        await node.directories.remove(plan.path)
      } catch (error) {
        if (signal.aborted) throw error
        await fail(node, volume, `cannot remove ${JSON.stringify(plan.path)}: ${messageOf(error)}`, signal)
        throw error
      }
      return note(node, volume, { reason: directoryRemoved, message: null }, signal)
    },
  }
}

/** The directories on this machine's disks. */
export function hostDirectories({ files, mounts }: Pick<Host, 'files' | 'mounts'>, folder: string): VolumeDirectories {
  return {
    folder,
    async remove(path) {
      const name = path.slice(path.lastIndexOf('/'))
      const inUse = mounts.list().find(({ target }) => target.endsWith(`/kubernetes.io~local-volume${name}`))
      if (inUse !== undefined) throw new Error(`it is still mounted at ${JSON.stringify(inUse.target)}`)
      // What a container mounted into its volume must not be emptied with it.
      await mounts.unmountBelow(path)
      const left = mounts.list().find(({ target }) => target === path || target.startsWith(`${path}/`))
      if (left !== undefined) throw new Error(`something is still mounted at ${JSON.stringify(left.target)}`)
      await files.remove(path)
    },
  }
}
