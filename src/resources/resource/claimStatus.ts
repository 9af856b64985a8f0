import type {
  AllocatedDeviceStatus,
  AllocationResult,
  ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimStatus,
} from '#api/resource/v1/resourceClaim.ts'
import { parseCidr } from '#lib/net/cidr.ts'
import { formatIp, parseIp } from '#lib/net/ip.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkConditions } from '#resources/conditions.ts'
import { checkNodeSelector } from '#resources/core/pod/rules/placement.ts'
import { goForm } from '#resources/goForm.ts'
import { checkDriverName } from '#resources/storage/rules.ts'
import { checkRequestName, checkRequestNames, requestNames } from './claimRules.ts'
import { checkEach, checkUnique } from './lists.ts'
import { checkPoolName, checkWord } from './names.ts'
import { checkConfiguration, checkRaw, mostConfigurations } from './selection.ts'

const mostConsumers = 256
const mostResults = 32

/** The devices that were given to a claim, and who uses them. */
export function checkClaimStatus(claim: ResourceClaim, old: ResourceClaim, report: Report): void {
  const { reservedFor = [], allocation, devices = [] } = claim.status ?? {}
  const before = old.status ?? {}
  checkEach(reservedFor, mostConsumers, report.at('reservedFor'), checkConsumer)
  checkUnique(reservedFor, report.at('reservedFor'), ({ uid = '' }) => uid, 'uid')
  const allocated = new Set((allocation?.devices?.results ?? []).map(deviceKey))
  checkEach(devices, Infinity, report.at('devices'), (device, place) => checkDevice(device, allocated, place))
  checkUnique(devices, report.at('devices'), deviceKey, 'deviceID')
  checkReservations(claim, before, report.at('reservedFor'))
  if (allocation === undefined) return
  const place = report.at('allocation')
  if (before.allocation === undefined) checkAllocation(allocation, requestNames(claim.spec.devices ?? {}), place)
  else if (!sameJson(allocation, before.allocation)) {
    place.invalid(goForm('io.k8s.api.resource.v1.AllocationResult', allocation), 'field is immutable')
  }
}

/**
 * Clears what features say that are off, shares of devices and conditions for their use, and what is said of devices that
 * the claim no longer has.
 */
export function dropClaimStatus({ status }: ResourceClaim, old: ResourceClaim): void {
  if (status === undefined) return
  delete status.allocation?.allocationTimestamp
  const results = status.allocation?.devices?.results ?? []
  for (const result of results) {
    for (const name of ['bindingConditions', 'bindingFailureConditions', 'shareID', 'consumedCapacity'] as const) {
      delete result[name]
    }
  }
  const gone = new Set((old.status?.allocation?.devices?.results ?? []).map(deviceKey))
  for (const result of results) gone.delete(deviceKey(result))
  const left = (status.devices ?? []).filter((device) => !gone.has(deviceKey(device)))
  for (const device of left) delete device.shareID
  if (left.length === 0) delete status.devices
  else status.devices = left
}

/** Names a device, or a share of it, in the whole cluster. */
function deviceKey(device: { driver?: string; pool?: string; device?: string; shareID?: string }): string {
  const { driver = '', pool = '', device: name = '', shareID } = device
  return [driver, pool, name, ...(shareID === undefined ? [] : [shareID])].join('/')
}

function checkConsumer(consumer: ResourceClaimConsumerReference, report: Report): void {
  for (const member of ['resource', 'name', 'uid'] as const) {
    if ((consumer[member] ?? '') === '') report.at(member).required()
  }
}

function checkReservations({ metadata, status }: ResourceClaim, before: ResourceClaimStatus, report: Report): void {
  const { reservedFor = [], allocation } = status ?? {}
  if (reservedFor.length === 0) return
  if (allocation === undefined) {
    report.forbidden('may not be specified when `allocated` is not set')
    return
  }
  const isNew = (consumer: ResourceClaimConsumerReference): boolean =>
    !(before.reservedFor ?? []).some((other) => sameJson(other, consumer))
  if (metadata.deletionTimestamp !== undefined && reservedFor.some(isNew)) {
    report.forbidden('new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set')
  }
}

function checkAllocation(
  { devices = {}, nodeSelector }: AllocationResult,
  names: ReadonlySet<string>,
  report: Report,
): void {
  const { results = [], config = [] } = devices
  checkEach(results, mostResults, report.at('devices', 'results'), (result, place) => {
    checkRequestName(result.request ?? '', names, place.at('request'))
    checkDriverName(result.driver ?? '', place.at('driver'))
    checkPoolName(result.pool ?? '', place.at('pool'))
    checkWord(result.device ?? '', place.at('device'))
  })
  checkEach(
    config,
    2 * mostConfigurations,
    report.at('devices', 'config'),
    ({ source, requests = [], opaque }, place) => {
      if (source === undefined || (source as string) === '') place.at('source').required()
      else if (source !== 'FromClaim' && source !== 'FromClass') {
        place.at('source').notSupported(source, ['FromClaim', 'FromClass'])
      }
      checkRequestNames(requests, names, place.at('requests'))
      checkConfiguration(opaque, place)
    },
  )
  if (nodeSelector !== undefined) checkNodeSelector(nodeSelector, report.at('nodeSelector'))
}

const mostDeviceConditions = 8
const mostAddresses = 16
/** In bytes. */
const longestData = 10 * 1024
const longestInterface = 256
const longestHardwareAddress = 128

function checkDevice(device: AllocatedDeviceStatus, allocated: ReadonlySet<string>, report: Report): void {
  const { driver = '', pool = '', device: name = '', data, networkData } = device
  const conditions = device.conditions ?? []
  checkDriverName(driver, report.at('driver'))
  checkPoolName(pool, report.at('pool'))
  checkWord(name, report.at('device'))
  if (!allocated.has(deviceKey(device))) {
    report.invalid(deviceKey(device), 'must be an allocated device in the claim')
  }
  if (conditions.length > mostDeviceConditions) {
    report.at('conditions').tooMany(conditions.length, mostDeviceConditions)
  }
  checkConditions(conditions, report.at('conditions'))
  if (data !== undefined) checkRaw(data, longestData, report.at('data'))
  if (networkData === undefined) return
  const { interfaceName = '', hardwareAddress = '', ips = [] } = networkData
  const place = report.at('networkData')
  if (interfaceName.length > longestInterface) place.at('interfaceName').tooLong(longestInterface)
  if (hardwareAddress.length > longestHardwareAddress) place.at('hardwareAddress').tooLong(longestHardwareAddress)
  checkEach(ips, mostAddresses, place.at('ips'), (address, one) => {
    const problem = interfaceProblem(address)
    if (problem !== undefined) one.invalid(address, problem)
  })
  checkUnique(ips, place.at('ips'), (address) => address)
}

/** Why a text is not an address with the length of its prefix, in its one form. */
function interfaceProblem(text: string): string | undefined {
  const [address = '', prefix = ''] = text.split('/')
  const ip = parseIp(address)
  if (ip === undefined || parseCidr(text) === undefined) {
    return 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)'
  }
  const canonical = `${formatIp(ip)}/${Number(prefix)}`
  return canonical === text ? undefined : `must be in canonical form (${JSON.stringify(canonical)})`
}
