import type {
  CapacityRequestPolicy,
  CounterSet,
  Device,
  DeviceAttribute,
  ResourceSliceSpec,
} from '#api/resource/v1/resourceSlice.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { dnsSubdomainProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkNodeSelector } from '#resources/core/pod/rules/placement.ts'
import { goForm } from '#resources/goForm.ts'
import { checkDriverName } from '#resources/storage/rules.ts'
import { checkEach, checkUnique } from './lists.ts'
import { checkAttributeName, checkPoolName, checkWord, entryOf } from './names.ts'
import { checkTaint } from './selection.ts'

const mostDevices = 128
const mostSharedCounters = 32
/** Of all devices of a slice together. */
const mostDeviceCounters = 1024

/** The devices of a slice; `checkChanges` is run where upstream looks at what may not change. */
export function checkSliceSpec(spec: ResourceSliceSpec, report: Report, checkChanges: () => void): void {
  const { driver = '', pool, devices = [], sharedCounters = [], perDeviceNodeSelection } = spec
  const { name = '', resourceSliceCount = 0, generation = 0 } = pool ?? {}
  checkDriverName(driver, report.at('driver'))
  checkPoolName(name, report.at('pool', 'name'))
  if (resourceSliceCount <= 0) {
    report.at('pool', 'resourceSliceCount').invalid(resourceSliceCount, 'must be greater than zero')
  }
  if (generation < 0) {
    report.at('pool', 'generation').invalid(generation, 'must be greater than or equal to zero')
  }
  checkChanges()
  const given = checkNodes(spec, report, 'must be either unset or set to a non-empty string')
  if (perDeviceNodeSelection === true) given.push('`perDeviceNodeSelection`')
  else if (perDeviceNodeSelection === false) {
    report.at('perDeviceNodeSelection').invalid(false, 'must be either unset or set to true')
  }
  const one = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required'
  if (given.length === 0) report.required(one)
  else if (given.length > 1) report.invalid(`{${given.join(', ')}}`, `${one}, but multiple fields are set`)

  const counters = new Map(sharedCounters.map((set) => [set.name ?? '', new Set(Object.keys(set.counters ?? {}))]))
  const place = report.at('devices')
  checkEach(devices, mostDevices, place, (device, at) =>
    checkDevice(device, counters, perDeviceNodeSelection === true, at),
  )
  checkUnique(devices, place, (device) => device.name ?? '', 'name')
  const taken = countOf(devices.flatMap(({ consumesCounters = [] }) => consumesCounters))
  if (taken > mostDeviceCounters) {
    place.invalid(taken, `the total number of counters in devices must not exceed ${mostDeviceCounters}`)
  }
  const shared = countOf(sharedCounters)
  if (shared > mostSharedCounters) {
    report
      .at('sharedCounters')
      .invalid(shared, `the total number of shared counters must not exceed ${mostSharedCounters}`)
  }
  checkEach(sharedCounters, Infinity, report.at('sharedCounters'), checkCounterSet)
  checkUnique(sharedCounters, report.at('sharedCounters'), (set) => set.name ?? '', 'name')
}

const countOf = (sets: readonly { readonly counters?: object }[]): number =>
  sets.reduce((sum, { counters = {} }) => sum + Object.keys(counters).length, 0)

function checkCounterSet({ name = '', counters = {} }: CounterSet, report: Report): void {
  if (name === '') report.at('name').required()
  else checkWord(name, report.at('name'))
  checkCounters(counters, report.at('counters'))
}

function checkCounters(counters: object, report: Report): void {
  const names = Object.keys(counters)
  if (names.length === 0) report.required()
  for (const name of names) checkWord(name, entryOf(report, name))
}

/** Where something can be used from. Gives the members that say so, as messages show them. */
function checkNodes(
  { nodeName, nodeSelector, allNodes }: Pick<Device, 'nodeName' | 'nodeSelector' | 'allNodes'>,
  report: Report,
  emptyName: string,
): string[] {
  const given: string[] = []
  if (nodeName === '') report.at('nodeName').invalid(nodeName, emptyName)
  else if (nodeName !== undefined) {
    given.push('`nodeName`')
    report.at('nodeName').invalidBecause(nodeName, dnsSubdomainProblems(nodeName))
  }
  if (nodeSelector !== undefined) {
    given.push('`nodeSelector`')
    checkNodeSelector(nodeSelector, report.at('nodeSelector'))
    const terms = nodeSelector.nodeSelectorTerms ?? []
    if (terms.length !== 1) {
      const shown = terms.map((term) => goForm('io.k8s.api.core.v1.NodeSelectorTerm', term))
      report.at('nodeSelector', 'nodeSelectorTerms').invalid(shown, 'must have exactly one node selector term')
    }
  }
  if (allNodes === true) given.push('`allNodes`')
  else if (allNodes === false) report.at('allNodes').invalid(false, 'must be either unset or set to true')
  return given
}

const mostAttributes = 32
const mostTaints = 4
const mostCounters = 32
const mostBindingConditions = 4

