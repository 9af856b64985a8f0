import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import type { NodeStatus } from '#api/core/v1/nodeStatus.ts'
import { schedulableNotes, statusNotes } from './nodeEvents.ts'

type Status = 'True' | 'False' | 'Unknown'

/** A status with conditions, written `Ready=True`, and a boot. */
function status(conditions: readonly string[], bootID = 'b1'): NodeStatus {
  return {
    conditions: conditions.map((text) => {
      const [type, value] = text.split('=') as [string, Status]
      return { type, status: value }
    }),
    nodeInfo: { bootID } as NonNullable<NodeStatus['nodeInfo']>,
  }
}

const well = ['MemoryPressure=False', 'DiskPressure=False', 'PIDPressure=False', 'Ready=True']
const silent = ['MemoryPressure=Unknown', 'DiskPressure=Unknown', 'PIDPressure=Unknown', 'Ready=Unknown']

test('a node agent tells what became of its node, once', () => {
  const rows: readonly [before: NodeStatus | undefined, after: NodeStatus, reasons: readonly string[]][] = [
    [undefined, status(well), ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID']],
    [status(well), status(well), []],
    [status(['Ready=False']), status(['Ready=True']), ['NodeReady']],
    [status(['Ready=True']), status(['Ready=False']), ['NodeNotReady']],
    [
      status(well),
      status(['MemoryPressure=True', 'DiskPressure=True', 'PIDPressure=True', 'Ready=True']),
      ['NodeHasInsufficientMemory', 'NodeHasDiskPressure', 'NodeHasInsufficientPID'],
    ],
    // Somebody else noticed that it was silent.
    [
      status(silent),
      status(well),
      ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID', 'NodeReady'],
    ],
    [status(well), status(well, 'b2'), ['Rebooted']],
    [status(well, ''), status(well, 'b2'), []],
  ]
  for (const [before, after, reasons] of rows) {
    const notes = statusNotes('n', before, after)
    assert.deepEqual(
      notes.map(({ reason }) => reason),
      reasons,
    )
    for (const { type, reason, message } of notes) {
      const expected =
        reason === 'Rebooted'
          ? ['Warning', 'Node n has been rebooted, boot id: b2']
          : ['Normal', `Node n status is now: ${reason}`]
      assert.deepEqual([type, message], expected)
    }
  }
})

test('a node agent tells of cordons', () => {
  const node = (unschedulable?: boolean): Node => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n' },
    spec: unschedulable === undefined ? {} : { unschedulable },
  })
  const reasons = (before: boolean, now?: boolean) => schedulableNotes(before, node(now)).map(({ message }) => message)
  assert.deepEqual(
    [reasons(false), reasons(false, true), reasons(true, true), reasons(true, false), reasons(true)],
    [
      [],
      ['Node n status is now: NodeNotSchedulable'],
      [],
      ['Node n status is now: NodeSchedulable'],
      ['Node n status is now: NodeSchedulable'],
    ],
  )
})
