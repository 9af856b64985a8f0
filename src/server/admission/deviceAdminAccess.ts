import { namespaces } from '#api/core/v1/namespace.ts'
import { resourceClaims, type DeviceClaim, type ResourceClaim } from '#api/resource/v1/resourceClaim.ts'
import { resourceClaimTemplates, type ResourceClaimTemplate } from '#api/resource/v1/resourceClaimTemplate.ts'
import { ownValue } from '#lib/collections/ownValue.ts'
import { invalid } from '#machinery/status.ts'
import { createReport, problemCauses, type Report } from '#machinery/validate/report.ts'
import { concerns, type AdmissionPlugin, type AdmissionRequest } from './chain.ts'

/** The label by which an administrator lets claims of a namespace watch over devices that others use. */
const mark = 'resource.kubernetes.io/admin-access'

/**
 * Lets claims ask for devices that others use only in namespaces that are meant for it (KEP-5018). Kubernetes does this
 * among the rules of the kinds; here it needs the namespace.
 */
export const deviceAdminAccess: AdmissionPlugin = {
  name: 'DeviceAdminAccess',
  validate(request, cluster) {
    if (request.resource.group !== resourceClaims.group) return
    const { report, problems } = createReport()
    for (const place of placesOf(request, report)) {
      place.forbidden(`admin access to devices requires the \`${mark}: true\` label on the containing namespace`)
    }
    if (problems.length === 0) return
    const labels = cluster.get(namespaces, '', request.namespace)?.metadata.labels
    if (ownValue(labels, mark) === 'true') return
    throw invalid(request.resource, request.object!.metadata.name, problemCauses(problems))
  },
}

/** Where a write asks for such access that the object did not have before. */
function placesOf(request: AdmissionRequest, report: Report): readonly Report[] {
  const isNew = request.operation === 'CREATE'
  if (isNew && concerns(request, resourceClaims)) {
    return requestPlaces((request.object as ResourceClaim).spec.devices, report.at('spec', 'devices'))
  }
  if (isNew && concerns(request, resourceClaimTemplates)) {
    const { spec } = (request.object as ResourceClaimTemplate).spec
    return requestPlaces(spec.devices, report.at('spec', 'spec', 'devices'))
  }
  if (request.operation !== 'UPDATE' || !concerns(request, resourceClaims, 'status')) return []
  const results = resultsOf(request.object as ResourceClaim)
  if (resultsOf(request.old as ResourceClaim).some(({ adminAccess }) => adminAccess === true)) return []
  const place = report.at('status', 'allocation', 'devices', 'results')
  return results.flatMap(({ adminAccess }, index) => (adminAccess === true ? [place.at(index, 'adminAccess')] : []))
}

function requestPlaces(devices: DeviceClaim | undefined, report: Report): readonly Report[] {
  return (devices?.requests ?? []).flatMap(({ exactly }, index) =>
    exactly?.adminAccess === true ? [report.at('requests', index, 'exactly', 'adminAccess')] : [],
  )
}

const resultsOf = ({ status }: ResourceClaim) => status?.allocation?.devices?.results ?? []
