// A client that follows a kind as client-go's reflector does ends with what the server has, through cut connections and
// histories that are gone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom, type Random } from '#lib/random.ts'
import { staticTokens } from '#server/authenticate/staticTokens.ts'
import { startServer } from './apiServerFixture.ts'
import { ConnectionLost, GoClient, protobufType, type GoEvent } from './goClient.ts'
import { startRelay } from './relay.ts'
import { listenSecurely, testAudience, testUsers } from './secureServer.ts'

const path = '/api/v1/namespaces/default/configmaps'

interface Refusal {
  readonly code: number
  readonly object: { readonly reason: string; readonly details?: { readonly causes?: readonly object[] } }
}

/** How often the reflector did what. */
interface Counts {
  lists: number
  watches: number
  expired: number
  lost: number
}

/**
 * Follows a kind: streams all of it where `streams`, otherwise lists it in pages, then watches from there. A connection
 * that is lost is taken up where it was; when that is too long ago, everything is read anew.
 */
class Reflector {
  readonly objects = new Map<string, string>()
  readonly counts: Counts = { lists: 0, watches: 0, expired: 0, lost: 0 }
  readonly #client: GoClient
  readonly #streams: boolean
  #revision = ''
  #changed = Promise.withResolvers<void>()

  constructor(client: GoClient, streams: boolean) {
    this.#client = client
    this.#streams = streams
  }

  /** Resolves once `isTrue`, looked at after each change. */
  async until(isTrue: (reflector: this) => boolean): Promise<void> {
    while (!isTrue(this)) await this.#changed.promise
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#revision === '' && !this.#streams) await this.#list()
        await this.#watch(signal)
      } catch (error) {
        if (error instanceof ConnectionLost) this.counts.lost++
        else if ((error as Refusal).object?.reason === 'Expired') {
          this.counts.expired++
          this.#revision = ''
        } else throw error
      }
    }
  }

  async #list(): Promise<void> {
    this.counts.lists++
    const items: GoEvent['object'][] = []
    let next = ''
    do {
      const first = { limit: '3', ...(this.counts.lists === 1 ? { resourceVersion: '0' } : {}) }
      const query = next === '' ? first : { limit: '3', continue: next }
      const { code, object } = await this.#client.ask('GET', path, { query })
      if (code !== 200) throw { code, object } satisfies Refusal
      items.push(...(object.items ?? []))
      next = object.metadata.continue ?? ''
      this.#revision = object.metadata.resourceVersion
    } while (next !== '')
    this.#replace(items)
  }

  async #watch(signal: AbortSignal): Promise<void> {
    this.counts.watches++
    let initial: GoEvent['object'][] | undefined
    const begin = { allowWatchBookmarks: 'true', timeoutSeconds: '400', resourceVersion: this.#revision }
    const stream = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
    const isStream = this.#streams && this.#revision === ''
    if (isStream) initial = []
    for await (const { type, object } of this.#client.watch(path, {
      query: isStream ? { ...begin, ...stream } : begin,
    })) {
      if (type === 'ERROR') throw { code: object.code, object } satisfies Refusal
      if (type !== 'BOOKMARK' && initial !== undefined) initial.push(object)
      else if (type === 'BOOKMARK' && initial !== undefined) {
        assert.equal(object.metadata.annotations['k8s.io/initial-events-end'], 'true')
        this.#replace(initial)
        initial = undefined
      } else this.#take(type, object)
      if (initial === undefined) this.#revision = object.metadata.resourceVersion
      if (signal.aborted) return
    }
  }

  #take(type: string, { metadata }: GoEvent['object']): void {
    if (type === 'DELETED') this.objects.delete(metadata.name)
    else if (type !== 'BOOKMARK') this.objects.set(metadata.name, metadata.resourceVersion)
    this.#tell()
  }

  #replace(items: readonly GoEvent['object'][]): void {
    this.objects.clear()
    for (const { metadata } of items) this.objects.set(metadata.name, metadata.resourceVersion)
    this.#tell()
  }

  #tell(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

/** Creates, changes or deletes one of eight objects. */
async function change(writer: GoClient, random: Random): Promise<void> {
  const name = `m${Math.floor(random.next() * 8)}`
  const metadata = { name, labels: { at: String(random.next()).slice(2) } }
  if (random.next() < 0.3) await writer.ask('DELETE', `${path}/${name}`)
  else {
    const created = await writer.ask('POST', path, { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata } as never })
    if (created.code !== 409) return
    const body = JSON.stringify({ metadata })
    await writer.ask('PATCH', `${path}/${name}`, { contentType: 'application/merge-patch+json', body })
  }
}

for (const streams of [false, true]) {
  test(`a reflector that ${streams ? 'streams' : 'lists'} ends with the state of the store`, async () => {
    await using stack = new AsyncDisposableStack()
    const tokens = staticTokens(testUsers, [testAudience])
    const fixture = stack.use(await startServer({ windowEvents: 16, tokenAuthenticators: [tokens] }))
    const secure = stack.use(await listenSecurely(fixture.server))
    const relay = stack.use(await startRelay(secure.port))
    const writer = stack.use(new GoClient(secure, 'root'))
    const reader = stack.use(new GoClient({ ...secure, port: relay.port }, 'root'))
    const reflector = new Reflector(reader, streams)
    const stop = new AbortController()
    const running = reflector.run(stop.signal)
    const random = seededRandom(5)
    const sync = async (name: string): Promise<void> => {
      const { object } = await writer.ask('POST', path, {
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } } as never,
      })
      await reflector.until(({ objects }) => objects.get(name) === object.metadata.resourceVersion)
      const { object: list } = await writer.ask('GET', path, { accept: 'application/json' })
      const expected = list.items.map(({ metadata }: GoEvent['object']) => [metadata.name, metadata.resourceVersion])
      assert.deepEqual([...reflector.objects].toSorted(), expected)
    }
    await sync('s0')
    for (let round = 1; round <= 6; round++) {
      for (let i = 0; i < 10; i++) await change(writer, random)
      // Cut while events are under way; every other time it stays away for longer than the server remembers.
      const open = round % 2 === 0 ? relay.hold() : undefined
      relay.cut()
      for (let i = 0; i < (round % 2 === 0 ? 40 : 5); i++) await change(writer, random)
      open?.()
      await sync(`s${round}`)
    }
    stop.abort()
    relay.cut()
    await running
    const { lists, expired, lost } = reflector.counts
    assert.ok(lost >= 6, JSON.stringify(reflector.counts))
    assert.ok(expired >= 2, JSON.stringify(reflector.counts))
    assert.equal(lists, streams ? 0 : 1 + expired)
    assert.deepEqual(fixture.bugs, [])
  })
}

test('a stream of everything that is asked for in the wrong way is refused, so that the client lists instead', async () => {
  await using fixture = await startServer({ tokenAuthenticators: [staticTokens(testUsers, [testAudience])] })
  await using secure = await listenSecurely(fixture.server)
  await using client = new GoClient(secure, 'root')
  const query = { sendInitialEvents: 'true', allowWatchBookmarks: 'true' }
  const refusal: unknown = await client
    .watch(path, { query })
    .next()
    .catch((error: unknown) => error)
  const { code, contentType, object } = refusal as Refusal & { readonly contentType: string }
  assert.deepEqual([code, contentType, object.reason], [422, protobufType, 'Invalid'])
  assert.deepEqual(object.details?.causes, [
    {
      reason: 'FieldValueForbidden',
      message: 'Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
      field: 'resourceVersionMatch',
    },
  ])
})
