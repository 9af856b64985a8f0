import {
  resourceClaims,
  type DeviceSubRequest,
  type ExactDeviceRequest,
  type ResourceClaim,
} from '#api/resource/v1/resourceClaim.ts'
import type { ResourceList } from '#api/core/v1/container.ts'
import { addResourceLists, maximumResourceList } from '#machinery/resourceLists.ts'
import { countName, type QuotaEvaluator } from './evaluator.ts'

const suffix = '.deviceclass.resource.k8s.io/devices'
/** What a request for all devices counts as: the most that one claim can get. */
const mostDevices = 32

/** Claims of devices use devices of classes, as many as they may get. */
export const deviceClaimEvaluator: QuotaEvaluator = {
  measures: (name) => name === countName(resourceClaims) || name.endsWith(suffix),
  charges: (_operation, subresource) => subresource === '',
  usage(object) {
    let usage: ResourceList = { [countName(resourceClaims)]: '1' }
    for (const { exactly, firstAvailable = [] } of (object as ResourceClaim).spec.devices?.requests ?? []) {
      if (exactly !== undefined) usage = addResourceLists(usage, devicesOf(exactly))
      // One of the alternatives will be taken: whichever needs most of a class.
      const most = firstAvailable.map(devicesOf).reduce(maximumResourceList, {})
      usage = addResourceLists(usage, most)
    }
    return usage
  },
  isInScope: () => false,
}

function devicesOf({ deviceClassName, allocationMode, count }: ExactDeviceRequest | DeviceSubRequest): ResourceList {
  return { [deviceClassName + suffix]: String(allocationMode === 'All' ? mostDevices : (count ?? 1)) }
}
