// The rules for names, label values, port names and the like. Each check gives what is wrong, in upstream's words, as a
// list for `report.invalidBecause`; an empty list means that the value is fine. Lengths are in bytes, as Go counts.

/** A regular expression that can be named in a message, and what it means. */
interface Rule {
  readonly pattern: RegExp
  readonly message: string
}

const bytes = new TextEncoder()
/** Nearly all names are of plain letters, each of which is a byte. */
const notPlain = /[^ -~]/
const longerThan = (value: string, maximum: number): boolean =>
  value.length > maximum || (value.length * 3 > maximum && notPlain.test(value) && bytes.encode(value).length > maximum)

/** `must be no more than 63 characters`. */
const tooLongText = (maximum: number): string => `must be no more than ${maximum} characters`

/** `must be between 1 and 65535, inclusive`. */
const rangeText = (minimum: number, maximum: number): string => `must be between ${minimum} and ${maximum}, inclusive`

/** How messages explain a pattern, two spaces and all: `… (e.g. 'my-name',  or '123-abc', regex used for validation is '…')`. */
function patternText(message: string, pattern: string, ...examples: readonly string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${pattern}')`
  const shown = examples.map((example) => `'${example}', `).join(' or ')
  return `${message} (e.g. ${shown}regex used for validation is '${pattern}')`
}

function rule(message: string, pattern: string, ...examples: readonly string[]): Rule {
  return { pattern: new RegExp(`^(?:${pattern})$`), message: patternText(message, pattern, ...examples) }
}

const labelPattern = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const subdomainPattern = `${labelPattern}(\\.${labelPattern})*`
const namePattern = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const alphanumericEnds = 'and must start and end with an alphanumeric character'

const dnsLabel = rule(
  `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', ${alphanumericEnds}`,
  labelPattern,
  'my-name',
  '123-abc',
)
const dnsSubdomain = rule(
  `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', ${alphanumericEnds}`,
  subdomainPattern,
  'example.com',
)
const wildcardSubdomain = rule(
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  `\\*\\.${subdomainPattern}`,
  '*.example.com',
)
const dns1035Label = rule(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  '[a-z]([-a-z0-9]*[a-z0-9])?',
  'my-name',
  'abc-123',
)
const qualifiedName = rule(
  `must consist of alphanumeric characters, '-', '_' or '.', ${alphanumericEnds}`,
  namePattern,
  'MyName',
  'my.name',
  '123-abc',
)
const labelValue = rule(
  `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', ${alphanumericEnds}`,
  `(${namePattern})?`,
  'MyValue',
  'my_value',
  '12345',
)
const percent = rule(
  "a valid percent string must be a numeric string followed by an ending '%'",
  '[0-9]+%',
  '1%',
  '93%',
)
const headerName = rule(
  "a valid HTTP header must consist of alphanumeric characters or '-'",
  '[-A-Za-z0-9]+',
  'X-Header-Name',
)
const configKey = rule(
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  '[-._a-zA-Z0-9]+',
  'key.name',
  'KEY_NAME',
  'key-name',
)

function check(value: string, { pattern, message }: Rule, maximum?: number): string[] {
  const problems: string[] = []
  if (maximum !== undefined && longerThan(value, maximum)) problems.push(tooLongText(maximum))
  if (!pattern.test(value)) problems.push(message)
  return problems
}

/** A name of one word in DNS (RFC 1123): `my-name`. */
export function dnsLabelProblems(value: string): string[] {
  const problems = longerThan(value, 63) ? [tooLongText(63)] : []
  if (dnsLabel.pattern.test(value)) return problems
  return [...problems, dnsSubdomain.pattern.test(value) ? 'must not contain dots' : dnsLabel.message]
}

/** Words separated by dots (RFC 1123): `my.name`. */
export const dnsSubdomainProblems = (value: string): string[] => check(value, dnsSubdomain, 253)

/** `*.` and a subdomain. */
export const wildcardSubdomainProblems = (value: string): string[] => check(value, wildcardSubdomain, 253)

