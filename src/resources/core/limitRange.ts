import { ownValue } from '#lib/collections/ownValue.ts'
import { limitRanges, type LimitRange, type LimitRangeItem } from '#api/core/v1/limitRange.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
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
      place.at('type').invalidBecause(limit.type, qualifiedNameProblems(limit.type))
      if (types.has(limit.type)) place.at('type').duplicate(limit.type)
      types.add(limit.type)
      checkLimit(limit, place)
    }
  },
}

function checkLimit(limit: LimitRangeItem, report: Report): void {
  const { type, min = {}, max = {}, defaultRequest = {}, maxLimitRequestRatio = {} } = limit
  const fallback = limit.default ?? {}
  if (type === 'Pod') {
    if (Object.keys(fallback).length > 0) report.at('default').forbidden("may not be specified when `type` is 'Pod'")
    if (Object.keys(defaultRequest).length > 0) {
      report.at('defaultRequest').forbidden("may not be specified when `type` is 'Pod'")
    }
  }
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
    if (ratio !== undefined && compareQuantities(ratio, '1') < 0) {
      report.at('maxLimitRequestRatio').key(name).invalid(ratio, `ratio ${ratio} is less than 1`)
    }
  }
}
