import { ownValue } from '#lib/collections/ownValue.ts'
import type { ResourceList } from '#api/core/v1/container.ts'
import { limitRanges, type LimitRange, type LimitRangeItem } from '#api/core/v1/limitRange.ts'
import { compareQuantities, mustParseQuantity } from '#machinery/quantity.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkContainerResourceName, checkMeasuredName, mayBeOvercommitted } from '#resources/resourceNames.ts'
import { nameColumn } from '#resources/columns.ts'
import type { Strategy } from '#server/strategy.ts'

/** Limit ranges: what containers, pods and claims of a namespace may ask for, and what they get unasked. */
export const limitRangeStrategy: Strategy<LimitRange> = {
  resource: limitRanges,
  unconditionalUpdate: true,
  createOnUpdate: true,
  generation: false,
  columns: [
    nameColumn,
    {
      name: 'Created At',
      type: 'date',
      description: 'When the object was created.',
      value: ({ metadata }) => metadata.creationTimestamp,
    },
  ],
  default({ spec }) {
    for (const limit of spec?.limits ?? []) {
      if (limit.type !== 'Container') continue
      // A default that is not given follows from the nearest bound.
      limit.default = { ...limit.max, ...limit.default }
      limit.defaultRequest = { ...limit.min, ...limit.default, ...limit.defaultRequest }
      if (Object.keys(limit.default).length === 0) delete limit.default
      if (Object.keys(limit.defaultRequest).length === 0) delete limit.defaultRequest
    }
  },
  validate({ spec }, _old, report) {
    const types = new Set<string>()
    for (const [index, limit] of (spec?.limits ?? []).entries()) {
      const place = report.at('spec', 'limits', index)
      const typeProblems = qualifiedNameProblems(limit.type)
      place.at('type').invalidBecause(limit.type, typeProblems)
      if (typeProblems.length === 0 && !limit.type.includes('/') && !standardTypes.includes(limit.type)) {
        place.at('type').invalid(limit.type, 'must be a standard limit type or fully qualified')
      }
      if (types.has(limit.type)) place.at('type').duplicate(limit.type)
      types.add(limit.type)
      checkLimit(limit, place)
    }
  },
}

const standardTypes: readonly string[] = ['Pod', 'Container', 'PersistentVolumeClaim']

/** Pods and containers have what containers may ask for; others may have anything that is measured. */
function checkNames(type: string, part: string, list: ResourceList | undefined, report: Report): void {
  const check = type === 'Pod' || type === 'Container' ? checkContainerResourceName : checkMeasuredName
  for (const name of Object.keys(list ?? {})) check(name, report.at(part).key(name))
}

function checkLimit(limit: LimitRangeItem, report: Report): void {
  const { type, min = {}, max = {}, defaultRequest = {}, maxLimitRequestRatio = {} } = limit
  const fallback = limit.default ?? {}
  checkNames(type, 'max', max, report)
  checkNames(type, 'min', min, report)
  if (type === 'Pod') {
    if (Object.keys(fallback).length > 0) report.at('default').forbidden("may not be specified when `type` is 'Pod'")
    if (Object.keys(defaultRequest).length > 0) {
      report.at('defaultRequest').forbidden("may not be specified when `type` is 'Pod'")
    }
  } else {
    checkNames(type, 'default', fallback, report)
    checkNames(type, 'defaultRequest', defaultRequest, report)
  }
  if (type === 'PersistentVolumeClaim' && min['storage'] === undefined && max['storage'] === undefined) {
    report.at('limits').required('either minimum or maximum storage value is required, but neither was provided')
  }
  checkNames(type, 'maxLimitRequestRatio', maxLimitRequestRatio, report)
  const names = new Set([min, max, fallback, defaultRequest, maxLimitRequestRatio].flatMap((list) => Object.keys(list)))
  const above = (
    part: string,
    name: string,
    low: string | undefined,
    lowWord: string,
    high: string | undefined,
    highWord: string,
  ): void => {
    if (low === undefined || high === undefined || compareQuantities(low, high) <= 0) return
    report.at(part).key(name).invalid(low, `${lowWord} value ${low} is greater than ${highWord} value ${high}`)
  }
  for (const name of names) {
    const [least, most, request, limitValue] = [min, max, defaultRequest, fallback].map((list) => ownValue(list, name))
    above('min', name, least, 'min', most, 'max')
    if (least !== undefined && request !== undefined && compareQuantities(least, request) > 0) {
      report
        .at('defaultRequest')
        .key(name)
        .invalid(request, `min value ${least} is greater than default request value ${request}`)
    }
    above('defaultRequest', name, request, 'default request', most, 'max')
    above('defaultRequest', name, request, 'default request', limitValue, 'default limit')
    if (least !== undefined && limitValue !== undefined && compareQuantities(least, limitValue) > 0) {
      report.at('default').key(name).invalid(least, `min value ${least} is greater than default value ${limitValue}`)
    }
    if (most !== undefined && limitValue !== undefined && compareQuantities(limitValue, most) > 0) {
      report.at('default').key(name).invalid(most, `default value ${limitValue} is greater than max value ${most}`)
    }
    const ratio = ownValue(maxLimitRequestRatio, name)
    if (ratio !== undefined) checkRatio(ratio, least, most, report.at('maxLimitRequestRatio').key(name))
    if (request === undefined || limitValue === undefined || mayBeOvercommitted(name)) continue
    if (compareQuantities(request, limitValue) !== 0) {
      const problem = `default value ${limitValue} must equal to defaultRequest value ${request} in ${name}`
      report.at('defaultRequest').key(name).invalid(request, problem)
    }
  }
}

function checkRatio(ratio: string, least: string | undefined, most: string | undefined, report: Report): void {
  if (compareQuantities(ratio, '1') < 0) report.invalid(ratio, `ratio ${ratio} is less than 1`)
  if (least === undefined || most === undefined) return
  const highest = Number(mustParseQuantity(most).nanos) / Number(mustParseQuantity(least).nanos)
  if (Number(mustParseQuantity(ratio).nanos) / 1e9 <= highest) return
  report.invalid(
    ratio,
    `ratio ${ratio} is greater than max/min = ${highest === Infinity ? '+Inf' : highest.toFixed(6)}`,
  )
}
