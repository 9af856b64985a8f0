import { nodes, type Node } from '#api/core/v1/node.ts'
import type { Controller } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { parseCidr } from '#lib/net/cidr.ts'
import { isReason } from '#machinery/status.ts'
import type { ControllerContext } from '../context.ts'
import { NodeRanges } from './ranges.ts'

/** Gives every node a range of pod addresses of its own, out of each of the cluster's blocks. */
export function nodeIpamController(context: ControllerContext): Controller {
  const { client, config, metrics } = context
  const copies = context.informers.of(nodes)
  const events = context.events.recorder('cidrAllocator')
  const blocks = config.podCidrs.map((block) => {
    const family = parseCidr(block)?.family ?? 4
    return new NodeRanges(block, config.nodePrefix?.[family] ?? (family === 4 ? 24 : 64), metrics.ranges)
  })
  /** The ranges of each node as they are taken. */
  const held = new Map<string, readonly string[]>()

  const rangesOf = ({ spec }: Node): readonly string[] =>
    spec.podCIDRs ?? (spec.podCIDR === undefined || spec.podCIDR === '' ? [] : [spec.podCIDR])
  const release = (ranges: readonly string[]): void => {
    for (const range of ranges) for (const block of blocks) block.giveBack(range)
  }

  const tell = (node: Node, reason: string): void => {
    const message = `Node ${node.metadata.name} status is now: ${reason}`
    events.record(referenceTo(nodes, node), { type: 'Normal', reason, message })
  }

  return {
    name: 'node-ipam-controller',
    queue: 'cidrallocator_node',
    account: 'node-controller',
    permissions: [{ groups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch', 'patch', 'update'] }],
    workers: 1,
    watch(on) {
      on(copies, (node) => {
        // Noted as soon as seen, so that no other node is given the same.
        const { name } = node.metadata
        const ranges = rangesOf(node)
        const before = held.get(name)
        if (ranges.length > 0 && !sameJson(before, ranges)) {
          // Somebody else may have been first.
          release(before ?? [])
          for (const range of ranges) for (const block of blocks) block.occupy(range)
          held.set(name, ranges)
        }
        return [node.metadata.name]
      })
    },
    async reconcile(name, signal) {
      const node = copies.get(name)
      if (node === undefined) {
        release(held.get(name) ?? [])
        held.delete(name)
        return
      }
      if (blocks.length === 0 || rangesOf(node).length > 0 || node.metadata.deletionTimestamp !== undefined) return
      const ranges = held.get(name) ?? blocks.map((block) => block.take())
      const taken = ranges.filter((range) => range !== undefined)
      if (taken.length < blocks.length) {
        release(taken)
        tell(node, 'CIDRNotAvailable')
        return { after: 60_000 }
      }
      held.set(name, taken)
      const body = {
        metadata: { resourceVersion: node.metadata.resourceVersion },
        spec: { podCIDR: taken[0], podCIDRs: taken },
      }
      try {
        await unlessGone(client.patch(nodes, node.metadata, { type: 'merge', body }, { signal }))
      } catch (error) {
        if (signal.aborted || isReason(error, 'Conflict')) throw error
        tell(node, 'CIDRAssignmentFailed')
        // Where nobody knows whether it was written, the range is still the node's.
        if (!isReason(error, 'ServerTimeout')) {
          release(taken)
          held.delete(name)
        }
        throw error
      }
    },
  }
}
