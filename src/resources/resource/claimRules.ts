import type {
  DeviceClaim,
  DeviceRequest,
  DeviceSubRequest,
  ExactDeviceRequest,
  ResourceClaimSpec,
} from '#api/resource/v1/resourceClaim.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkEach, checkUnique } from './lists.ts'
import { checkFullAttributeName, checkWord } from './names.ts'
import { checkConfiguration, checkSelectors, checkTolerations, mostConfigurations } from './selection.ts'

export const mostRequests = 32
const mostConstraints = 32
const mostSorts = 8

/** The devices that a claim asks for. */
export function checkClaimSpec({ devices = {} }: ResourceClaimSpec, report: Report): void {
  const { constraints = [], config = [] } = devices
  const requests = devices.requests ?? []
  const place = report.at('devices')
  const names = requestNames(devices)
  checkEach(requests, mostRequests, place.at('requests'), checkRequest)
  checkUnique(requests, place.at('requests'), ({ name = '' }) => name, 'name')
  checkEach(constraints, mostConstraints, place.at('constraints'), (constraint, one) => {
    const { matchAttribute, distinctAttribute } = constraint
    checkRequestNames(constraint.requests ?? [], names, one.at('requests'))
    if (matchAttribute !== undefined) checkFullAttributeName(matchAttribute, one.at('matchAttribute'))
    else if (distinctAttribute !== undefined) checkFullAttributeName(distinctAttribute, one.at('distinctAttribute'))
    else one.at('matchAttribute').required()
  })
  checkEach(config, mostConfigurations, place.at('config'), (one, at) => {
    checkRequestNames(one.requests ?? [], names, at.at('requests'))
    checkConfiguration(one.opaque, at)
  })
}

/** How a claim's requests can be named: by their own names, and behind them those of their sorts. */
export function requestNames({ requests }: DeviceClaim): ReadonlySet<string> {
  const names = new Set<string>()
  for (const { name = '', firstAvailable = [] } of requests ?? []) {
    names.add(name)
    for (const sort of firstAvailable) names.add(`${name}/${sort.name ?? ''}`)
  }
  return names
}

/** The name of a request that there is. */
export function checkRequestName(name: string, names: ReadonlySet<string>, report: Report): void {
  const parts = name.split('/')
  if (parts.length <= 2) for (const part of parts) checkWord(part, report)
  if (names.has(name)) return
  report.invalid(
    name,
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
  )
}

export function checkRequestNames(wanted: readonly string[], names: ReadonlySet<string>, report: Report): void {
  checkEach(wanted, mostRequests, report, (name, place) => checkRequestName(name, names, place))
  checkUnique(wanted, report, (name) => name)
}

function checkRequest(request: DeviceRequest, report: Report): void {
  const { name = '', exactly, firstAvailable = [] } = request
  checkWord(name, report.at('name'))
  if (firstAvailable.length > 0) {
    checkEach(firstAvailable, mostSorts, report.at('firstAvailable'), (sort, place) => {
      checkWord(sort.name ?? '', place.at('name'))
      checkDevices(sort, place)
    })
    checkUnique(firstAvailable, report.at('firstAvailable'), (sort) => sort.name ?? '', 'name')
  }
  if (exactly !== undefined) checkDevices(exactly, report.at('exactly'))
  const one = 'exactly one of `exactly` or `firstAvailable` is required'
  if (exactly === undefined && firstAvailable.length === 0) report.required(one)
  else if (exactly !== undefined && firstAvailable.length > 0) {
    report.invalid(null, `${one}, but multiple fields are set`)
  }
}

function checkDevices(request: ExactDeviceRequest | DeviceSubRequest, report: Report): void {
  const { deviceClassName = '', selectors = [], allocationMode, count = 0, tolerations = [] } = request
  const place = report.at('deviceClassName')
  if (deviceClassName === '') place.required()
  else place.invalidBecause(deviceClassName, dnsSubdomainProblems(deviceClassName))
  checkSelectors(selectors, report.at('selectors'))
  if (allocationMode === 'All') {
    if (count !== 0) report.at('count').invalid(count, "must not be specified when allocationMode is 'All'")
  } else if (allocationMode !== 'ExactCount') {
    report.at('allocationMode').notSupported(allocationMode ?? '', ['All', 'ExactCount'])
  } else if (count <= 0) report.at('count').invalid(count, 'must be greater than zero')
  checkTolerations(tolerations, report.at('tolerations'))
}

/** Clears what features say that are off: parts of the capacity of devices. */
export function dropClaimSpec({ devices }: ResourceClaimSpec): void {
  for (const { exactly, firstAvailable = [] } of devices?.requests ?? []) {
    for (const request of [...(exactly === undefined ? [] : [exactly]), ...firstAvailable]) delete request.capacity
  }
}

/** A number of devices is one unless it is said. */
export function defaultClaimSpec({ devices }: ResourceClaimSpec): void {
  for (const { exactly, firstAvailable = [] } of devices?.requests ?? []) {
    for (const request of [...(exactly === undefined ? [] : [exactly]), ...firstAvailable]) {
      if (request.allocationMode === 'ExactCount' && (request.count ?? 0) === 0) request.count = 1
    }
  }
}
