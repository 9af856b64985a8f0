import { resourceSlices, type ResourceSlice } from '#api/resource/v1/resourceSlice.ts'
import { resourceSlices as secondBetaSlices } from '#api/resource/v1beta2/resourceSlice.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkImmutable } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'
import { betaSlices } from './beta.ts'
import { checkSliceSpec, dropSliceSpec } from './sliceRules.ts'

/** Slices: the devices that drivers offer. */
export const resourceSliceStrategy: Strategy<ResourceSlice> = {
  resource: resourceSlices,
  versions: [{ resource: secondBetaSlices }, betaSlices],
  unconditionalUpdate: true,
  answersDeleted: true,
  selectableFields: {
    'spec.driver': ({ spec }) => spec.driver,
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
  },
  columns: [
    nameColumn,
    { name: 'Node', description: 'The node of the devices.', value: ({ spec }) => spec.nodeName ?? '' },
    { name: 'Driver', description: 'The driver of the devices.', value: ({ spec }) => spec.driver },
    { name: 'Pool', description: 'The pool of the devices.', value: ({ spec }) => spec.pool.name },
    ageColumn,
  ],
  prepare: ({ spec }) => dropSliceSpec(spec),
  validate({ spec }, old, report) {
    const place = report.at('spec')
    checkSliceSpec(spec, place, () => {
      if (old === undefined) return
      checkImmutable(place.at('pool', 'name'), spec.pool?.name, old.spec.pool?.name)
      checkImmutable(place.at('driver'), spec.driver, old.spec.driver)
      checkImmutable(place.at('nodeName'), spec.nodeName, old.spec.nodeName)
    })
  },
}
