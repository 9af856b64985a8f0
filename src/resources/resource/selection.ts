import type {
  DeviceSelector,
  DeviceTaint,
  DeviceToleration,
  OpaqueDeviceConfiguration,
} from '#api/resource/v1/selection.ts'
import { compileDeviceExpression } from '#machinery/cel/deviceEnvironment.ts'
import { isObject } from '#machinery/schema/model.ts'
import { labelValueProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkOneOf } from '#resources/rules.ts'
import { checkDriverName } from '#resources/storage/rules.ts'
import { checkEach } from './lists.ts'

// What claims, classes and taints say about devices.

const encoder = new TextEncoder()
const mostSelectors = 32
export const mostConfigurations = 32
/** In bytes. */
const longestExpression = 10 * 1024
const longestParameters = 10 * 1024

/** Conditions in CEL. */
export function checkSelectors(selectors: readonly DeviceSelector[], report: Report): void {
  checkEach(selectors, mostSelectors, report, ({ cel }, place) => {
    if (cel === undefined) place.at('cel').required()
    else checkExpression(cel.expression ?? '', place.at('cel', 'expression'))
  })
}

function checkExpression(text: string, report: Report): void {
  if (encoder.encode(text).length > longestExpression) {
    report.tooLong(longestExpression)
    return
  }
  const compiled = compileDeviceExpression(text)
  if ('problem' in compiled) report.invalid(text, compiled.problem)
  else if ('costly' in compiled) report.forbidden('too complex, exceeds cost limit')
}

/** What a driver is told, in a form of its own. */
export function checkConfiguration(opaque: OpaqueDeviceConfiguration | undefined, report: Report): void {
  const place = report.at('opaque')
  if (opaque === undefined) {
    place.required()
    return
  }
  checkDriverName(opaque.driver ?? '', place.at('driver'))
  checkRaw(opaque.parameters, longestParameters, place.at('parameters'))
}

/** An object of any kind, of a bearable size. */
export function checkRaw(value: unknown, longest: number, report: Report): void {
  if (value === undefined || value === null) report.required()
  else if (encoder.encode(JSON.stringify(value)).length > longest) report.tooLong(longest)
  else if (!isObject(value)) report.invalid('<value omitted>', 'must be a valid JSON object')
}

const effects = ['NoExecute', 'NoSchedule']

/** A key, perhaps a value, and an effect. */
export function checkTaint({ key = '', value = '', effect }: DeviceTaint, report: Report): void {
  report.at('key').invalidBecause(key, qualifiedNameProblems(key))
  if (value !== '') report.at('value').invalidBecause(value, labelValueProblems(value))
  if (effect === undefined || (effect as string) === '') report.at('effect').required()
  else checkOneOf(report.at('effect'), effects, effect)
}

/** Taints that do not matter. */
export function checkTolerations(tolerations: readonly DeviceToleration[], report: Report): void {
  checkEach(tolerations, Infinity, report, ({ key = '', operator, value = '', effect }, place) => {
    if (key !== '') place.at('key').invalidBecause(key, qualifiedNameProblems(key))
    if (operator === 'Exists') {
      if (value !== '') place.at('value').invalid(value, 'must be empty for operator `Exists`')
    } else if (operator === 'Equal') place.at('value').invalidBecause(value, labelValueProblems(value))
    else if (operator === undefined) place.at('operator').required()
    else place.at('operator').notSupported(operator, ['Equal', 'Exists'])
    checkOneOf(place.at('effect'), effects, effect)
  })
}
