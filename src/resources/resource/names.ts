import { dnsLabelProblems, dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkDriverName } from '#resources/storage/rules.ts'

// The names that devices, their pools, attributes and counters have.

/** A request, a device, a counter: one word. */
export function checkWord(name: string, report: Report): void {
  report.invalidBecause(name, dnsLabelProblems(name))
}

const longestPool = 253

/** Subdomains with slashes between them. */
export function checkPoolName(name: string, report: Report): void {
  if (name === '') {
    report.required()
    return
  }
  if (name.length > longestPool) report.tooLong(longestPool)
  for (const part of name.split('/')) report.invalidBecause(part, dnsSubdomainProblems(part))
}

const longestIdentifier = 32
const identifierPattern = '[A-Za-z_][A-Za-z0-9_]*'
const identifierProblem =
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' " +
  `(e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '${identifierPattern}')`

function checkIdentifier(name: string, report: Report): void {
  if (name.length > longestIdentifier) report.tooLong(longestIdentifier)
  if (!new RegExp(`^${identifierPattern}$`).test(name)) report.problem('TypeInvalid', identifierProblem, name)
}

/** The longest name of an attribute: a domain, a slash and an identifier. Longer ones are shortened where they are shown. */
const longestAttribute = 63 + 1 + longestIdentifier

/** The entry of a map, whose key may be anything. */
export function entryOf(report: Report, key: string): Report {
  if (key.length <= longestAttribute) return report.key(key)
  const kept = longestAttribute - '...'.length
  return report.key(`${key.slice(0, Math.ceil(kept / 2))}...${key.slice(-Math.floor(kept / 2))}`)
}

/** An attribute or a capacity: an identifier, with a domain before it unless it is the driver's own. */
export function checkAttributeName(name: string, report: Report): void {
  const parts = name.split('/')
  if (name === '') report.required('name required')
  else if (parts.length === 1) checkIdentifier(name, report)
  else if (parts.length === 2) {
    const [domain, own] = parts as [string, string]
    if (domain === '') report.required('the domain must not be empty')
    else checkDriverName(domain, report)
    if (own === '') report.required('the name must not be empty')
    else checkIdentifier(own, report)
  }
}

/** An attribute as constraints name it: always with its domain. */
export function checkFullAttributeName(name: string, report: Report): void {
  checkAttributeName(name, report)
  if (name !== '' && !name.includes('/')) report.invalid(name, 'must include a domain')
}
