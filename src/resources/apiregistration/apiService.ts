import { apiServices, type APIService } from '#api/apiregistration/v1/apiService.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { timeText } from '#machinery/time.ts'
import { dns1035LabelProblems, dnsSubdomainProblems, portNumberProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { quoteString } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { statusAlone } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'

/** Versions of API groups, and who serves them. */
export const apiServiceStrategy: Strategy<APIService> = {
  resource: apiServices,
  nameRule: 'path-segment',
  reserved: ['status'],
  generation: false,
  columns: [
    nameColumn,
    {
      name: 'Service',
      description: 'The service of the server that has it.',
      value: ({ spec: { service } }) =>
        service === undefined ? 'Local' : `${service.namespace ?? ''}/${service.name ?? ''}`,
    },
    { name: 'Available', description: 'Whether it can be reached.', value: availabilityText },
    ageColumn,
  ],
  subresources: {
    status: {
      ...statusAlone,
      validate({ status = {} }, _old, report) {
        for (const [index, condition] of (status.conditions ?? []).entries()) {
          const allowed = ['True', 'False', 'Unknown']
          if (allowed.includes(condition.status)) continue
          report.at('status', 'conditions', index, 'status').notSupported(condition.status, allowed)
        }
      },
    },
  },
  prepare(apiService, old, { now }) {
    if (old !== undefined || apiService.spec.service !== undefined) return
    apiService.status = {
      conditions: [
        {
          type: 'Available',
          status: 'True',
          lastTransitionTime: timeText(now),
          reason: 'Local',
          message: 'Local APIServices are always available',
        },
      ],
    }
  },
  validate({ metadata, spec }, _old, report) {
    const { group = '', version = '', groupPriorityMinimum = 0, versionPriority = 0 } = spec
    const name = `${version}.${group}`
    if (metadata.name !== name) {
      const why = `must be \`spec.version+"."+spec.group\`: ${quoteString(name)}`
      report.at('metadata', 'name').invalid(metadata.name, why)
    }
    const place = report.at('spec')
    if (group !== '') place.at('group').invalidBecause(group, dnsSubdomainProblems(group))
    else if (version !== 'v1') {
      place.at('group').required('only v1 may have an empty group and it better be legacy kube')
    }
    place.at('version').invalidBecause(version, dns1035LabelProblems(version))
    if (groupPriorityMinimum <= 0 || groupPriorityMinimum > 20_000) {
      place.at('groupPriorityMinimum').invalid(groupPriorityMinimum, 'must be positive and less than 20000')
    }
    if (versionPriority <= 0 || versionPriority > 1_000) {
      place.at('versionPriority').invalid(versionPriority, 'must be positive and less than 1000')
    }
    checkServer(spec, place)
  },
}

/** How another server is known; nothing of this for what is served here. */
function checkServer({ service, caBundle = '', insecureSkipTLSVerify }: APIService['spec'], report: Report): void {
  const insecure = report.at('insecureSkipTLSVerify')
  if (service === undefined) {
    const size = Buffer.byteLength(caBundle, 'base64')
    if (size > 0) report.at('caBundle').invalid(`${size} bytes`, 'local APIServices may not have a caBundle')
    if (insecureSkipTLSVerify === true) insecure.invalid(true, 'local APIServices may not have insecureSkipTLSVerify')
    return
  }
  const { namespace = '', name = '', port = 443 } = service
  if (namespace === '') report.at('service', 'namespace').required()
  if (name === '') report.at('service', 'name').required()
  const problems = portNumberProblems(port)
  if (problems.length > 0) report.at('service', 'port').invalid(port, `port is not valid: ${problems.join(', ')}`)
  if (insecureSkipTLSVerify === true && caBundle !== '') {
    insecure.invalid(true, 'may not be true if caBundle is present')
  }
}

function availabilityText({ status }: APIService): string {
  const condition = conditionOf(status?.conditions, 'Available')
  if (condition === undefined) return 'Unknown'
  const { reason = '' } = condition
  return condition.status === 'True' || reason === '' ? condition.status : `${condition.status} (${reason})`
}
