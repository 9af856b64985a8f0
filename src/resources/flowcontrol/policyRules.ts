import type {
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '#api/flowcontrol/v1/flowSchema.ts'
import { dnsLabelProblems, dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'

// Which requests a flow schema is about: who sends them, and what for.

/** Somebody, and something. */
export function checkRule(rule: PolicyRulesWithSubjects, report: Report): void {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule
  if (subjects.length === 0) report.at('subjects').required('subjects must contain at least one value')
  for (const [index, subject] of subjects.entries()) checkSubject(subject, report.at('subjects', index))
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    report.required('at least one of resourceRules and nonResourceRules has to be non-empty')
  }
  for (const [index, one] of resourceRules.entries()) checkResourceRule(one, report.at('resourceRules', index))
  for (const [index, one] of nonResourceRules.entries()) checkPathRule(one, report.at('nonResourceRules', index))
}

/** The member that each kind of subject has. */
const members = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const

function checkSubject(subject: Subject, report: Report): void {
  const { kind } = subject
  if (!Object.hasOwn(members, kind)) {
    report.at('kind').notSupported(kind, Object.keys(members).toSorted())
    return
  }
  const own = members[kind]
  const place = report.at(own)
  if (subject[own] === undefined) place.required(`${own} is required when subject kind is '${kind}'`)
  else if (own === 'serviceAccount') checkAccount(subject.serviceAccount!, place)
  else if ((subject[own].name ?? '') === '') place.at('name').required()
  for (const [other, member] of Object.entries(members)) {
    if (member === own || subject[member] === undefined) continue
    report.at(member).forbidden(`${member} is forbidden when subject kind is not '${other}'`)
  }
}

function checkAccount({ name = '', namespace = '' }: { name?: string; namespace?: string }, report: Report): void {
  if (name === '') report.at('name').required()
  else if (name !== '*') report.at('name').invalidBecause(name, dnsSubdomainProblems(name))
  if (namespace === '') report.at('namespace').required('must specify namespace for service account')
  else report.at('namespace').invalidBecause(namespace, dnsLabelProblems(namespace))
}

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch']

function checkVerbs(wanted: readonly string[], report: Report): void {
  if (wanted.length === 0) report.required('verbs must contain at least one value')
  else if (wanted.includes('*')) {
    if (wanted.length > 1) report.invalid(wanted, "if '*' is present, must not specify other verbs")
  } else if (!wanted.every((verb) => verbs.includes(verb))) {
    report.problem('NotSupported', `supported values: ${verbs.map((verb) => `"${verb}"`).join(', ')}`, wanted)
  }
}

/** At least one, and a star alone. */
function checkWords(words: readonly string[], report: Report, missing: string, others: string): void {
  if (words.length === 0) report.required(missing)
  else if (words.length > 1 && words.includes('*')) {
    report.invalid(words, `if '*' is present, must not specify other ${others}`)
  }
}

const namespaceIntroduction = "each member of this list must be '*' or a DNS-1123 label; "

function checkResourceRule(rule: ResourcePolicyRule, report: Report): void {
  const { apiGroups = [], resources = [], clusterScope = false } = rule
  const namespaces = rule.namespaces ?? []
  checkVerbs(rule.verbs ?? [], report.at('verbs'))
  const must = 'resource rules must supply at least one'
  checkWords(apiGroups, report.at('apiGroups'), `${must} api group`, 'api groups')
  checkWords(resources, report.at('resources'), `${must} resource`, 'resources')
  const place = report.at('namespaces')
  if (namespaces.length === 0) {
    if (!clusterScope) place.required('resource rules that are not cluster scoped must supply at least one namespace')
  } else if (namespaces.includes('*')) checkWords(namespaces, place, '', 'namespaces')
  else {
    for (const [index, name] of namespaces.entries()) {
      const problems = dnsLabelProblems(name).map((problem) => namespaceIntroduction + problem)
      place.at(index).invalidBecause(name, problems)
    }
  }
}

function checkPathRule({ verbs: wanted = [], nonResourceURLs = [] }: NonResourcePolicyRule, report: Report): void {
  checkVerbs(wanted, report.at('verbs'))
  const place = report.at('nonResourceURLs')
  checkWords(nonResourceURLs, place, 'nonResourceURLs must contain at least one value', 'non-resource URLs')
  if (nonResourceURLs.includes('*')) return
  for (const [index, path] of nonResourceURLs.entries()) {
    const problem = pathProblem(path)
    if (problem !== undefined) place.at(index).invalid(path, problem)
  }
}

function pathProblem(path: string): string | undefined {
  if (path === '') return 'must not be empty'
  if (path === '/') return undefined
  if (!path.startsWith('/')) return 'must start with slash'
  if (path.includes(' ')) return 'must not contain white-space'
  if (path.includes('//')) return 'must not contain double slash'
  const star = path.indexOf('*')
  return star >= 0 && (star < path.length - 1 || !path.endsWith('/*'))
    ? 'wildcard can only do suffix matching'
    : undefined
}
