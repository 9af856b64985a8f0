import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { nodeOfDirectory, removerGroup, removerOf } from '#machinery/localVolumes.ts'
import { concerns, type AdmissionRequest } from './chain.ts'

/**
 * The part of a node that removes directories only tells, of the node's own volumes, how that went: why it may not do
 * something else, undefined when it may.
 */
export function removerRuling(request: AdmissionRequest): string | undefined {
  const { caller, operation } = request
  if (!caller.groups.includes(removerGroup)) return undefined
  const is = JSON.stringify(caller.name)
  if (request.resource.plural !== persistentVolumes.plural) return undefined
  if (operation !== 'UPDATE' || !concerns(request, persistentVolumes, 'status')) {
    return `${is} may only update the status of persistent volumes`
  }
  const [volume, old] = [request.object as PersistentVolume, request.old as PersistentVolume]
  const node = nodeOfDirectory(old)
  if (node === undefined || caller.name !== removerOf(node)) return `${is} may only report of volumes of its own node`
  return sameJson(fixedParts(volume), fixedParts(old))
    ? undefined
    : `${is} is not allowed to update fields other than status.reason and status.message`
}

function fixedParts({ metadata, status, ...rest }: PersistentVolume): unknown {
  const { resourceVersion: _revision, managedFields: _owners, ...fixedMetadata } = metadata
  const { reason: _reason, message: _message, ...fixedStatus } = status ?? {}
  return { ...rest, metadata: fixedMetadata, status: fixedStatus }
}
