/** The node's sign of life: a Lease every ten seconds, and its status when it changes or at least every five minutes. */
import { leases, type Lease } from '#api/coordination/v1/lease.ts'
import { nodes, type Node } from '#api/core/v1/node.ts'
import type { NodeCondition, NodeStatus } from '#api/core/v1/nodeStatus.ts'
import type { Client } from '#client/client.ts'
import { mergePatchOf } from '#machinery/patch/merge.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { microTimeText } from '#machinery/time.ts'
import type { Clock } from '#lib/clock.ts'
import { isReason } from '#machinery/status.ts'

const leaseNamespace = 'kube-node-lease'
const leaseSeconds = 40
const renewEvery = 10_000

export interface HeartbeatOptions {
  readonly client: Client
  readonly clock: Clock
  readonly nodeName: string
  readonly report: (problem: string, error?: unknown) => void
}

/** Renews the node's lease until the signal aborts; a server that is away is asked again at once. */
export async function keepLease(
  options: HeartbeatOptions,
  nodeUid: () => string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { clock, report } = options
  let lease: Lease | undefined
  while (!signal.aborted) {
    try {
      lease = await renewLease(options, lease, nodeUid(), signal)
      await clock.sleep(renewEvery, signal)
    } catch (error) {
      if (signal.aborted) return
      lease = undefined
      report('Cannot renew the lease of the node', error)
      await clock.sleep(1_000, signal).catch(() => {})
    }
  }
}

async function renewLease(
  { client, clock, nodeName }: HeartbeatOptions,
  known: Lease | undefined,
  uid: string | undefined,
  signal: AbortSignal,
): Promise<Lease> {
  const at = { name: nodeName, namespace: leaseNamespace }
  const renewTime = microTimeText(clock.now())
  const spec = { holderIdentity: nodeName, leaseDurationSeconds: leaseSeconds, renewTime }
  const owners = uid === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }] }
  let lease = known
  if (lease === undefined) {
    try {
      return await client.create(leases, { metadata: { ...at, ...owners }, spec }, { signal })
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error
      lease = await client.get(leases, at, { signal })
    }
  }
  return client.update(
    leases,
    { ...lease, metadata: { ...lease.metadata, ...owners }, spec: { ...lease.spec, ...spec } },
    { signal },
  )
}

const reportEvery = 300_000

/** Whether a status is worth writing: something but the heartbeat differs, or five minutes are over. */
export function isReportDue(old: NodeStatus, next: NodeStatus, lastReport: number, now: number): boolean {
  return now - lastReport >= reportEvery || !sameJson(withoutHeartbeat(old, next), withoutHeartbeat(next, next))
}

/** Only what this node tells is compared. */
function withoutHeartbeat(status: NodeStatus, fields: NodeStatus): object {
  const told = Object.fromEntries(Object.keys(fields).map((field) => [field, status[field as keyof NodeStatus]]))
  const conditions = (status.conditions ?? []).map(
    ({ lastHeartbeatTime: _ignored, ...condition }: NodeCondition) => condition,
  )
  return { ...told, conditions }
}

/** Writes what differs. */
export async function writeNodeStatus(
  client: Client,
  node: Node,
  next: NodeStatus,
  signal: AbortSignal,
): Promise<Node> {
  const told = Object.fromEntries(Object.keys(next).map((field) => [field, node.status?.[field as keyof NodeStatus]]))
  const change = mergePatchOf(told, next)
  if (change === undefined) return node
  return client.patchStatus(nodes, node.metadata, { type: 'merge', body: { status: change } }, { signal })
}
