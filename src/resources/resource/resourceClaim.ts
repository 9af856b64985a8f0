import { resourceClaims, type ResourceClaim } from '#api/resource/v1/resourceClaim.ts'
import { resourceClaims as secondBetaClaims } from '#api/resource/v1beta2/resourceClaim.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { goForm } from '#resources/goForm.ts'
import { statusAlone } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'
import { betaClaims } from './beta.ts'
import { checkClaimSpec, defaultClaimSpec, dropClaimSpec } from './claimRules.ts'
import { checkClaimStatus, dropClaimStatus } from './claimStatus.ts'

/** Claims: devices that pods ask for. */
export const resourceClaimStrategy: Strategy<ResourceClaim> = {
  resource: resourceClaims,
  versions: [{ resource: secondBetaClaims }, betaClaims],
  reserved: ['status'],
  unconditionalUpdate: true,
  generation: false,
  answersDeleted: true,
  columns: [
    nameColumn,
    { name: 'State', description: 'Whether devices were given, and are used.', value: stateText },
    ageColumn,
  ],
  subresources: {
    status: {
      ...statusAlone,
      prepare: dropClaimStatus,
      validate: (claim, old, report) => checkClaimStatus(claim, old, report.at('status')),
    },
  },
  default: ({ spec }) => defaultClaimSpec(spec),
  prepare: ({ spec }) => dropClaimSpec(spec),
  validate({ spec }, old, report) {
    const place = report.at('spec')
    checkClaimSpec(spec, place)
    if (old !== undefined && !sameJson(spec, old.spec)) {
      place.invalid(goForm('io.k8s.api.resource.v1.ResourceClaimSpec', spec), 'field is immutable')
    }
  },
}

function stateText({ metadata, status }: ResourceClaim): string {
  const isDeleted = metadata.deletionTimestamp !== undefined
  const states = isDeleted ? ['deleted'] : []
  if (status?.allocation === undefined) {
    if (!isDeleted) states.push('pending')
  } else {
    states.push('allocated')
    if ((status.reservedFor ?? []).length > 0) states.push('reserved')
  }
  return states.join(',')
}
