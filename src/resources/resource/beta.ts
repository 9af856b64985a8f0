import type { ResourceClaim, ResourceClaimSpec } from '#api/resource/v1/resourceClaim.ts'
import type { ResourceClaimTemplate } from '#api/resource/v1/resourceClaimTemplate.ts'
import type { ResourceSlice } from '#api/resource/v1/resourceSlice.ts'
import {
  resourceClaims,
  type DeviceRequest as BetaRequest,
  type ResourceClaim as BetaClaim,
  type ResourceClaimSpec as BetaClaimSpec,
} from '#api/resource/v1beta1/resourceClaim.ts'
import {
  resourceClaimTemplates,
  type ResourceClaimTemplate as BetaTemplate,
} from '#api/resource/v1beta1/resourceClaimTemplate.ts'
import { resourceSlices, type ResourceSlice as BetaSlice } from '#api/resource/v1beta1/resourceSlice.ts'
import type { OtherVersion } from '#server/strategy.ts'

// v1beta1: what is asked for stands in the request itself, and what a device is stands in a member of its own.

/** Claims in v1beta1. */
export const betaClaims: OtherVersion<ResourceClaim, BetaClaim> = {
  resource: resourceClaims,
  default: ({ spec }) => defaultMode(spec),
  up: ({ spec, ...rest }) => ({ ...rest, spec: specUp(spec) }),
  down: ({ spec, ...rest }) => ({ ...rest, spec: specDown(spec) }),
}

/** Templates of claims in v1beta1. */
export const betaClaimTemplates: OtherVersion<ResourceClaimTemplate, BetaTemplate> = {
  resource: resourceClaimTemplates,
  default: ({ spec }) => defaultMode(spec.spec),
  up: ({ spec, ...rest }) => ({ ...rest, spec: { ...spec, spec: specUp(spec.spec) } }),
  down: ({ spec, ...rest }) => ({ ...rest, spec: { ...spec, spec: specDown(spec.spec) } }),
}

/** Slices in v1beta1. */
export const betaSlices: OtherVersion<ResourceSlice, BetaSlice> = {
  resource: resourceSlices,
  up({ spec: { devices, ...spec }, ...rest }) {
    return { ...rest, spec: { ...spec, devices: devices?.map(({ name, basic }) => ({ name, ...basic })) ?? null } }
  },
  down({ spec: { devices, ...spec }, ...rest }) {
    return { ...rest, spec: { ...spec, devices: devices?.map(({ name, ...basic }) => ({ name, basic })) ?? null } }
  },
}

/** A request with one sort of devices asks for a number of them unless it says otherwise. */
function defaultMode({ devices }: BetaClaimSpec): void {
  for (const request of devices?.requests ?? []) {
    if ((request.firstAvailable ?? []).length === 0) request.allocationMode ??= 'ExactCount'
  }
}

function specUp({ devices, ...rest }: BetaClaimSpec): ResourceClaimSpec {
  const { requests, ...others } = devices ?? {}
  const moved = requests?.map(({ name, firstAvailable, deviceClassName, ...more }) => {
    const exactly = { ...((deviceClassName ?? '') === '' ? {} : { deviceClassName: deviceClassName! }), ...more }
    return {
      name,
      ...(Object.keys(exactly).length === 0 ? {} : { exactly: { deviceClassName: '', ...exactly } }),
      ...(firstAvailable === undefined ? {} : { firstAvailable }),
    }
  })
  return { ...rest, devices: { requests: moved ?? null, ...others } }
}

function specDown({ devices, ...rest }: ResourceClaimSpec): BetaClaimSpec {
  const { requests, ...others } = devices ?? {}
  const moved = requests?.map(({ exactly, ...request }): BetaRequest => ({ ...exactly, ...request }))
  return { ...rest, devices: { requests: moved ?? null, ...others } }
}
