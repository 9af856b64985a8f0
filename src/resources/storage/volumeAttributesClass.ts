import { volumeAttributesClasses, type VolumeAttributesClass } from '#api/storage/v1/volumeAttributesClass.ts'
import { volumeAttributesClasses as alphaClasses } from '#api/storage/v1alpha1/volumeAttributesClass.ts'
import { volumeAttributesClasses as betaClasses } from '#api/storage/v1beta1/volumeAttributesClass.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkParameters, checkProvisioner } from './rules.ts'

/** Classes of volume attributes: what a driver can give to a volume and change later. */
export const volumeAttributesClassStrategy: Strategy<VolumeAttributesClass> = {
  resource: volumeAttributesClasses,
  versions: [
    {
      resource: betaClasses,
      deprecation:
        'storage.k8s.io/v1beta1 VolumeAttributesClass is deprecated in v1.34+, unavailable in v1.37+; use storage.k8s.io/v1 VolumeAttributesClass',
    },
    {
      resource: alphaClasses,
      deprecation:
        'storage.k8s.io/v1alpha1 VolumeAttributesClass is deprecated in v1.32+, unavailable in v1.35+; use storage.k8s.io/v1 VolumeAttributesClass',
    },
  ],
  unconditionalUpdate: true,
  answersDeleted: true,
  generation: false,
  columns: [
    nameColumn,
    {
      name: 'DriverName',
      description: 'The driver that understands the parameters.',
      value: ({ driverName }) => driverName,
    },
    ageColumn,
  ],
  validate({ driverName = '', parameters = {} }, old, report) {
    checkProvisioner(driverName, report.at('driverName'))
    const place = report.at('parameters')
    checkParameters(parameters, place)
    if (Object.keys(parameters).length === 0) place.required('must contain at least one key/value pair')
    if (old === undefined) return
    if (driverName !== old.driverName) report.at('driverName').forbidden('updates to driverName are forbidden.')
    if (!sameJson(parameters, old.parameters ?? {})) {
      place.forbidden('updates to parameters are forbidden.')
    }
  },
}
