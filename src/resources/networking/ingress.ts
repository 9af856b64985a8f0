import {
  ingresses,
  type HTTPIngressPath,
  type Ingress,
  type IngressRule,
  type IngressSpec,
} from '#api/networking/v1/ingress.ts'
import { parseIp } from '#lib/net/ip.ts'
import { createReport, type Report } from '#machinery/validate/report.ts'
import {
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  wildcardSubdomainProblems,
} from '#machinery/validate/names.ts'
import { loadBalancerWarnings } from '#resources/addresses.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { statusSubresource } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkBackend } from './backend.ts'

const classAnnotation = 'kubernetes.io/ingress.class'
const pathTypes: readonly string[] = ['Exact', 'ImplementationSpecific', 'Prefix']
const mostShown = 3

/** Ingresses: how requests from outside find their services. */
export const ingressStrategy: Strategy<Ingress> = {
  resource: ingresses,
  refusalGroup: 'extensions',
  reserved: ['status'],
  unconditionalUpdate: true,
  columns: [
    nameColumn,
    {
      name: 'Class',
      description: 'The class of its controller.',
      value: ({ spec }) => spec.ingressClassName ?? '<none>',
    },
    {
      name: 'Hosts',
      description: 'The hosts that its rules are for.',
      value: ({ spec }) => hostsText(spec.rules ?? []),
    },
    { name: 'Address', description: 'Where it can be reached.', value: addressText },
    {
      name: 'Ports',
      description: 'The ports on which it listens.',
      value: ({ spec }) => ((spec.tls ?? []).length > 0 ? '80, 443' : '80'),
    },
    ageColumn,
  ],
  subresources: {
    status: {
      ...statusSubresource,
      validate: checkStatus,
      warnings: ({ status }) => loadBalancerWarnings(status?.loadBalancer?.ingress),
    },
  },
  validate({ metadata, spec }, old, report) {
    checkSpec(spec, old?.spec, report.at('spec'))
    const annotation = metadata.annotations?.[classAnnotation]
    if (old !== undefined || annotation === undefined || spec.ingressClassName === undefined) return
    if (annotation !== spec.ingressClassName) {
      const problem = 'must match `ingressClassName` when both are specified'
      report.at('annotations', classAnnotation).invalid(annotation, problem)
    }
  },
  warnings({ metadata, spec }, old) {
    const isOld = metadata.annotations?.[classAnnotation] !== undefined && spec.ingressClassName === undefined
    if (old !== undefined || !isOld) return []
    return [`annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`]
  },
}

function checkSpec(spec: IngressSpec, old: IngressSpec | undefined, report: Report): void {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec
  if (rules.length === 0 && defaultBackend === undefined) {
    report.invalid(spec.rules, 'either `defaultBackend` or `rules` must be specified')
  }
  if (defaultBackend !== undefined) {
    checkBackend(defaultBackend, report.at('defaultBackend'), hasPlainServiceName(old))
  }
  const leniency = { anyService: hasPlainServiceName(old), wildcardRules: hasWrongWildcardRule(old) }
  for (const [index, rule] of rules.entries()) checkRule(rule, leniency, report.at('rules', index))
  const mayNameAny = old?.tls?.some(({ secretName = '' }) => secretProblems(secretName).length > 0) ?? false
  for (const [index, { hosts = [], secretName = '' }] of tls.entries()) {
    const place = report.at('tls', index)
    for (const [position, host] of hosts.entries()) place.at('hosts', position).invalidBecause(host, hostProblems(host))
    if (!mayNameAny) place.at('secretName').invalidBecause(secretName, secretProblems(secretName))
  }
  if (ingressClassName !== undefined) {
    report.at('ingressClassName').invalidBecause(ingressClassName, dnsSubdomainProblems(ingressClassName))
  }
}

/** What an update may keep because it was there before. */
interface Leniency {
  /** Services whose names begin with a digit. */
  readonly anyService: boolean
  readonly wildcardRules: boolean
}

