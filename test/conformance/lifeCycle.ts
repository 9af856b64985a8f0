// What conformance asks of nearly every kind: it is discovered, and every verb does what it says, to watchers too.
import assert from 'node:assert/strict'
import { apiVersionOf, type KubeObject, type Resource } from '#api/resource.ts'
import { clientOver, type Client, type Draft, type Selection } from '#client/client.ts'
import type { WatchEvent } from '#client/transport.ts'
import { isReason } from '#machinery/status.ts'
import { startServer, type ServerFixture } from '../integration/apiServerFixture.ts'

export const namespace = 'default'

/** The label by which the objects of a life cycle are told from those that the cluster brings. */
const label = { cycle: 'shown' }
export const labelSelector = 'cycle=shown'

/** Runs a test against a server of its own; a 500 fails it. */
export async function withServer(run: (client: Client, fixture: ServerFixture) => Promise<void>): Promise<void> {
  await using fixture = await startServer()
  await run(clientOver(fixture.transport), fixture)
  assert.deepEqual(fixture.bugs, [])
}

export interface LifeCycle<T extends KubeObject> {
  /** An object of the kind without metadata. `index` (0 to 2) tells several apart, where they may not be the same. */
  readonly object: (index: number) => Omit<Draft<T>, 'metadata'>
  readonly names?: readonly [string, string, string]
  /** A status in the form that the server keeps; present for kinds with a status that clients write. */
  readonly status?: object
  /** The status changes nothing else, not even metadata. */
  readonly statusAlone?: true
  /** What else the conformance test of this kind asks, of the first object. */
  readonly also?: (client: Client, object: T, fixture: ServerFixture) => Promise<void>
}

/** Discovery, then create, get, list, watch, patch, update, status, delete and deletecollection of one kind. */
export async function showLifeCycle<T extends KubeObject>(
  resource: Resource<T>,
  cycle: LifeCycle<NoInfer<T>>,
): Promise<void> {
  const { object, status, names = ['first', 'second', 'third'] } = cycle
  await withServer(async (client, fixture) => {
    await showDiscovered(client, resource, status !== undefined)
    const where = resource.scope === 'Namespaced' ? { namespace } : {}
    const at = { name: names[0], ...where }
    const before = await client.list(resource)
    await using seen = watching(client, resource, { ...where, labelSelector }, before.resourceVersion)

    for (const [index, name] of names.entries()) {
      const metadata = { name, ...where, labels: { ...label, name } }
      await client.create(resource, { ...object(index), metadata } as unknown as Draft<T>)
    }
    const created = await client.get(resource, at)
    assert.equal(created.kind, resource.kind)
    assert.match(created.metadata.uid!, /^[-0-9a-f]{36}$/)
    const listed = async (selection: Selection): Promise<readonly string[]> =>
      (await client.list(resource, selection)).items.map(({ metadata }) => metadata.name!).toSorted()
    assert.deepEqual(await listed({ ...where, labelSelector }), [...names].toSorted())
    assert.deepEqual(await listed({ labelSelector }), [...names].toSorted())
    assert.deepEqual(await listed({ labelSelector: `name=${names[1]}` }), [names[1]])

    const patched = await client.patch(resource, at, annotate('patched'))
    assert.equal(patched.metadata.annotations?.['cycle'], 'patched')
    const updated = await client.update(resource, {
      ...patched,
      metadata: { ...patched.metadata, annotations: { cycle: 'updated' } },
    })
    assert.equal(updated.metadata.annotations?.['cycle'], 'updated')
    assert.notEqual(updated.metadata.resourceVersion, created.metadata.resourceVersion)
    if (status !== undefined) await showStatus(client, resource, at, status, cycle.statusAlone !== true)
    await cycle.also?.(client, await client.get(resource, at), fixture)

    await client.delete(resource, at, { propagationPolicy: 'Background' })
    await assert.rejects(client.get(resource, at), (error) => isReason(error, 'NotFound'))
    await client.deleteCollection(resource, { ...where, labelSelector }, { propagationPolicy: 'Background' })
    assert.deepEqual(await listed({ labelSelector }), [])
    const changes = await seen.until((events) => events.filter((event) => event.startsWith('DELETED')).length === 3)
    assert.deepEqual(
      [...new Set(changes.filter((event) => event.endsWith(` ${names[0]}`)))],
      ['ADDED', 'MODIFIED', 'DELETED'].map((type) => `${type} ${names[0]}`),
    )
  })
}

const annotate = (value: string) => ({ type: 'merge', body: { metadata: { annotations: { cycle: value } } } }) as const

