import type { IngressBackend, IngressServiceBackend } from '#api/networking/v1/ingress.ts'
import {
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  pathSegmentProblems,
  portNameProblems,
} from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkPortNumber } from '#resources/network.ts'

/** Who answers a request: a service or another object, one of both. With `anyService` the name of one may begin with a digit. */
export function checkBackend({ resource, service }: IngressBackend, report: Report, anyService = false): void {
  if (resource !== undefined && service !== undefined) {
    report.invalid('', 'cannot set both resource and service backends')
  } else if (resource !== undefined) checkObjectReference(resource, report.at('resource'))
  else if (service !== undefined) checkService(service, anyService, report)
  else report.invalid('', 'resource or service backend is required')
}

function checkService({ name = '', port = {} }: IngressServiceBackend, anyName: boolean, report: Report): void {
  const place = report.at('service')
  if (name === '') place.at('name').required()
  else place.at('name').invalidBecause(name, anyName ? dnsLabelProblems(name) : dns1035LabelProblems(name))
  const { name: portName = '', number = 0 } = port
  if (portName !== '' && number !== 0) report.invalid('', 'cannot set both port name & port number')
  else if (portName !== '') place.at('port', 'name').invalidBecause(portName, portNameProblems(portName))
  else if (number !== 0) checkPortNumber(number, place.at('port', 'number'))
  else report.required('port name or number is required')
}

/** An object of some group and kind. */
export function checkObjectReference(
  { apiGroup, kind = '', name = '' }: { readonly apiGroup?: string; readonly kind: string; readonly name: string },
  report: Report,
): void {
  if (apiGroup !== undefined) report.at('apiGroup').invalidBecause(apiGroup, dnsSubdomainProblems(apiGroup))
  if (kind === '') report.at('kind').required()
  else report.at('kind').invalidBecause(kind, pathSegmentProblems(kind))
  if (name === '') report.at('name').required()
  else report.at('name').invalidBecause(name, pathSegmentProblems(name))
}
