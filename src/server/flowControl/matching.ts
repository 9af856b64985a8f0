// Which requests a flow schema is about. Pure. Source: apiserver v0.34, pkg/util/flowcontrol/rule.go.
import type {
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '#api/flowcontrol/v1/flowSchema.ts'
import { accountUser } from '../identities.ts'
import type { RequestInfo } from '../requestInfo.ts'
import type { Caller } from '../strategy.ts'

const all = '*'

/** Whether one of the subjects of a rule is the caller. */
export function isAboutCaller({ subjects = [] }: PolicyRulesWithSubjects, caller: Caller): boolean {
  return subjects.some((subject) => isCaller(subject, caller))
}

function isCaller({ kind, user, group, serviceAccount }: Subject, { name, groups }: Caller): boolean {
  switch (kind) {
    case 'User':
      return user !== undefined && (user.name === all || user.name === name)
    case 'Group':
      return group !== undefined && (group.name === all || groups.includes(group.name))
    case 'ServiceAccount':
      if (serviceAccount === undefined) return false
      return serviceAccount.name === all
        ? name.startsWith(accountUser(serviceAccount.namespace, ''))
        : name === accountUser(serviceAccount.namespace, serviceAccount.name)
    default:
      return false
  }
}

/** Whether a rule is about what is asked for, whoever asks. */
export function isAboutRequest(rule: PolicyRulesWithSubjects, info: RequestInfo): boolean {
  if (info.isResource) return rule.resourceRules?.some((each) => coversResource(each, info)) === true
  return rule.nonResourceRules?.some((each) => coversPath(each, info)) === true
}

function coversResource(rule: ResourcePolicyRule, { verb, group, namespace, resource, subresource }: RequestInfo) {
  const { verbs, apiGroups, resources, clusterScope = false, namespaces } = rule
  return (
    hasOrAll(verbs, verb) &&
    hasOrAll(resources, subresource === '' ? resource : `${resource}/${subresource}`) &&
    hasOrAll(apiGroups, group) &&
    (namespace === '' ? clusterScope : hasOrAll(namespaces ?? [], namespace))
  )
}

/** A path covers what is below it too, with and without a star at its end. */
function coversPath({ verbs, nonResourceURLs }: NonResourcePolicyRule, { verb, path }: RequestInfo): boolean {
  return (
    hasOrAll(verbs, verb) &&
    nonResourceURLs.some((url) => {
      if (url === all || url === path) return true
      const begin = url.endsWith(all) ? url.slice(0, -1) : url
      return path.startsWith(begin.endsWith('/') ? begin : `${begin}/`)
    })
  )
}

/** A star stands alone in its list. */
const hasOrAll = (list: readonly string[], wanted: string): boolean => list[0] === all || list.includes(wanted)