/** Reads, patches and replaces a status, and sees whether metadata goes with it. */
async function showStatus<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  at: { readonly name: string; readonly namespace?: string },
  status: object,
  withMetadata: boolean,
): Promise<void> {
  const asRead = await client.getSubresource<T>(resource, at, 'status')
  assert.equal(asRead.metadata.name, at.name)
  const patched = (await client.patchStatus(resource, at, {
    type: 'merge',
    body: { metadata: { annotations: { 'cycle-status': 'patched' } }, status },
  })) as T & { readonly status: object }
  assert.equal(patched.metadata.annotations?.['cycle-status'], withMetadata ? 'patched' : undefined)
  assertHolds(patched.status, status)
  const updated = (await replaceStatus(client, resource, patched)) as T & { readonly status: object }
  assertHolds(updated.status, status)
}

/** The server itself may write to the status of some kinds at any time: then the object is read again. */
async function replaceStatus<T extends KubeObject>(client: Client, resource: Resource<T>, object: T): Promise<T> {
  try {
    return await client.updateStatus(resource, object)
  } catch (error) {
    if (!isReason(error, 'Conflict')) throw error
    const { name = '', namespace } = object.metadata
    const now = await client.get(resource, namespace === undefined ? { name } : { name, namespace })
    return replaceStatus(client, resource, { ...object, metadata: now.metadata })
  }
}

/** Sees that every member of `part` is in `whole`. */
export function assertHolds(whole: object, part: object): void {
  const members = Object.entries(whole).filter(([name]) => Object.hasOwn(part, name))
  assert.deepEqual(Object.fromEntries(members), part)
}

interface GroupList {
  readonly groups: readonly { readonly name: string; readonly versions: readonly { readonly version: string }[] }[]
}
interface ResourceList {
  readonly groupVersion: string
  readonly resources: readonly { readonly name: string; readonly kind: string; readonly verbs: readonly string[] }[]
}

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

/** Finds a kind in the list of groups, in its group and in its version, with every verb. */
async function showDiscovered(client: Client, resource: Resource, hasStatus: boolean): Promise<void> {
  const read = async <A>(path: string): Promise<A> => {
    const { body } = await client.transport.send({ method: 'GET', path })
    return (typeof body === 'string' ? JSON.parse(body) : body) as A
  }
  const { group, version, plural, kind } = resource
  if (group !== '') {
    const { groups } = await read<GroupList>('/apis')
    const found = groups.find(({ name }) => name === group)
    assert.ok(found?.versions.some((each) => each.version === version))
    const alone = await read<GroupList['groups'][number]>(`/apis/${group}`)
    assert.ok(alone.versions.some((each) => each.version === version))
  }
  const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const { groupVersion, resources } = await read<ResourceList>(path)
  assert.equal(groupVersion, apiVersionOf(resource))
  const found = resources.find(({ name }) => name === plural)
  assert.equal(found?.kind, kind)
  assert.deepEqual(found?.verbs.toSorted(), verbs)
  if (!hasStatus) return
  const statusVerbs = resources.find(({ name }) => name === `${plural}/status`)?.verbs
  assert.deepEqual(statusVerbs?.toSorted(), ['get', 'patch', 'update'])
}

export interface Watching<T> extends AsyncDisposable {
  readonly events: readonly WatchEvent<T>[]
  /** Waits until what was seen, as `TYPE name`, is as it should be. */
  until(is: (events: readonly string[]) => boolean): Promise<readonly string[]>
}

/** Follows a kind until disposed of. */
export function watching<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  selection: Selection,
  resourceVersion?: string,
): Watching<T> {
  const end = new AbortController()
  const events: WatchEvent<T>[] = []
  let failure: unknown
  let wake: () => void = () => {}
  const follow = async (): Promise<void> => {
    const from = resourceVersion === undefined ? {} : { resourceVersion }
    for await (const batch of client.watch(resource, { ...selection, ...from }, end.signal)) {
      events.push(...batch)
      wake()
    }
  }
  const running = follow().catch((error: unknown) => {
    if (end.signal.aborted) return
    failure = error
    wake()
  })
  const told = (): readonly string[] =>
    events.flatMap((event) => (event.type === 'BOOKMARK' ? [] : [`${event.type} ${event.object.metadata.name}`]))
  return {
    events,
    async until(is) {
      while (!is(told())) {
        if (failure !== undefined) throw failure
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      return told()
    },
    async [Symbol.asyncDispose]() {
      end.abort()
      await running
    },
  }
}
