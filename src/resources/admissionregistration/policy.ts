import type { ParamKind, ParamRef, Variable } from '#api/admissionregistration/v1/policy.ts'
import type { PolicyCompiler } from '#machinery/cel/admissionEnvironment.ts'
import { dns1035LabelProblems, dnsSubdomainProblems, pathSegmentProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkOneOf } from '#resources/rules.ts'
import { checkSelector } from '#resources/selector.ts'

// What validating and mutating policies, and their bindings, have in common.

/** The kind of the parameters: a group, a version and a kind that could exist. */
export function checkParamKind({ apiVersion = '', kind = '' }: ParamKind, report: Report): void {
  checkApiVersion(apiVersion, report.at('apiVersion'))
  const problems = dns1035LabelProblems(kind.toLowerCase())
  if (kind === '') report.at('kind').required()
  else if (problems.length > 0) {
    report.at('kind').invalid(kind, `may have mixed case, but should otherwise match: ${problems.join(',')}`)
  }
}

function checkApiVersion(apiVersion: string, report: Report): void {
  const parts = apiVersion === '/' ? [''] : apiVersion.split('/')
  if (apiVersion === '') report.required()
  else if (parts.length > 2) report.invalid(apiVersion, `unexpected GroupVersion string: ${apiVersion}`)
  else {
    const [version = '', group = ''] = parts.toReversed()
    const groupProblems = group === '' ? [] : dnsSubdomainProblems(group)
    if (groupProblems.length > 0) report.invalid(group, groupProblems.join(','))
    const versionProblems = dns1035LabelProblems(version)
    if (version === '') report.invalid(apiVersion, 'version must be specified')
    else if (versionProblems.length > 0) report.invalid(version, versionProblems.join(','))
  }
}

/** The objects with the parameters: named, or selected. */
export function checkParamRef({ name = '', selector, parameterNotFoundAction }: ParamRef, report: Report): void {
  const both = 'name and selector are mutually exclusive'
  if (name !== '') {
    report.at('name').invalidBecause(name, pathSegmentProblems(name))
    if (selector !== undefined) report.at('name').forbidden(both)
  }
  if (selector !== undefined) {
    checkSelector(selector, report.at('selector'))
    if (name !== '') report.at('selector').forbidden(both)
  }
  if (name === '' && selector === undefined) report.required('one of name or selector must be specified')
  if (parameterNotFoundAction === undefined) report.at('parameterNotFoundAction').required()
  else checkOneOf(report.at('parameterNotFoundAction'), ['Deny', 'Allow'], parameterNotFoundAction)
}

const reservedWords = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
)

/** Variables with names that CEL can read, and expressions. Declares them to the compiler of the policy. */
export function checkVariables(variables: readonly Variable[], report: Report, compiler: PolicyCompiler): void {
  for (const [index, { name = '', expression = '' }] of variables.entries()) {
    const place = report.at(index)
    if (name.trim() === '') place.at('name').required('name is not specified')
    else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) || reservedWords.has(name)) {
      place.at('name').invalid(name, 'must be a valid CEL identifier')
    }
    if (expression.trim() === '') place.at('expression').required('expression is not specified')
    else {
      const { problem } = compiler.addVariable(name, expression)
      if (problem !== undefined) place.at('expression').invalid(expression, problem)
    }
  }
}

/** A binding names a policy. */
export function checkPolicyName(policyName: string, report: Report): void {
  if (policyName === '') report.required()
  else report.invalidBecause(policyName, dnsSubdomainProblems(policyName))
}

/** The cell that tells where parameters come from. */
export function paramRefText(paramRef: ParamRef | undefined): string {
  if (paramRef === undefined) return '<unset>'
  const { name = '', namespace = '' } = paramRef
  return namespace === '' ? name : `${namespace}/${name}`
}

/** The cell that tells the kind of the parameters. */
export function paramKindText(paramKind: ParamKind | undefined): string {
  return paramKind === undefined ? '<unset>' : `${paramKind.apiVersion ?? ''}/${paramKind.kind ?? ''}`
}
