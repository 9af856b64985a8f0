import { deviceClasses, type DeviceClass } from '#api/resource/v1/deviceClass.ts'
import { deviceClasses as betaClasses } from '#api/resource/v1beta1/deviceClass.ts'
import { deviceClasses as secondBetaClasses } from '#api/resource/v1beta2/deviceClass.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
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
  validate({ spec: { selectors = [], config = [], extendedResourceName } }, _old, report) {
    const place = report.at('spec')
    checkSelectors(selectors, place.at('selectors'))
    checkEach(config, mostConfigurations, place.at('config'), ({ opaque }, one) => checkConfiguration(opaque, one))
    if (extendedResourceName === undefined) return
    const name = place.at('extendedResourceName')
    name.invalidBecause(extendedResourceName, qualifiedNameProblems(extendedResourceName))
    const isOwn = !extendedResourceName.includes('/') || /^([^/]*\.)?kubernetes\.io\//.test(extendedResourceName)
    if (isOwn || extendedResourceName.startsWith('requests.')) {
      name.invalid(extendedResourceName, 'must be a valid extended resource name')
    }
  },
}
