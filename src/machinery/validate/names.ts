// What names, keys and values may look like. Each function returns what is wrong, in apimachinery's words; nothing when
// all is well. Names are checked by every write, so what is fine costs one regular expression.

const dnsLabel = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const dnsLabelPattern = new RegExp(`^${dnsLabel}$`)
const dnsSubdomain = `${dnsLabel}(\\.${dnsLabel})*`
const dnsSubdomainPattern = new RegExp(`^${dnsSubdomain}$`)
const dns1035Label = '[a-z]([-a-z0-9]*[a-z0-9])?'
const dns1035LabelPattern = new RegExp(`^${dns1035Label}$`)
const qualifiedPart = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const qualifiedPartPattern = new RegExp(`^${qualifiedPart}$`)
const labelValue = `(${qualifiedPart})?`
const labelValuePattern = new RegExp(`^${labelValue}$`)
const configKey = '[-._a-zA-Z0-9]+'
const configKeyPattern = new RegExp(`^${configKey}$`)
const headerName = '[-A-Za-z0-9]+'
const headerNamePattern = new RegExp(`^${headerName}$`)

const mostLabel = 63
const mostSubdomain = 253

/** A text against a pattern, with examples of what would be right. */
function patternProblem(message: string, pattern: string, ...examples: readonly string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(' or ')
  return `${message} (e.g. ${shown}regex used for validation is '${pattern}')`
}

function lengthProblem(most: number): string {
  return `must be no more than ${most} characters`
}

/** A label of a domain name (RFC 1123): the name of most things that become one. */
export function dnsLabelProblems(text: string): readonly string[] {
  if (text.length <= mostLabel && dnsLabelPattern.test(text)) return []
  const problems: string[] = []
  if (text.length > mostLabel) problems.push(lengthProblem(mostLabel))
  if (!dnsLabelPattern.test(text)) {
    const message =
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
    problems.push(patternProblem(message, dnsLabel, 'my-name', '123-abc'))
  }
  return problems
}

/** Labels with dots between them (RFC 1123): the name of most objects. */
export function dnsSubdomainProblems(text: string): readonly string[] {
  if (text.length <= mostSubdomain && dnsSubdomainPattern.test(text)) return []
  const problems: string[] = []
  if (text.length > mostSubdomain) problems.push(lengthProblem(mostSubdomain))
  if (!dnsSubdomainPattern.test(text)) {
    const message =
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
    problems.push(patternProblem(message, dnsSubdomain, 'example.com'))
  }
  return problems
}

/** A label that starts with a letter (RFC 1035): the name of a service. */
export function dns1035LabelProblems(text: string): readonly string[] {
  if (text.length <= mostLabel && dns1035LabelPattern.test(text)) return []
  const problems: string[] = []
  if (text.length > mostLabel) problems.push(lengthProblem(mostLabel))
  if (!dns1035LabelPattern.test(text)) {
    const message =
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character"
    problems.push(patternProblem(message, dns1035Label, 'my-name', 'abc-123'))
  }
  return problems
}

/** A name with an optional domain before a slash: the key of a label, a resource, a finalizer. */
export function qualifiedNameProblems(text: string): readonly string[] {
  const parts = text.split('/')
  const problems: string[] = []
  const message =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
  if (parts.length > 2) {
    const whole =
      "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
    const problem = patternProblem(whole, qualifiedPart, 'MyName', 'my.name', '123-abc')
    return [`${problem} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]
  }
  const name = parts.at(-1)!
  if (parts.length === 2) {
    const prefix = parts[0]!
    if (prefix === '') problems.push('prefix part must be non-empty')
    else problems.push(...dnsSubdomainProblems(prefix).map((problem) => `prefix part ${problem}`))
  }
  if (name === '') problems.push('name part must be non-empty')
  else if (name.length > mostLabel) problems.push(`name part ${lengthProblem(mostLabel)}`)
  if (!qualifiedPartPattern.test(name))
    problems.push(patternProblem(message, qualifiedPart, 'MyName', 'my.name', '123-abc'))
  return problems
}

/** The value of a label; it may be empty. */
export function labelValueProblems(text: string): readonly string[] {
  if (text.length <= mostLabel && labelValuePattern.test(text)) return []
  const problems: string[] = []
  if (text.length > mostLabel) problems.push(lengthProblem(mostLabel))
  if (!labelValuePattern.test(text)) {
    const message =
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
    problems.push(patternProblem(message, labelValue, 'MyValue', 'my_value', '12345'))
  }
  return problems
}

/** A name that becomes one part of a path. */
export function pathSegmentProblems(text: string): readonly string[] {
  if (text === '.' || text === '..') return [`may not be '${text}'`]
  return ['/', '%'].filter((illegal) => text.includes(illegal)).map((illegal) => `may not contain '${illegal}'`)
}

/** The name of a port of a pod or service (RFC 6335). */
export function portNameProblems(text: string): readonly string[] {
  const problems: string[] = []
  if (text.length > 15) problems.push(lengthProblem(15))
  if (!/^[-a-z0-9]+$/.test(text))
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(text)) problems.push('must contain at least one letter (a-z)')
  if (text.includes('--')) problems.push('must not contain consecutive hyphens')
  if (text.startsWith('-') || text.endsWith('-')) problems.push('must not begin or end with a hyphen')
  return problems
}

/** The key of a config map or secret. */
export function configKeyProblems(text: string): readonly string[] {
  const problems: string[] = []
  if (text.length > mostSubdomain) problems.push(lengthProblem(mostSubdomain))
  if (!configKeyPattern.test(text)) {
    const message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    problems.push(patternProblem(message, configKey, 'key.name', 'KEY_NAME', 'key-name'))
  }
  if (text === '.' || text === '..') problems.push(`must not be '${text}'`)
  else if (text.startsWith('..')) problems.push("must not start with '..'")
  return problems
}

/** The name of an environment variable: any printable ASCII but `=` (KEP-4369). */
export function environmentNameProblems(text: string): readonly string[] {
  if (/^[ -<>-~]+$/.test(text)) return []
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
}

/** The name of an HTTP header of a probe. */
export function headerNameProblems(text: string): readonly string[] {
  if (headerNamePattern.test(text)) return []
  return [
    patternProblem("a valid HTTP header must consist of alphanumeric characters or '-'", headerName, 'X-Header-Name'),
  ]
}
