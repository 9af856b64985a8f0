import type { ResourceClaim } from '#api/core/v1/container.ts'
import type { PodResourceClaim } from '#api/core/v1/pod.ts'
import { dnsLabelProblems, dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { goForm } from '#resources/goForm.ts'

// Claims of devices: which ones a pod has, and which of them a container sees (KEP-4381).

/** The names of a pod's claims, for the containers that refer to them. */
export type ClaimNames = ReadonlySet<string>

const none: ClaimNames = new Set()

/** The rules of a pod's claims. Returns their names. */
export function checkPodClaims(claims: readonly PodResourceClaim[] | undefined, report: Report): ClaimNames {
  if (claims === undefined || claims.length === 0) return none
  const checked = new Set<string>()
  for (const [index, claim] of claims.entries()) {
    const place = report.at(index)
    const { name = '', resourceClaimName: own, resourceClaimTemplateName: template } = claim
    if (name === '') place.at('name').required()
    else if (checked.has(name)) place.at('name').duplicate(name)
    else {
      place.at('name').invalidBecause(name, dnsLabelProblems(name))
      checked.add(name)
    }
    const shown = (): unknown => goForm('io.k8s.api.core.v1.PodResourceClaim', claim)
    if (own !== undefined && template !== undefined) {
      place.invalid(shown(), 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified')
    }
    if (own === undefined && template === undefined) {
      place.invalid(shown(), 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`')
    }
    if (own !== undefined) place.at('resourceClaimName').invalidBecause(own, dnsSubdomainProblems(own))
    if (template !== undefined) {
      place.at('resourceClaimTemplateName').invalidBecause(template, dnsSubdomainProblems(template))
    }
  }
  return new Set(claims.map(({ name }) => name))
}

/** The claims that a container sees, whole or one request of each; nothing twice. */
export function checkClaimReferences(claims: readonly ResourceClaim[], known: ClaimNames, report: Report): void {
  const whole = new Set<string>()
  const parts = new Map<string, Set<string>>()
  for (const [index, { name = '', request = '' }] of claims.entries()) {
    const place = report.at(index)
    if (name === '') {
      place.required()
      continue
    }
    const requests = parts.get(name) ?? new Set()
    if (whole.has(name)) place.duplicate(name)
    else if (request === '') {
      for (const _ of requests) place.duplicate(name)
      whole.add(name)
    } else {
      place.at('request').invalidBecause(request, dnsLabelProblems(request))
      if (requests.has(request)) place.duplicate(`${name}/${request}`)
      parts.set(name, requests.add(request))
    }
    if (known.has(name)) continue
    const list = known.size === 0 ? ' which is empty' : `: ${[...known].toSorted().join(', ')}`
    place.problem('NotFound', `must be one of the names in pod.spec.resourceClaims${list}`, name)
  }
}
