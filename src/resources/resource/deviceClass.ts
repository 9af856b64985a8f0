import { deviceClasses, type DeviceClass } from '#api/resource/v1/deviceClass.ts'
import { deviceClasses as betaClasses } from '#api/resource/v1beta1/deviceClass.ts'
import { deviceClasses as secondBetaClasses } from '#api/resource/v1beta2/deviceClass.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkEach } from './lists.ts'
import { checkConfiguration, checkSelectors, mostConfigurations } from './selection.ts'

/** Classes of devices. */
export const deviceClassStrategy: Strategy<DeviceClass> = {
  resource: deviceClasses,
  versions: [{ resource: secondBetaClasses }, { resource: betaClasses }],
  unconditionalUpdate: true,
  answersDeleted: true,
  columns: [nameColumn, ageColumn],
  // Names by which pods ask for devices as for other resources are a feature that is off.
  prepare({ spec }) {
    delete spec.extendedResourceName
  },
  validate({ spec: { selectors = [], config = [] } }, _old, report) {
    const place = report.at('spec')
    checkSelectors(selectors, place.at('selectors'))
    checkEach(config, mostConfigurations, place.at('config'), ({ opaque }, one) => checkConfiguration(opaque, one))
  },
}
