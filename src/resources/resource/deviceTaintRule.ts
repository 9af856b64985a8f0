import { deviceTaintRules, type DeviceTaintRule } from '#api/resource/v1alpha3/deviceTaintRule.ts'
import { timeText } from '#machinery/time.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkDriverName } from '#resources/storage/rules.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkPoolName, checkWord } from './names.ts'
import { checkSelectors, checkTaint } from './selection.ts'

/** Taints that administrators put on devices. */
export const deviceTaintRuleStrategy: Strategy<DeviceTaintRule> = {
  resource: deviceTaintRules,
  unconditionalUpdate: true,
  answersDeleted: true,
  columns: [nameColumn, ageColumn],
  prepare({ spec: { taint } }, _old, { now }) {
    if (taint !== undefined) taint.timeAdded ??= timeText(now)
  },
  validate({ spec: { deviceSelector, taint } }, _old, report) {
    const { deviceClassName, driver, pool, device, selectors = [] } = deviceSelector ?? {}
    const place = report.at('spec', 'deviceSelector')
    if (deviceClassName !== undefined) {
      place.at('deviceClassName').invalidBecause(deviceClassName, dnsSubdomainProblems(deviceClassName))
    }
    if (driver !== undefined) checkDriverName(driver, place.at('driver'))
    if (pool !== undefined) checkPoolName(pool, place.at('pool'))
    if (device !== undefined) checkWord(device, place.at('device'))
    checkSelectors(selectors, place.at('selectors'))
    checkTaint(taint ?? {}, report.at('spec', 'taint'))
  },
}
