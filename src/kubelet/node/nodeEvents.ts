import type { Node } from '#api/core/v1/node.ts'
import type { NodeStatus } from '#api/core/v1/nodeStatus.ts'
import type { ObjectReference } from '#api/core/v1/reference.ts'
import type { EventNote } from '#client/events.ts'
import { conditionOf } from '#machinery/conditions.ts'

/** What is told when a condition becomes so; a node that has just come tells nothing of being ready. */
const conditionReasons = [
  { type: 'MemoryPressure', True: 'NodeHasInsufficientMemory', False: 'NodeHasSufficientMemory', isToldFirst: true },
  { type: 'DiskPressure', True: 'NodeHasDiskPressure', False: 'NodeHasNoDiskPressure', isToldFirst: true },
  { type: 'PIDPressure', True: 'NodeHasInsufficientPID', False: 'NodeHasSufficientPID', isToldFirst: true },
  { type: 'Ready', True: 'NodeReady', False: 'NodeNotReady', isToldFirst: false },
] as const

/** How events of a node agent name its node: by the name in place of the uid, which it does not know from the first. */
export const nodeReference = (name: string): ObjectReference => ({ kind: 'Node', name, uid: name })

export const startingNote: EventNote = { type: 'Normal', reason: 'Starting', message: 'Starting kubelet.' }

/** What a node agent tells when its node's status becomes another; undefined before it is registered. As v1.34's kubelet does. */
export function statusNotes(name: string, before: NodeStatus | undefined, after: NodeStatus): readonly EventNote[] {
  const notes: EventNote[] = []
  const { bootID } = after.nodeInfo ?? {}
  const lastBoot = before?.nodeInfo?.bootID
  if (bootID !== undefined && lastBoot !== undefined && lastBoot !== '' && lastBoot !== bootID) {
    notes.push({ type: 'Warning', reason: 'Rebooted', message: `Node ${name} has been rebooted, boot id: ${bootID}` })
  }
  for (const { type, isToldFirst, ...reasons } of conditionReasons) {
    const last = conditionOf(before?.conditions, type)?.status
    const now = conditionOf(after.conditions, type)?.status
    if ((now !== 'True' && now !== 'False') || now === last || (last === undefined && !isToldFirst)) continue
    notes.push(statusNote(name, reasons[now]))
  }
  return notes
}

/** What is told when a node was cordoned or uncordoned; an agent takes it to be open when it starts. */
export function schedulableNotes(wasUnschedulable: boolean, { metadata, spec }: Node): readonly EventNote[] {
  const isUnschedulable = spec.unschedulable === true
  if (isUnschedulable === wasUnschedulable) return []
  return [statusNote(metadata.name, isUnschedulable ? 'NodeNotSchedulable' : 'NodeSchedulable')]
}

const statusNote = (name: string, reason: string): EventNote => ({
  type: 'Normal',
  reason,
  message: `Node ${name} status is now: ${reason}`,
})
