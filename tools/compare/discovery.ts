// What a server says that it serves, beside a list of all groups, versions, kinds and subresources of Kubernetes v1.34.
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { APIGroupList, APIResource, APIResourceList } from '#api/meta/v1/discovery.ts'
import type { Asker } from './questions.ts'

/** The list, in the order of documents. */
export interface ServedList {
  readonly groups: readonly {
    readonly group: string
    readonly versions: readonly { readonly version: string; readonly resources: readonly APIResource[] }[]
  }[]
}

/** What a server's discovery lacks, has too much or says otherwise, one line each; and how many resources agree. */
export async function compareDiscovery(
  list: ServedList,
  server: Asker,
): Promise<{ readonly agree: number; readonly differences: readonly string[] }> {
  const differences: string[] = []
  let agree = 0
  const get = async <T>(path: string): Promise<T> => JSON.parse((await server.ask('GET', path)).text) as T
  const { groups } = await get<APIGroupList>('/apis')
  const named = list.groups.filter(({ group }) => group !== '')
  const order = (names: readonly string[]): string => names.join(' ')
  const [own, expected] = [order(groups.map(({ name }) => name)), order(named.map(({ group }) => group))]
  if (own !== expected) differences.push(`groups: ${own}, expected ${expected}`)
  for (const { group, versions } of list.groups) {
    const ownVersions = groups.find(({ name }) => name === group)?.versions.map(({ version }) => version)
    const [found, wanted] = [order(ownVersions ?? ['v1']), order(versions.map(({ version }) => version))]
    if (found !== wanted) differences.push(`versions of ${group}: ${found}, expected ${wanted}`)
    for (const { version, resources } of versions) {
      const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
      const { resources: served = [] } = await get<Partial<APIResourceList>>(path)
      for (const resource of resources) {
        const ours = served.find(({ name }) => name === resource.name)
        const theirs = withStoredHash(resource, group, versions)
        if (isDeepStrictEqual(ours, theirs)) agree++
        else differences.push(`${path} ${resource.name}: ${JSON.stringify(ours)}, expected ${JSON.stringify(theirs)}`)
      }
      for (const { name } of served) {
        if (!resources.some((resource) => resource.name === name))
          differences.push(`${path} ${name}: served beside the list`)
      }
    }
  }
  return { agree, differences }
}

/** A kind as a server shows it, whose hash names the version in which objects are stored. */
function withStoredHash(
  resource: APIResource,
  group: string,
  versions: ServedList['groups'][number]['versions'],
): APIResource {
  const {
    storageVersionHash,
    singularName = '',
    ...others
  } = resource as Partial<APIResource> & Pick<APIResource, 'name'>
  const rest = { ...others, singularName } as APIResource
  if (storageVersionHash === undefined) return rest
  // The list has the hash of the group's preferred version, also of kinds that this version does not have.
  const has = ({ resources }: { resources: readonly APIResource[] }): boolean =>
    resources.some(({ name }) => name === resource.name)
  if (has(versions[0]!)) return { ...rest, storageVersionHash }
  const stored = `${group}/${versions.find(has)!.version}/${resource.kind}`
  const hash = createHash('sha256').update(stored).digest().subarray(0, 8).toString('base64')
  return { ...rest, storageVersionHash: hash }
}
