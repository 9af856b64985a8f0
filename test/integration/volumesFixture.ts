/** What tests of claims and volumes in a whole cluster share. */
import { events } from '#api/core/v1/event.ts'
import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes, type PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import type { Draft } from '#client/client.ts'
import { isReason } from '#machinery/status.ts'
import { simulatedCluster, type SimulatedCluster, type SimulatedClusterOptions } from '#simulation/simulatedCluster.ts'

/** Without the class that clusters begin with. */
export async function classless(options: SimulatedClusterOptions): Promise<SimulatedCluster> {
  const cluster = await simulatedCluster(options)
  await cluster.client.delete(storageClasses, { name: 'standard' })
  return cluster
}

/** The control plane's part alone: nobody is there to use a volume. */
export const binder = {
  nodes: 0,
  controllers: ['persistent-volume-binder', 'pvc-protection-controller', 'pv-protection-controller'],
  scheduler: false,
} as const

export function claim(name: string, spec: Partial<PersistentVolumeClaim['spec']> = {}): Draft<PersistentVolumeClaim> {
  const resources = { requests: { storage: '1Gi' } }
  return { metadata: { name, namespace: 'default' }, spec: { accessModes: ['ReadWriteOnce'], resources, ...spec } }
}

export function volume(name: string, spec: Partial<PersistentVolume['spec']> = {}): Draft<PersistentVolume> {
  const capacity = { storage: '1Gi' }
  return {
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], capacity, hostPath: { path: `/data/${name}` }, ...spec },
  }
}

export async function claimOf({ client }: SimulatedCluster, name: string): Promise<PersistentVolumeClaim> {
  return client.get(persistentVolumeClaims, { name, namespace: 'default' })
}

/** `phase of volume`, for each claim. */
export async function claimsText({ client }: SimulatedCluster): Promise<string> {
  const { items } = await client.list(persistentVolumeClaims)
  return items
    .map(({ metadata, spec, status }) => [metadata.name, status?.phase, spec.volumeName ?? ''].join(' ').trim())
    .join(', ')
}

export async function volumesText({ client }: SimulatedCluster): Promise<string> {
  const { items } = await client.list(persistentVolumes)
  return items
    .map(({ metadata, spec, status }) => [metadata.name, status?.phase, spec.claimRef?.name ?? ''].join(' ').trim())
    .join(', ')
}

export async function said({ client }: SimulatedCluster, kind: string): Promise<readonly string[]> {
  const { items } = await client.list(events, { fieldSelector: `involvedObject.kind=${kind}` })
  return items.map(
    ({ type, reason, message, involvedObject }) => `${involvedObject.name}: ${type} ${reason} ${message}`,
  )
}

export async function isGone(read: Promise<unknown>): Promise<boolean> {
  return read.then(
    () => false,
    (error: unknown) => isReason(error, 'NotFound'),
  )
}
