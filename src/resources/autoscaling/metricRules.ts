import type { CrossVersionObjectReference } from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import type { MetricIdentifier, MetricSpec, MetricTarget } from '#api/autoscaling/v2/metric.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { dnsLabelProblems, pathSegmentProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkContainerResourceName } from '#resources/resourceNames.ts'

const types: readonly string[] = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource']

type Source = Exclude<keyof MetricSpec, 'type'>

/** The field of each type. */
const fieldOf: Readonly<Record<string, Source>> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
}

/** In the order in which upstream looks at them: of several only the first is looked at. */
const order: readonly Source[] = ['object', 'external', 'pods', 'resource', 'containerResource']

/** The rules of one measure. With `anyVersion`, the version of an object is not looked at. */
export function checkMetric(metric: MetricSpec, anyVersion: boolean, report: Report): void {
  const type = (metric.type ?? '') as string
  const field = Object.hasOwn(fieldOf, type) ? fieldOf[type] : undefined
  const typePlace = report.at('type')
  if (type === '') typePlace.required('must specify a metric source type')
  if (field === undefined) typePlace.notSupported(type, types)
  const given = order.filter((source) => metric[source] !== undefined)
  if (given[0] !== undefined) checkSource(metric, given[0], anyVersion, report.at(given[0]))
  if (field === undefined) typePlace.notSupported(type, types)
  else if (metric[field] === undefined) {
    report.at(field).required('must populate information for the given metric source')
  }
  if (given.length === 1) return
  for (const other of given)
    if (other !== field) report.at(other).forbidden('must populate the given metric source only')
}

function checkSource(metric: MetricSpec, source: Source, anyVersion: boolean, report: Report): void {
  const place = report.at('target')
  switch (source) {
    case 'object': {
      const { describedObject, metric: measure, target } = metric.object!
      const place = report.at('describedObject')
      checkReference(describedObject, place)
      if (!anyVersion) checkVersion(describedObject, true, place)
      checkMeasure(measure, report.at('metric'))
      checkTarget(target, place)
      if (target.value === undefined && target.averageValue === undefined) {
        place.at('averageValue').required('must set either a target value or averageValue')
      }
      break
    }
    case 'external': {
      const { metric: measure, target } = metric.external!
      checkMeasure(measure, report.at('metric'))
      checkTarget(target, place)
      if (target.value === undefined && target.averageValue === undefined) {
        place.at('averageValue').required('must set either a target value for metric or a per-pod target')
      }
      if (target.value !== undefined && target.averageValue !== undefined) {
        place.at('value').forbidden('may not set both a target value for metric and a per-pod target')
      }
      break
    }
    case 'pods': {
      const { metric: measure, target } = metric.pods!
      checkMeasure(measure, report.at('metric'))
      checkTarget(target, place)
      if (target.averageValue === undefined) {
        place.at('averageValue').required('must specify a positive target averageValue')
      }
      break
    }
    case 'resource':
      if ((metric.resource!.name ?? '') === '') report.at('name').required('must specify a resource name')
      checkUse(metric.resource!.target, place)
      break
    case 'containerResource': {
      const { name = '', container = '', target } = metric.containerResource!
      if (name === '') report.at('name').required('must specify a resource name')
      else checkContainerResourceName(name, report.at('name'))
      if (container === '') report.at('container').required('must specify a container')
      else report.at('container').invalidBecause(container, dnsLabelProblems(container))
      checkUse(target, place)
    }
  }
}

/** An object by kind and name. */
export function checkReference({ kind = '', name = '' }: Partial<CrossVersionObjectReference>, report: Report): void {
  if (kind === '') report.at('kind').required()
  else report.at('kind').invalidBecause(kind, pathSegmentProblems(kind))
  if (name === '') report.at('name').required()
  else report.at('name').invalidBecause(name, pathSegmentProblems(name))
}

/** The version of an object: with a group, unless it may be of the core group. */
export function checkVersion(
  reference: Partial<CrossVersionObjectReference>,
  mayBeCore: boolean,
  report: Report,
): void {
  const problem = versionProblem(reference, mayBeCore)
  if (problem !== undefined) report.at('apiVersion').invalid(reference.apiVersion ?? '', problem)
}

export function versionProblem(
  { apiVersion = '' }: Partial<CrossVersionObjectReference>,
  mayBeCore: boolean,
): string | undefined {
  const slashes = apiVersion === '/' ? 0 : apiVersion.split('/').length - 1
  if (slashes > 1) return `unexpected GroupVersion string: ${apiVersion}`
  const hasGroup = slashes === 1 && !apiVersion.startsWith('/')
  return hasGroup || mayBeCore ? undefined : 'apiVersion must specify API group'
}

function checkMeasure({ name = '' }: Partial<MetricIdentifier>, report: Report): void {
  if (name === '') report.at('name').required('must specify a metric name')
  else report.at('name').invalidBecause(name, pathSegmentProblems(name))
}

/** How much of a resource is to be used: a share of what is requested, or an amount. */
function checkUse(target: MetricTarget, report: Report): void {
  checkTarget(target, report)
  const { averageUtilization, averageValue } = target
  if (averageUtilization === undefined && averageValue === undefined) {
    report.at('averageUtilization').required('must set either a target raw value or a target utilization')
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    report.at('averageValue').forbidden('may not set both a target raw value and a target utilization')
  }
}

const targetTypes: readonly string[] = ['Utilization', 'Value', 'AverageValue']

function checkTarget(
  { type: given, value, averageValue, averageUtilization }: Partial<MetricTarget>,
  report: Report,
): void {
  const type = (given ?? '') as string
  if (type === '') report.at('type').required('must specify a metric target type')
  if (!targetTypes.includes(type)) {
    report.at('type').invalid(type, 'must be either Utilization, Value, or AverageValue')
  }
  for (const [name, amount] of Object.entries({ value, averageValue })) {
    if (amount !== undefined && compareQuantities(amount, '0') <= 0) report.at(name).invalid(amount, 'must be positive')
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    report.at('averageUtilization').invalid(averageUtilization, 'must be greater than 0')
  }
}
