import type { Client } from '#client/client.ts'
import {
  localVolumeRemover,
  type LocalVolumeRemoverOptions,
  type NodeWithVolumes,
} from '#kubelet/localVolumes/remover.ts'
import type { Component } from '#lib/component.ts'

export interface SimulatedVolumesOptions extends Omit<LocalVolumeRemoverOptions, 'nodeOf'> {
  /** Whether a node is played here, and is neither off nor cut off. */
  answers(name: string): boolean
  /** A client that acts as the part of a node that removes directories. */
  clientOf(node: string): Client
  folderOf(node: string): string
}

/** Lets go of the volumes of nodes without disks: what was never written is gone at once, but not while the node is off. */
export function simulatedVolumes({ answers, clientOf, folderOf, ...options }: SimulatedVolumesOptions): Component {
  const known = new Map<string, NodeWithVolumes>()
  const remove = async (): Promise<void> => {}
  return {
    ...localVolumeRemover({
      ...options,
      nodeOf(name) {
        if (!answers(name)) return undefined
        const found = known.get(name)
        if (found !== undefined) return found
        const node = { client: clientOf(name), directories: { folder: folderOf(name), remove } }
        known.set(name, node)
        return node
      },
    }),
    name: 'simulated-volumes',
  }
}
