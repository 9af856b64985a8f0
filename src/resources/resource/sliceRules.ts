import type { Device, DeviceAttribute, ResourceSliceSpec } from '#api/resource/v1/resourceSlice.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkNodeSelector } from '#resources/core/pod/rules/placement.ts'
import { goForm } from '#resources/goForm.ts'
import { checkDriverName } from '#resources/storage/rules.ts'
import { checkEach, checkUnique } from './lists.ts'
import { checkAttributeName, checkPoolName, checkWord, entryOf } from './names.ts'

const mostDevices = 128

/**
 * Clears what features say that are off: devices in parts, with taints, with conditions for their use, and for several
 * claims at once.
 */
export function dropSliceSpec(spec: ResourceSliceSpec): void {
  delete spec.sharedCounters
  delete spec.perDeviceNodeSelection
  for (const device of spec.devices ?? []) {
    for (const name of disabled) delete device[name]
    for (const capacity of Object.values(device.capacity ?? {})) delete capacity.requestPolicy
  }
}

const disabled = [
  'taints',
  'consumesCounters',
  'nodeName',
  'nodeSelector',
  'allNodes',
  'bindingConditions',
  'bindingFailureConditions',
  'bindsToNode',
  'allowMultipleAllocations',
] as const

/** The devices of a slice; `checkChanges` is run where upstream looks at what may not change. */
export function checkSliceSpec(spec: ResourceSliceSpec, report: Report, checkChanges: () => void): void {
  const { driver = '', pool } = spec
  const devices = spec.devices ?? []
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
  checkNodes(spec, report)
  checkEach(devices, mostDevices, report.at('devices'), checkDevice)
  checkUnique(devices, report.at('devices'), (device) => device.name ?? '', 'name')
}

/** Where the devices can be used from. */
function checkNodes({ nodeName, nodeSelector, allNodes }: ResourceSliceSpec, report: Report): void {
  const given: string[] = []
  if (nodeName === '') report.at('nodeName').invalid(nodeName, 'must be either unset or set to a non-empty string')
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
  const one = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required'
  if (given.length === 0) report.required(one)
  else if (given.length > 1) report.invalid(`{${given.join(', ')}}`, `${one}, but multiple fields are set`)
}

const mostAttributes = 32

function checkDevice({ name = '', attributes = {}, capacity = {} }: Device, report: Report): void {
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
  for (const key of Object.keys(capacity)) checkAttributeName(key, entryOf(report.at('capacity'), key))
}

/** In bytes. */
const longestValue = 64
const number = '(0|[1-9][0-9]*)'
const before = '(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)'
const semanticVersion = new RegExp(
  `^${number}\\.${number}\\.${number}(-${before}(\\.${before})*)?(\\+[0-9a-zA-Z-]+(\\.[0-9a-zA-Z-]+)*)?$`,
)

function checkAttribute(attribute: DeviceAttribute, report: Report): void {
  const { string, version } = attribute
  if (string !== undefined && Buffer.byteLength(string) > longestValue) report.at('string').tooLong(longestValue)
  if (version !== undefined) {
    const place = report.at('version')
    if (!semanticVersion.test(version)) {
      place.invalid(version, 'must be a string compatible with semver.org spec 2.0.0')
    }
    if (Buffer.byteLength(version) > longestValue) place.tooLong(longestValue)
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
