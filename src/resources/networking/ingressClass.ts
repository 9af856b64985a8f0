import {
  ingressClasses,
  type IngressClass,
  type IngressClassParametersReference,
} from '#api/networking/v1/ingressClass.ts'
import { dnsLabelProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkDomainPrefixedPath, checkImmutable } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkObjectReference } from './backend.ts'

const longestController = 250
const scopes: readonly string[] = ['Cluster', 'Namespace']

/** Ingress classes: which controller serves an ingress. */
export const ingressClassStrategy: Strategy<IngressClass> = {
  resource: ingressClasses,
  unconditionalUpdate: true,
  columns: [
    nameColumn,
    {
      name: 'Controller',
      description: 'Who serves the ingresses of the class.',
      value: ({ spec }) => spec.controller ?? '',
    },
    {
      name: 'Parameters',
      description: 'An object with further settings.',
      value: ({ spec }) => (spec.parameters === undefined ? '<none>' : parametersText(spec.parameters)),
    },
    ageColumn,
  ],
  default({ spec }) {
    if (spec.parameters !== undefined) spec.parameters.scope ??= 'Cluster'
  },
  validate({ spec }, old, report) {
    const { controller = '', parameters } = spec
    const place = report.at('spec')
    if (old !== undefined) checkImmutable(place.at('controller'), controller, old.spec.controller ?? '')
    if (controller.length > longestController) place.at('controller').tooLong(longestController)
    checkDomainPrefixedPath(controller, place.at('controller'))
    if (parameters !== undefined) checkParameters(parameters, place.at('parameters'))
  },
}

function checkParameters(parameters: IngressClassParametersReference, report: Report): void {
  const { scope, namespace } = parameters
  checkObjectReference(parameters, report)
  if (scope === undefined) return report.at('scope').required()
  if (!scopes.includes(scope)) report.at('scope').notSupported(scope, scopes)
  else if (scope === 'Namespace') {
    if (namespace === undefined) report.at('namespace').required("`parameters.scope` is set to 'Namespace'")
    else report.at('namespace').invalidBecause(namespace, dnsLabelProblems(namespace))
  } else if (namespace !== undefined) report.at('namespace').forbidden("`parameters.scope` is set to 'Cluster'")
}

function parametersText({ apiGroup, kind, name }: IngressClassParametersReference): string {
  return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`
}