function hasPlainServiceName(old: IngressSpec | undefined): boolean {
  const paths = old?.rules?.flatMap(({ http }) => http?.paths ?? []) ?? []
  return paths.some(({ backend }) => {
    const name = backend?.service?.name ?? ''
    return dnsLabelProblems(name).length === 0 && dns1035LabelProblems(name).length > 0
  })
}

const secretProblems = (name: string): string[] => (name === '' ? [] : dnsSubdomainProblems(name))

function hostProblems(host: string): string[] {
  return host.includes('*') ? wildcardSubdomainProblems(host) : dnsSubdomainProblems(host)
}

/** Rules of wildcard hosts were not looked at once; where one was wrong before they are not now. */
function hasWrongWildcardRule(old: IngressSpec | undefined): boolean {
  return (
    old?.rules?.some((rule) => {
      const { report, problems } = createReport()
      if (rule.host?.includes('*') === true) checkPaths(rule, false, report)
      return problems.length > 0
    }) ?? false
  )
}

function checkRule(rule: IngressRule, leniency: Leniency, report: Report): void {
  const { host = '' } = rule
  if (host !== '') {
    const place = report.at('host')
    if (parseIp(host) !== undefined) place.invalid(host, 'must be a DNS name, not an IP address')
    place.invalidBecause(host, hostProblems(host))
  }
  if (!leniency.wildcardRules || !host.includes('*')) checkPaths(rule, leniency.anyService, report)
}

function checkPaths({ http }: IngressRule, anyService: boolean, report: Report): void {
  if (http === undefined) return
  const place = report.at('http', 'paths')
  const paths = http.paths ?? []
  if (paths.length === 0) place.required()
  for (const [index, path] of paths.entries()) checkPath(path, anyService, place.at(index))
}

const neverWithin: readonly string[] = ['//', '/./', '/../', '%2f', '%2F']
const neverLast: readonly string[] = ['/..', '/.']

function checkPath({ path = '', pathType, backend }: HTTPIngressPath, anyService: boolean, report: Report): void {
  const type = (pathType ?? '') as string
  if (pathType === undefined) return report.at('pathType').required('pathType must be specified')
  const place = report.at('path')
  if (!pathTypes.includes(type)) report.at('pathType').notSupported(type, pathTypes)
  else if (!path.startsWith('/') && (path !== '' || type !== 'ImplementationSpecific')) {
    place.invalid(path, 'must be an absolute path')
  }
  if (type === 'Exact' || type === 'Prefix') {
    for (const part of neverWithin) if (path.includes(part)) place.invalid(path, `must not contain '${part}'`)
    for (const end of neverLast) if (path.endsWith(end)) place.invalid(path, `cannot end with '${end}'`)
  }
  checkBackend(backend ?? {}, report.at('backend'), anyService)
}

function checkStatus({ status }: Ingress, _old: Ingress, report: Report): void {
  for (const [index, { ip = '', hostname = '' }] of (status?.loadBalancer?.ingress ?? []).entries()) {
    const place = report.at('status', 'loadBalancer', 'ingress', index)
    if (ip !== '' && parseIp(ip) === undefined) {
      place.at('ip').invalid(ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')
    }
    if (hostname === '') continue
    place.at('hostname').invalidBecause(hostname, dnsSubdomainProblems(hostname))
    if (parseIp(hostname) !== undefined) place.at('hostname').invalid(hostname, 'must be a DNS name, not an IP address')
  }
}

/** The first hosts; `*` for rules that are for every host. */
function hostsText(rules: readonly IngressRule[]): string {
  const shown: string[] = []
  let isCut = false
  for (const { host = '' } of rules) {
    isCut ||= shown.length === mostShown
    if (!isCut && host !== '') shown.push(host)
  }
  if (shown.length === 0) return '*'
  return isCut ? `${shown.join(',')} + ${rules.length - mostShown} more...` : shown.join(',')
}

function addressText({ status }: Ingress): string {
  const all = (status?.loadBalancer?.ingress ?? []).map(({ ip = '', hostname = '' }) => ip || hostname)
  return [...new Set(all)]
    .filter((address) => address !== '')
    .toSorted()
    .join(',')
}
