// What of which requests goes to the audit log: `Policy` of the group audit.k8s.io, read from its file and asked for each
// request.
import {
  defaulting,
  listOf,
  members,
  oneOf,
  required,
  text,
  yesOrNo,
  type SettingValue,
} from '#lib/settings/settings.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { RequestInfo } from '../requestInfo.ts'
import type { Caller } from '../strategy.ts'

export const auditLevels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const
export type AuditLevel = (typeof auditLevels)[number]

const auditStages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const
export type AuditStage = (typeof auditStages)[number]

const stages = (about: string) => defaulting(listOf({ about }, oneOf({ about: 'A stage.' }, auditStages)), [])

/** Several texts, none of them twice; none at all: any will do. */
const texts = (about: string, rule?: (value: string) => string | undefined) =>
  defaulting(listOf({ about }, text({ about: 'One of them.', ...(rule === undefined ? {} : { rule }) })), [])

const groupResources = members(
  'Resources of a group.',
  {
    group: defaulting(
      text({
        about: 'The group; empty for the core group.',
        rule: (value) => (value === '' ? undefined : dnsSubdomainProblems(value)[0]),
      }),
      '',
    ),
    resources: texts('Resources: `pods`, `pods/log`, `pods/*`, `*/scale`, `*`; all of the group when there is none.'),
    resourceNames: texts('Names of objects; any when there is none.'),
  },
  ({ resources, resourceNames }, place) => {
    if (resourceNames.length > 0 && resources.length === 0) {
      place.at('resourceNames').note('needs at least one of resources')
    }
  },
)

function urlProblem(value: string): string | undefined {
  if (value === '*') return undefined
  if (!value.startsWith('/')) return "it must be a path that begins with '/', or '*'"
  return value.slice(0, -1).includes('*') ? "it may have '*' only as its last character" : undefined
}

const rule = members(
  'Requests that match all of it are noted at a level.',
  {
    level: required(oneOf({ about: 'How much is noted.' }, auditLevels)),
    users: texts('Names of users.'),
    userGroups: texts('Groups, of which users must be in one.'),
    verbs: texts('Verbs.'),
    resources: defaulting(listOf({ about: 'Resources, of which requests must be about one.' }, groupResources), []),
    namespaces: texts('Namespaces; empty for what is in none.'),
    nonResourceURLs: texts('Paths that are about no resource, perhaps with `*` at the end.', urlProblem),
    omitStages: stages('Stages that are not noted.'),
    omitManagedFields: yesOrNo({ about: 'Whether who owns which fields is left out; as the policy says when absent.' }),
  },
  ({ nonResourceURLs, resources, namespaces }, place) => {
    if (nonResourceURLs.length === 0 || (resources.length === 0 && namespaces.length === 0)) return
    place.at('nonResourceURLs').note('cannot be said together with resources or namespaces')
  },
)

/** The file. */
export const auditPolicySettings = members('What goes to the audit log.', {
  apiVersion: required(oneOf({ about: 'Always the same.' }, ['audit.k8s.io/v1'])),
  kind: required(oneOf({ about: 'Always the same.' }, ['Policy'])),
  metadata: members('For tools.', { name: text({ about: 'A name.' }) }),
  rules: required(
    listOf({ about: 'The first that matches a request decides; where none does, nothing is noted.', least: 1 }, rule),
  ),
  omitStages: stages('Stages that are not noted.'),
  omitManagedFields: defaulting(yesOrNo({ about: 'Whether who owns which fields is left out.' }), false),
})

export type AuditPolicy = NonNullable<SettingValue<typeof auditPolicySettings>>
type Rule = AuditPolicy['rules'][number]

/** What is noted of one request. */
export interface Verdict {
  readonly level: Exclude<AuditLevel, 'None'>
  readonly omitStages: ReadonlySet<AuditStage>
  readonly omitManagedFields: boolean
}

/** Decides about requests. */
export class AuditRules {
  readonly #rules: readonly { readonly rule: Rule; readonly verdict: Verdict | undefined }[]

  constructor({ rules, omitStages, omitManagedFields }: AuditPolicy) {
    this.#rules = rules.map((each) => ({
      rule: each,
      verdict:
        each.level === 'None'
          ? undefined
          : {
              level: each.level,
              omitStages: new Set([...omitStages, ...each.omitStages]),
              omitManagedFields: each.omitManagedFields ?? omitManagedFields,
            },
    }))
  }

  /** Undefined: nothing is noted. `caller`: who sends the request, not whom he stands for; undefined when nobody was known. */
  decide(caller: Caller | undefined, info: RequestInfo): Verdict | undefined {
    return this.#rules.find(({ rule: each }) => matches(each, caller, info))?.verdict
  }
}

function matches(each: Rule, caller: Caller | undefined, info: RequestInfo): boolean {
  const { users, userGroups, verbs, namespaces, resources, nonResourceURLs } = each
  if (users.length > 0 && (caller === undefined || !users.includes(caller.name))) return false
  if (userGroups.length > 0 && caller?.groups.some((group) => userGroups.includes(group)) !== true) return false
  if (verbs.length > 0 && !verbs.includes(info.verb)) return false
  if (namespaces.length > 0 || resources.length > 0) return info.isResource && matchesResource(each, info)
  return (
    nonResourceURLs.length === 0 || (!info.isResource && nonResourceURLs.some((url) => pathMatches(info.path, url)))
  )
}

function pathMatches(path: string, url: string): boolean {
  return url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1)))
}

function matchesResource({ namespaces, resources }: Rule, info: RequestInfo): boolean {
  const { group, resource, subresource, name, namespace } = info
  if (namespaces.length > 0 && !namespaces.includes(namespace)) return false
  if (resources.length === 0) return true
  const whole = subresource === '' ? resource : `${resource}/${subresource}`
  return resources.some((each) => {
    if (each.group !== group) return false
    if (each.resources.length === 0) return true
    if (each.resourceNames.length > 0 && !each.resourceNames.includes(name)) return false
    return each.resources.some(
      (pattern) =>
        pattern === '*' ||
        pattern === whole ||
        (subresource !== '' && pattern === `*/${subresource}`) ||
        pattern === `${resource}/*`,
    )
  })
}
