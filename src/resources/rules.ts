import { sameJson } from '#lib/encoding/sameJson.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'

// Rules that many kinds share. Each adds what is wrong, in Kubernetes' words, to the report that it is given.

/** Numbers that may be absent but not below `least`. */
export function checkAtLeast(report: Report, least: number, value: number | undefined): void {
  if (value !== undefined && value < least) {
    report.invalid(value, `must be greater than or equal to ${least}`)
  }
}

/** A part that stays as it was when the object was created. */
export function checkImmutable(report: Report, value: unknown, old: unknown): void {
  if (!sameJson(value, old)) report.invalid(value, 'field is immutable')
}

/** One of a closed set of words; absent is for other rules. */
export function checkOneOf(report: Report, values: readonly string[], value: string | undefined): void {
  if (value !== undefined && !values.includes(value)) report.notSupported(value, values)
}

const pathCharacters = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
const path = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/

/** A name of one's own such as `acme.io/foo`: a domain, a slash and a path. */
export function checkDomainPrefixedPath(value: string, report: Report): void {
  if (value === '') return report.required()
  const slash = value.indexOf('/')
  const [domain, rest] = [value.slice(0, slash), value.slice(slash + 1)]
  if (slash <= 0 || rest === '') {
    return report.invalid(value, 'must be a domain-prefixed path (such as "acme.io/foo")')
  }
  report.invalidBecause(domain, dnsSubdomainProblems(domain))
  if (!path.test(rest)) report.invalid(rest, `Invalid path (regex used for validation is '${pathCharacters}')`)
}
