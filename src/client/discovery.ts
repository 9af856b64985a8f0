import type { APIGroupDiscoveryList, APIVersionDiscovery } from '#api/apidiscovery/v2/discovery.ts'
import type { APIGroupList, APIResourceList } from '#api/meta/v1/discovery.ts'
import type { Resource } from '#api/resource.ts'
import type { Transport } from './transport.ts'

/** A kind as a server serves it. */
export interface ServedResource extends Resource {
  readonly verbs: readonly string[]
  /** Served in the version that its group prefers. */
  readonly preferred: boolean
  /** Names of subresources with their verbs. */
  readonly subresources: Readonly<Record<string, readonly string[]>>
}

export interface Discovery {
  /** Core first, then by group and version in the server's order of preference. */
  readonly resources: readonly ServedResource[]
  /** Groups with versions that could not be read, such as those of an extension server that is away. */
  readonly failed: readonly { readonly groupVersion: string; readonly error: unknown }[]
}

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'

/** What answers said that came before: a server in this process hands out the same one until something changes. */
const known = new WeakMap<object, Discovery>()

/** Asks a server what it serves: two requests where it can answer in one piece, one for each version where not. */
export async function discover(transport: Transport, signal?: AbortSignal): Promise<Discovery> {
  const resources: ServedResource[] = []
  const failed: { groupVersion: string; error: unknown }[] = []
  for (const root of ['/api', '/apis']) {
    const { body } = await transport.send({ method: 'GET', path: root, accept: aggregated }, signal)
    const { kind } = body as { kind?: string }
    const before = known.get(body as object)
    if (before !== undefined) {
      resources.push(...before.resources)
      failed.push(...before.failed)
      continue
    }
    if (kind === 'APIGroupDiscoveryList') {
      const [resourcesBefore, failedBefore] = [resources.length, failed.length]
      const { items } = body as APIGroupDiscoveryList
      for (const { metadata, versions = [] } of items) {
        for (const [at, version] of versions.entries()) {
          const groupVersion = joined(metadata.name ?? '', version.version)
          if (version.freshness === 'Stale')
            failed.push({ groupVersion, error: new Error('stale GroupVersion discovery') })
          resources.push(...fromAggregated(metadata.name ?? '', version, at === 0))
        }
      }
      known.set(body as object, { resources: resources.slice(resourcesBefore), failed: failed.slice(failedBefore) })
      continue
    }
    for (const { group, version, preferred } of versionsOf(root, body)) {
      const path = root === '/api' ? `/api/${version}` : `/apis/${group}/${version}`
      try {
        const answer = await transport.send({ method: 'GET', path }, signal)
        resources.push(...fromList(group, version, preferred, answer.body as APIResourceList))
      } catch (error) {
        signal?.throwIfAborted()
        failed.push({ groupVersion: joined(group, version), error })
      }
    }
  }
  return { resources, failed }
}

function joined(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`
}

function fromAggregated(
  group: string,
  { version, resources = [] }: APIVersionDiscovery,
  preferred: boolean,
): ServedResource[] {
  return resources
    .filter(({ verbs, responseKind }) => verbs.length > 0 && responseKind !== undefined)
    .map((each) => ({
      group: each.responseKind?.group || group,
      version: each.responseKind?.version || version,
      kind: each.responseKind!.kind,
      plural: each.resource,
      singular: each.singularResource,
      scope: each.scope,
      ...(each.shortNames === undefined ? {} : { shortNames: each.shortNames }),
      ...(each.categories === undefined ? {} : { categories: each.categories }),
      verbs: each.verbs,
      preferred,
      subresources: Object.fromEntries((each.subresources ?? []).map(({ subresource, verbs }) => [subresource, verbs])),
    }))
}

interface GroupVersion {
  readonly group: string
  readonly version: string
  readonly preferred: boolean
}

function versionsOf(root: string, body: unknown): GroupVersion[] {
  if (root === '/api') {
    const { versions } = body as { versions: readonly string[] }
    return versions.map((version, at) => ({ group: '', version, preferred: at === 0 }))
  }
  return (body as APIGroupList).groups.flatMap(({ name, versions, preferredVersion }) =>
    versions.map(({ version }, at) => ({
      group: name,
      version,
      preferred: preferredVersion === undefined ? at === 0 : preferredVersion.version === version,
    })),
  )
}

function fromList(
  group: string,
  version: string,
  preferred: boolean,
  { resources }: APIResourceList,
): ServedResource[] {
  return resources
    .filter(({ name }) => !name.includes('/'))
    .map((each) => ({
      group: each.group ?? group,
      version: each.version ?? version,
      kind: each.kind,
      plural: each.name,
      singular: each.singularName,
      scope: each.namespaced ? 'Namespaced' : 'Cluster',
      ...(each.shortNames === undefined ? {} : { shortNames: each.shortNames }),
      ...(each.categories === undefined ? {} : { categories: each.categories }),
      verbs: each.verbs,
      preferred,
      subresources: Object.fromEntries(
        resources
          .filter(({ name }) => name.startsWith(`${each.name}/`))
          .map(({ name, verbs }) => [name.slice(each.name.length + 1), verbs]),
      ),
    }))
}
