import type { Container } from '#api/core/v1/container.ts'
import type { EnvVarSource, ObjectFieldSelector, ResourceFieldSelector } from '#api/core/v1/environment.ts'
import {
  configKeyProblems,
  environmentNameProblems,
  qualifiedNameProblems,
  dnsSubdomainProblems,
} from '#machinery/validate/names.ts'
import { canonicalQuantity, compareQuantities } from '#machinery/quantity.ts'
import type { Report } from '#machinery/validate/report.ts'

/** Fields of a pod that a variable may show. */
const variableFields: readonly string[] = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]
const knownFields = new Set([
  ...variableFields,
  'metadata.labels',
  'metadata.annotations',
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
  'status.nominatedNodeName',
  'spec.hostNetwork',
])
const containerResources = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/

/** The rules of a container's variables and of where they come from. */
export function checkEnvironment({ env = [], envFrom = [] }: Container, report: Report): void {
  // Containers have dozens of variables, and mostly nothing is to be said of any: then no place is made for it.
  for (let index = 0; index < env.length; index++) {
    const { name, value, valueFrom } = env[index]!
    if ((name as string | undefined) === undefined || name === '') report.at('env', index, 'name').required()
    else {
      const problems = environmentNameProblems(name)
      if (problems.length > 0) report.at('env', index, 'name').invalidBecause(name, problems)
    }
    if (valueFrom !== undefined) checkSource(valueFrom, value ?? '', report.at('env', index, 'valueFrom'))
  }
  for (const [index, { prefix = '', configMapRef, secretRef }] of envFrom.entries()) {
    const place = report.at('envFrom', index)
    if (prefix !== '') place.at('prefix').invalidBecause(prefix, environmentNameProblems(prefix))
    if (configMapRef !== undefined) checkReferenceName(configMapRef.name, place.at('configMapRef', 'name'))
    if (secretRef !== undefined) checkReferenceName(secretRef.name, place.at('secretRef', 'name'))
    const given = Number(configMapRef !== undefined) + Number(secretRef !== undefined)
    if (given === 0) report.at('envFrom').invalid('', 'must specify one of: `configMapRef` or `secretRef`')
    else if (given > 1) report.at('envFrom').invalid('', 'may not have more than one field specified at a time')
  }
}

function checkReferenceName(name: string | undefined, report: Report): void {
  if (name === undefined || name === '') report.required()
  else report.invalidBecause(name, dnsSubdomainProblems(name))
}

function checkSource(source: EnvVarSource, value: string, report: Report): void {
  let given = 0
  if (source.fieldRef !== undefined) {
    given++
    checkFieldRef(source.fieldRef, variableFields, report.at('fieldRef'))
  }
  if (source.resourceFieldRef !== undefined) {
    given++
    checkResourceFieldRef(source.resourceFieldRef, report.at('resourceFieldRef'))
  }
  for (const kind of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = source[kind]
    if (reference === undefined) continue
    given++
    const place = report.at(kind)
    place.at('name').invalidBecause(reference.name ?? '', dnsSubdomainProblems(reference.name ?? ''))
    if (reference.key === '') place.at('key').required()
    else place.at('key').invalidBecause(reference.key, configKeyProblems(reference.key))
  }
  if (given === 0) {
    report.invalid('', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`')
  } else if (value !== '') report.invalid('', 'may not be specified when `value` is not empty')
  else if (given > 1) report.invalid('', 'may not have more than one field specified at a time')
}

/** A reference to a field of the pod, one of those that may be used here. */
export function checkFieldRef(
  { apiVersion = '', fieldPath = '' }: Partial<ObjectFieldSelector>,
  allowed: readonly string[],
  report: Report,
): void {
  if (apiVersion === '') return report.at('apiVersion').required()
  if (fieldPath === '') return report.at('fieldPath').required()
  const subscript = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/s.exec(fieldPath)
  if (subscript !== null) {
    const [, , key = ''] = subscript
    const checked = subscript[1] === 'metadata.annotations' ? key.toLowerCase() : key
    return report.at('fieldPath').invalidBecause(fieldPath, qualifiedNameProblems(checked))
  }
  if (!knownFields.has(fieldPath)) {
    return report
      .at('fieldPath')
      .invalid(fieldPath, `error converting fieldPath: field label not supported: ${fieldPath}`)
  }
  if (!allowed.includes(fieldPath)) report.at('fieldPath').notSupported(fieldPath, allowed.toSorted())
}

/** A reference to what a container asks for or may use. */
export function checkResourceFieldRef(
  { resource = '', divisor }: Partial<ResourceFieldSelector>,
  report: Report,
): void {
  if (resource === '') report.at('resource').required()
  else if (!containerResources.test(resource)) {
    const known = [
      'limits.cpu',
      'limits.ephemeral-storage',
      'limits.memory',
      'requests.cpu',
      'requests.ephemeral-storage',
      'requests.memory',
    ]
    report.at('resource').notSupported(resource, known)
  }
  if (divisor !== undefined) checkDivisor(resource, divisor, report.at('divisor'))
}

const binaryUnits = '1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei'

/** By what amounts are divided: one unit of the usual sizes. Upstream shows the resource, not the divisor. */
function checkDivisor(resource: string, divisor: string, report: Report): void {
  const [, word = ''] = resource.split('.')
  const known = divisorWords.find(({ start }) => word.startsWith(start))
  if (known === undefined || compareQuantities(divisor, '0') === 0) return
  const canonical = canonicalQuantity(divisor)
  if (typeof canonical === 'string' && known.units.split(', ').includes(canonical)) return
  const units = known.units.replace(', 1', known.start === 'cpu' ? ' and 1' : ', 1')
  report.invalid(resource, `only divisor's values ${units} are supported with the ${known.shown} resource`)
}

const divisorWords = [
  { start: 'cpu', shown: 'cpu', units: '1m, 1' },
  { start: 'memory', shown: 'memory', units: binaryUnits },
  { start: 'ephemeral-storage', shown: 'local ephemeral storage', units: binaryUnits },
  { start: 'hugepages-', shown: 'hugepages', units: binaryUnits },
] as const
