import type { PersistentVolumeSpec } from '#api/core/v1/persistentVolume.ts'
import {
  volumeAttachments,
  type VolumeAttachment,
  type VolumeAttachmentSource,
  type VolumeAttachmentStatus,
} from '#api/storage/v1/volumeAttachment.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkAccessModes } from '#resources/core/storage.ts'
import { goForm } from '#resources/goForm.ts'
import { statusAlone } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkDriverName } from './rules.ts'

/** Attachments: volumes at nodes. */
export const volumeAttachmentStrategy: Strategy<VolumeAttachment> = {
  resource: volumeAttachments,
  reserved: ['status'],
  generation: false,
  answersDeleted: true,
  columns: [
    nameColumn,
    { name: 'Attacher', format: 'name', description: 'The driver that attaches.', value: ({ spec }) => spec.attacher },
    { name: 'PV', description: 'The volume.', value: ({ spec }) => spec.source.persistentVolumeName ?? '' },
    { name: 'Node', description: 'The node.', value: ({ spec }) => spec.nodeName },
    {
      name: 'Attached',
      type: 'boolean',
      description: 'Whether the volume is attached.',
      value: ({ status }) => status?.attached ?? false,
    },
    ageColumn,
  ],
  subresources: { status: statusAlone },
  validate({ spec, status }, old, report) {
    const { attacher = '', source = {}, nodeName = '' } = spec
    const place = report.at('spec')
    if (attacher === '') place.at('attacher').required()
    checkSource(source, place.at('source'))
    place.at('nodeName').invalidBecause(nodeName, dnsSubdomainProblems(nodeName))
    checkStatus(status, report.at('status'))
    if (old === undefined) {
      checkDriverName(attacher, place.at('attacher'))
      const { persistentVolumeName: name } = source
      if (name !== undefined)
        place.at('source', 'persistentVolumeName').invalidBecause(name, dnsSubdomainProblems(name))
    } else if (!sameJson(spec, old.spec)) {
      place.invalid(goForm('io.k8s.api.storage.v1.VolumeAttachmentSpec', spec), 'field is immutable')
    }
  },
}

function checkSource({ persistentVolumeName, inlineVolumeSpec }: VolumeAttachmentSource, report: Report): void {
  const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'
  if (inlineVolumeSpec === undefined && persistentVolumeName === undefined) report.required(one)
  else if (inlineVolumeSpec !== undefined && persistentVolumeName !== undefined) report.forbidden(one)
  else if (persistentVolumeName === '') {
    report.at('persistentVolumeName').required('must specify non empty persistentVolumeName')
  } else if (inlineVolumeSpec !== undefined) checkInlineVolume(inlineVolumeSpec, report.at('inlineVolumeSpec'))
}

/** A volume that a pod describes has a driver, and nothing that only volumes of their own have. */
function checkInlineVolume(spec: PersistentVolumeSpec, report: Report): void {
  const inline = 'may not be specified in the context of inline volumes'
  if (spec.claimRef !== undefined) report.at('claimRef').forbidden(inline)
  if (Object.keys(spec.capacity ?? {}).length > 0) report.at('capacity').forbidden(inline)
  if (spec.csi === undefined) report.at('csi').required('has to be specified in the context of inline volumes')
  const { accessModes = [] } = spec
  if (accessModes.length === 0) report.at('accessModes').required()
  checkAccessModes(accessModes, report.at('accessModes'))
  if (spec.csi !== undefined) {
    checkDriverName(spec.csi.driver ?? '', report.at('csi', 'driver'))
    if ((spec.csi.volumeHandle ?? '') === '') report.at('csi', 'volumeHandle').required()
  }
  if ((spec.persistentVolumeReclaimPolicy ?? '') !== '') report.at('persistentVolumeReclaimPolicy').forbidden(inline)
  if ((spec.storageClassName ?? '') !== '') report.at('storageClassName').forbidden(inline)
  if (spec.volumeMode !== undefined) report.at('volumeMode').forbidden(inline)
}

/** In bytes. */
const mostMetadata = 256 * 1024
const longestMessage = 1024

const encoder = new TextEncoder()

function checkStatus(status: VolumeAttachmentStatus | undefined, report: Report): void {
  let size = 0
  for (const entry of Object.entries(status?.attachmentMetadata ?? {})) size += encoder.encode(entry.join('')).length
  if (size > mostMetadata) report.at('attachmentMetadata').tooLong(mostMetadata)
  for (const name of ['attachError', 'detachError'] as const) {
    const { message = '', errorCode = 0 } = status?.[name] ?? {}
    if (encoder.encode(message).length > longestMessage) report.at(name, 'message').tooLong(mostMetadata)
    if (errorCode < 0) report.at(name, 'errorCode').invalid(errorCode, 'must be between 0 and 2147483647, inclusive')
  }
}