/** A name of one word that starts with a letter (RFC 1035), as services have. */
export const dns1035LabelProblems = (value: string): string[] => check(value, dns1035Label, 63)

/** A label key: `name` or `example.com/name`. */
export function qualifiedNameProblems(value: string): string[] {
  const parts = value.split('/')
  if (parts.length > 2) {
    return [
      `a valid label key ${qualifiedName.message} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  }
  const problems: string[] = []
  if (parts.length === 2) {
    const prefix = parts[0]!
    if (prefix === '') problems.push('prefix part must be non-empty')
    else problems.push(...dnsSubdomainProblems(prefix).map((problem) => `prefix part ${problem}`))
  }
  const name = parts.at(-1)!
  if (name === '') problems.push('name part must be non-empty')
  else if (longerThan(name, 63)) problems.push(`name part ${tooLongText(63)}`)
  if (!qualifiedName.pattern.test(name)) problems.push(`name part ${qualifiedName.message}`)
  return problems
}

export const labelValueProblems = (value: string): string[] => check(value, labelValue, 63)

/** A name that can stand between slashes in a path, such as those of roles. */
export function pathSegmentProblems(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`]
  return pathSegmentPrefixProblems(value)
}

/** The beginning of such a name (`generateName`). */
function pathSegmentPrefixProblems(value: string): string[] {
  return ['/', '%'].filter((part) => value.includes(part)).map((part) => `may not contain '${part}'`)
}

/** The name of a port (RFC 6335): at most 15 characters, at least one letter. */
export function portNameProblems(value: string): string[] {
  const problems: string[] = []
  if (longerThan(value, 15)) problems.push(tooLongText(15))
  if (!/^[-a-z0-9]+$/.test(value))
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)')
  if (value.includes('--')) problems.push('must not contain consecutive hyphens')
  if (value.startsWith('-') || value.endsWith('-')) problems.push('must not begin or end with a hyphen')
  return problems
}

export const portNumberProblems = (value: number): string[] =>
  Number.isInteger(value) && value >= 1 && value <= 65535 ? [] : [rangeText(1, 65535)]

export const percentProblems = (value: string): string[] => check(value, percent)

export const headerNameProblems = (value: string): string[] => check(value, headerName)

/** The name of an environment variable: any printable ASCII but `=`. */
export function environmentNameProblems(value: string): string[] {
  const problems = value === '' ? ['environment variable name must be non-empty'] : []
  if (/[^ -<>-~]/.test(value)) {
    problems.push("a valid environment variable name must consist only of printable ASCII characters other than '='")
  }
  return problems
}

/** A key of a ConfigMap or Secret, which is also a file name. */
export function configKeyProblems(value: string): string[] {
  const problems = check(value, configKey, 253)
  if (value === '.' || value === '..') problems.push(`must not be '${value}'`)
  else if (value.startsWith('..')) problems.push("must not start with '..'")
  return problems
}

/** Rules that `metadata.name` may have to keep. */
export type NameRule = 'dns-subdomain' | 'dns-label' | 'dns-1035-label' | 'path-segment'

const nameRules: Readonly<Record<NameRule, (value: string) => string[]>> = {
  'dns-subdomain': dnsSubdomainProblems,
  'dns-label': dnsLabelProblems,
  'dns-1035-label': dns1035LabelProblems,
  'path-segment': pathSegmentProblems,
}

/** Checks a name, or with `isPrefix` the beginning of one, which may end with a dash. */
export function nameProblems(nameRule: NameRule, value: string, isPrefix = false): string[] {
  if (!isPrefix) return nameRules[nameRule](value)
  if (nameRule === 'path-segment') return pathSegmentPrefixProblems(value)
  // Upstream replaces the last two characters, not one; texts stay the same.
  const masked = value.length > 1 && value.endsWith('-') ? `${value.slice(0, -2)}a` : value
  return nameRules[nameRule](masked)
}
