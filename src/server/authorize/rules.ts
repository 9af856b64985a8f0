// What a rule of a role allows, and whether rules together allow as much as others. Pure; used for requests (rbac.ts) and
// for those who write roles (escalation.ts).
import type { PolicyRule } from '#api/rbac/v1/role.ts'
import type { Attributes } from './authorizer.ts'

const all = '*'

/** Whether a rule allows a request. */
export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!hasOrAll(rule.verbs, attributes.verb)) return false
  if (!attributes.isResource) return rule.nonResourceURLs?.some((url) => coversUrl(url, attributes.path)) === true
  const { apiGroups, resources, resourceNames } = rule
  return (
    apiGroups !== undefined &&
    hasOrAll(apiGroups, attributes.group) &&
    resources !== undefined &&
    allowsResource(resources, attributes) &&
    (resourceNames === undefined || resourceNames.length === 0 || resourceNames.includes(attributes.name))
  )
}

function allowsResource(resources: readonly string[], { resource, subresource }: Attributes): boolean {
  for (const each of resources) {
    if (each === all) return true
    if (subresource === '') {
      if (each === resource) return true
    } else if (isSubresource(each, resource, subresource)) return true
  }
  return false
}

/** Whether `each` is `resource/subresource`, or `*` in the place of the resource, without putting texts together. */
function isSubresource(each: string, resource: string, subresource: string): boolean {
  const slash = each.length - subresource.length - 1
  if (slash < 1 || each[slash] !== '/' || !each.endsWith(subresource)) return false
  return slash === resource.length ? each.startsWith(resource) : slash === 1 && each[0] === all
}

const hasOrAll = (list: readonly string[], wanted: string): boolean => list.includes(wanted) || list.includes(all)

/** Whether a path of a rule, which may end in `*`, covers another. */
function coversUrl(url: string, path: string): boolean {
  return url === all || url === path || (url.endsWith(all) && path.startsWith(url.replace(/\*+$/, '')))
}

/** Rules for one verb on one resource (and name) or path each, which together say what `rule` says. */
function breakDown(rule: PolicyRule): PolicyRule[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
  const parts: PolicyRule[] = []
  for (const group of apiGroups)
    for (const resource of resources)
      for (const verb of verbs) {
        const part = { verbs: [verb], apiGroups: [group], resources: [resource] }
        if (resourceNames.length === 0) parts.push(part)
        else parts.push(...resourceNames.map((name) => ({ ...part, resourceNames: [name] })))
      }
  for (const url of nonResourceURLs) parts.push(...verbs.map((verb) => ({ verbs: [verb], nonResourceURLs: [url] })))
  return parts
}

/** What of `wanted` is not allowed by any rule of `held`, as rules for one verb each. */
export function missingRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(breakDown).filter((part) => !held.some((rule) => covers(rule, part)))
}

/** Whether one rule allows all that another does; `part` is for one verb. */
function covers(rule: PolicyRule, part: PolicyRule): boolean {
  if (!hasOrAll(rule.verbs, part.verbs[0]!)) return false
  const url = part.nonResourceURLs?.[0]
  if (url !== undefined) return rule.nonResourceURLs?.some((each) => coversUrl(each, url)) === true
  const [group, resource, name] = [part.apiGroups![0]!, part.resources![0]!, part.resourceNames?.[0]]
  const names = rule.resourceNames ?? []
  const slash = resource.indexOf('/')
  return (
    hasOrAll(rule.apiGroups ?? [], group) &&
    (hasOrAll(rule.resources ?? [], resource) ||
      (slash >= 0 && rule.resources?.includes(`*${resource.slice(slash)}`) === true)) &&
    (names.length === 0 || (name !== undefined && names.includes(name)))
  )
}

/** Rules about one resource each, with their verbs gathered; those about paths come first. */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const others: PolicyRule[] = []
  const gathered = new Map<string, PolicyRule>()
  for (const rule of rules) {
    const { apiGroups, resources, resourceNames = [], nonResourceURLs = [] } = rule
    if (apiGroups?.length !== 1 || resources?.length !== 1 || resourceNames.length > 1 || nonResourceURLs.length > 0) {
      others.push(rule)
      continue
    }
    const key = JSON.stringify([apiGroups[0], resources[0], resourceNames[0]])
    const known = gathered.get(key)
    if (known === undefined) gathered.set(key, { ...rule, verbs: [...rule.verbs] })
    else known.verbs.push(...rule.verbs)
  }
  return [...others, ...gathered.values()]
}

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`: a rule as messages show it. */
export function ruleText(rule: PolicyRule): string {
  const part = (name: string, values: readonly string[] = []): string[] =>
    values.length === 0 ? [] : [`${name}:${quotedList(values)}`]
  return `{${[
    ...part('APIGroups', rule.apiGroups),
    ...part('Resources', rule.resources),
    ...part('NonResourceURLs', rule.nonResourceURLs),
    ...part('ResourceNames', rule.resourceNames),
    ...part('Verbs', rule.verbs),
  ].join(', ')}}`
}

/** `["a" "b"]`: texts as Go's `%q` writes a list of them. */
export const quotedList = (values: readonly string[]): string =>
  `[${values.map((value) => JSON.stringify(value)).join(' ')}]`