function checkDevice(
  device: Device,
  shared: ReadonlyMap<string, ReadonlySet<string>>,
  choosesNodes: boolean,
  report: Report,
): void {
  const { name = '', attributes = {}, capacity = {}, taints = [], consumesCounters = [] } = device
  checkWord(name, report.at('name'))
  const size = Object.keys(attributes).length + Object.keys(capacity).length
  if (size > mostAttributes) {
    report.invalid(size, `the total number of attributes and capacities must not exceed ${mostAttributes}`)
  }
  for (const [key, attribute] of Object.entries(attributes)) {
    const place = entryOf(report.at('attributes'), key)
    checkAttributeName(key, place)
    checkAttribute(attribute, place)
  }
  for (const [key, { requestPolicy }] of Object.entries(capacity)) {
    const place = entryOf(report.at('capacity'), key)
    checkAttributeName(key, place)
    if (requestPolicy === undefined) continue
    if (device.allowMultipleAllocations !== true) {
      place.at('requestPolicy').forbidden('allowMultipleAllocations must be true')
    } else checkPolicy(requestPolicy, place.at('requestPolicy'))
  }
  checkEach(taints, mostTaints, report.at('taints'), checkTaint)
  checkEach(consumesCounters, Infinity, report.at('consumesCounters'), ({ counterSet = '', counters = {} }, place) => {
    if (counterSet === '') place.at('counterSet').required()
    checkCounters(counters, place.at('counters'))
  })
  checkUnique(consumesCounters, report.at('consumesCounters'), ({ counterSet = '' }) => counterSet, 'counterSet')
  const count = countOf(consumesCounters)
  if (count > mostCounters) report.invalid(count, `the total number of counters must not exceed ${mostCounters}`)
  for (const [index, { counterSet = '', counters = {} }] of consumesCounters.entries()) {
    const place = report.at('consumesCounters', index)
    const known = shared.get(counterSet)
    if (known === undefined) {
      const why = 'must reference a counterSet defined in the ResourceSlice sharedCounters'
      place.at('counterSet').invalid(counterSet, why)
      continue
    }
    for (const counter of Object.keys(counters)) {
      if (known.has(counter)) continue
      place.at('counters').invalid(counter, 'must reference a counter defined in the ResourceSlice sharedCounters')
    }
  }
  checkDeviceNodes(device, choosesNodes, report)
  for (const list of ['bindingConditions', 'bindingFailureConditions'] as const) {
    checkEach(device[list] ?? [], mostBindingConditions, report.at(list), (condition, place) =>
      place.invalidBecause(condition, qualifiedNameProblems(condition)),
    )
    checkUnique(device[list] ?? [], report.at(list), (condition) => condition)
  }
}

function checkDeviceNodes(device: Device, choosesNodes: boolean, report: Report): void {
  const when = '`perDeviceNodeSelection` is set to true in the ResourceSlice spec'
  if (choosesNodes) {
    const given = checkNodes(device, report, 'must not be empty')
    const one = `exactly one of \`nodeName\`, \`nodeSelector\`, or \`allNodes\` is required when ${when}`
    if (given.length === 0) report.required(one)
    else if (given.length > 1) report.invalid(`{${given.join(', ')}}`, one)
  } else if (device.nodeName !== undefined || device.nodeSelector !== undefined || device.allNodes !== undefined) {
    report.invalid(null, `\`nodeName\`, \`nodeSelector\` and \`allNodes\` can only be set if ${when}`)
  }
}

const longestValue = 64
const number = '(0|[1-9][0-9]*)'
const before = '(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)'
const semanticVersion = new RegExp(
  `^${number}\\.${number}\\.${number}(-${before}(\\.${before})*)?(\\+[0-9a-zA-Z-]+(\\.[0-9a-zA-Z-]+)*)?$`,
)

function checkAttribute(attribute: DeviceAttribute, report: Report): void {
  const { string, version } = attribute
  if (string !== undefined && string.length > longestValue) report.at('string').tooLong(longestValue)
  if (version !== undefined) {
    const place = report.at('version')
    if (version.length > longestValue) place.tooLong(longestValue)
    else if (!semanticVersion.test(version)) {
      place.invalid(version, 'must be a string compatible with semver.org spec 2.0.0')
    }
  }
  const given = Object.values(attribute).filter((value) => value !== undefined).length
  const one = 'exactly one value must be specified'
  if (given === 0) report.required(one)
  else if (given > 1) {
    const { int = null, bool = null } = attribute
    const shown = { IntValue: int, BoolValue: bool, StringValue: string ?? null, VersionValue: version ?? null }
    report.invalid(shown, one)
  }
}

const mostValidValues = 10

function checkPolicy({ default: usual, validValues = [], validRange }: CapacityRequestPolicy, report: Report): void {
  if (validValues.length > 0 && validRange !== undefined) {
    report.forbidden(
      'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time',
    )
    return
  }
  if (usual === undefined && (validValues.length > 0 || validRange !== undefined)) {
    const member = validRange === undefined ? 'validValues' : 'validRange'
    report.at('default').required(`required when ${member} is defined`)
  }
  checkEach(validValues, mostValidValues, report.at('validValues'), (value, place) => {
    const index = validValues.indexOf(value)
    if (index > 0 && compareQuantities(validValues[index - 1]!, value) >= 0) {
      place.invalid(value, 'values must be sorted in ascending order and unique')
    }
  })
  if (validRange === undefined) return
  const { min, max } = validRange
  if (min === undefined) report.at('validRange', 'min').required()
  else if (max !== undefined && compareQuantities(min, max) > 0) {
    report.at('validRange', 'max').invalid(max, `max is less than min: ${min}`)
  }
}
