import type { Node } from '#api/core/v1/node.ts'
import { csiNodes } from '#api/storage/v1/csiNode.ts'
import type { Client } from '#client/client.ts'
import type { Clock } from '#lib/clock.ts'
import { isReason } from '#machinery/status.ts'

/** The types of volumes that nodes know nothing of any more: drivers do their work (upstream's CSI migration, complete in v1.33). */
const migrated = ['aws-ebs', 'azure-disk', 'azure-file', 'cinder', 'gce-pd', 'portworx-volume', 'vsphere-volume']
const migratedAnnotation = 'storage.alpha.kubernetes.io/migrated-plugins'
const migratedText = migrated.map((name) => `kubernetes.io/${name}`).join()

export interface CsiNodeOptions {
  readonly client: Client
  readonly clock: Clock
  readonly report: (problem: string, error?: unknown) => void
}

const retryEvery = 1_000

/** Makes the node's CSINode, in which drivers tell of themselves, or completes the one that is there. Tries until it is done. */
export async function registerCsiNode(options: CsiNodeOptions, node: Node, signal: AbortSignal): Promise<void> {
  const { client, clock, report } = options
  while (!signal.aborted) {
    try {
      return await writeCsiNode(client, node, signal)
    } catch (error) {
      if (signal.aborted) return
      report(`Cannot write the CSINode of node "${node.metadata.name}"`, error)
      await clock.sleep(retryEvery, signal).catch(() => {})
    }
  }
}

async function writeCsiNode(
  client: Client,
  { metadata: { name, uid = '' } }: Node,
  signal: AbortSignal,
): Promise<void> {
  const annotations = { [migratedAnnotation]: migratedText }
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name, uid }]
  try {
    const metadata = { name, annotations, ownerReferences }
    await client.create(csiNodes, { metadata, spec: { drivers: null } }, { signal })
    return
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error
  }
  const present = await client.get(csiNodes, { name }, { signal })
  if (present.metadata.annotations?.[migratedAnnotation] === migratedText) return
  await client.patch(csiNodes, { name }, { type: 'merge', body: { metadata: { annotations } } }, { signal })
}
