// Which registrations there are of what this server serves itself, and what is to be done where they are not so.
import type { APIService, APIServiceSpec } from '#api/apiregistration/v1/apiService.ts'
import type { CustomResourceDefinition } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { builtInPriority, customPriority, registrationGroup, type VersionPriority } from './priorities.ts'

/** By this label a registration says that the server keeps it: always, or that it was made at a start. */
export const managedLabel = 'kube-aggregator.kubernetes.io/automanaged'

export type Management = 'onstart' | 'true'

/** A registration that should be there. */
export interface WantedService {
  readonly name: string
  readonly spec: APIServiceSpec
  readonly management: Management
}

interface GroupVersion {
  readonly group: string
  readonly version: string
}

/** Groups of which another server may be in charge: a registration that leads there is its owner's. */
const replaceable: ReadonlySet<string | undefined> = new Set(['metrics.k8s.io'])

const isReplaced = ({ spec }: APIService): boolean => spec.service !== undefined && replaceable.has(spec.group)

export const serviceNameOf = ({ group, version }: GroupVersion): string => `${version}.${group}`

/** The registrations of all that is served here: built-in versions, then those of definitions. */
export function wantedServices(
  builtIn: readonly GroupVersion[],
  definitions: readonly CustomResourceDefinition[],
): ReadonlyMap<string, WantedService> {
  const wanted = new Map<string, WantedService>()
  const add = (of: GroupVersion, { group, version }: VersionPriority, management: Management): void => {
    const name = serviceNameOf(of)
    if (wanted.has(name)) return
    const spec = {
      group: of.group,
      version: of.version,
      groupPriorityMinimum: group,
      versionPriority: version,
    }
    wanted.set(name, { name, spec, management })
  }
  for (const each of builtIn) {
    const priority = builtInPriority(each.group, each.version)
    if (priority !== undefined && each.group !== registrationGroup) add(each, priority, 'onstart')
  }
  for (const { spec } of definitions) {
    for (const { name, served } of spec.versions) {
      if (served) add({ group: spec.group, version: name }, customPriority, 'true')
    }
  }
  return wanted
}

export type ServiceAction =
  | { readonly do: 'create'; readonly service: WantedService }
  | { readonly do: 'update'; readonly service: WantedService }
  | { readonly do: 'delete'; readonly name: string }

export interface Registrations {
  readonly wanted: ReadonlyMap<string, WantedService>
  readonly present: ReadonlyMap<string, APIService>
  /** Whether those of the start are still to be put in place; later they are left to whoever changes them. */
  readonly isStart: boolean
}

/**
 * What to do so that registrations are as they should be:
 *
 *     present \\ wanted     nothing            at the start          always
 *     nothing              –                  create (start)        create
 *     not the server's     –                  –                     –
 *     at the start         delete (start)     correct (start)       correct (start)
 *     always               delete             correct (start)       correct
 *     another server's     –                  –                     –
 */
export function planServices({ wanted, present, isStart }: Registrations): readonly ServiceAction[] {
  const actions: ServiceAction[] = []
  for (const service of wanted.values()) {
    const found = present.get(service.name)
    if (found === undefined) {
      if (isStart || service.management === 'true') actions.push({ do: 'create', service })
      continue
    }
    const management = isReplaced(found) ? undefined : managementOf(found)
    if (management === undefined || found.metadata.deletionTimestamp !== undefined) continue
    const isKept = management === 'true' && service.management === 'true'
    if ((isStart || isKept) && !sameJson(found.spec, service.spec)) actions.push({ do: 'update', service })
  }
  for (const [name, found] of present) {
    if (wanted.has(name) || isReplaced(found)) continue
    const management = managementOf(found)
    if (management === 'true' || (management === 'onstart' && isStart)) actions.push({ do: 'delete', name })
  }
  return actions
}

function managementOf({ metadata }: APIService): Management | undefined {
  const value = metadata.labels?.[managedLabel]
  return value === 'onstart' || value === 'true' ? value : undefined
}
