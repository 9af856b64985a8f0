/** Clients that write ConfigMaps and remember what was acknowledged, and a watcher that must not miss anything. */
import assert from 'node:assert/strict'

import type { HttpClient } from '#lib/http/client.ts'
import { randomInteger, type Random } from '#lib/random.ts'
import { ask, read, until } from './faultsFixture.ts'

const path = '/api/v1/namespaces/default/configmaps'
const namesPerClient = 12

interface ConfigMapView {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string }
  readonly data: { readonly turn: string; readonly filling: string }
}

/** What one name holds: `turn` is the write that was last acknowledged, undefined when there is no such object. */
interface Known {
  turn: string | undefined
  resourceVersion: string | undefined
  uid: string | undefined
  /** A write that got no answer: it may have taken place, or not. */
  maybe: { readonly turn: string | undefined } | undefined
}

export class WriteLoad {
  acknowledged = 0
  uncertain = 0
  watched = 0
  readonly #connect: () => Promise<HttpClient>
  readonly #clients: number
  readonly #random: Random
  readonly #known = new Map<string, Known>()
  /** The watcher's copy, and the revision up to which it saw everything. */
  readonly #seen = new Map<string, string>()
  #seenRevision: string | undefined
  #turns = 0

  constructor(connect: () => Promise<HttpClient>, clients: number, random: Random) {
    this.#connect = connect
    this.#clients = clients
    this.#random = random
  }

  /** Writes until `count` more writes are acknowledged, then runs `kill` while writing goes on; resolves when all clients found their connections broken. */
  async runUntil(count: number, kill: () => Promise<void>): Promise<void> {
    const target = this.acknowledged + count
    const enough = Promise.withResolvers<void>()
    const state = { killed: false }
    const watcher = await this.#connect()
    const watching = this.#watch(watcher)
    const writers = Array.from({ length: this.#clients }, async (_, writer) => {
      const client = await this.#connect()
      try {
        let broken: unknown
        while ((broken = await this.#write(client, writer)) === undefined) {
          if (this.acknowledged >= target) enough.resolve()
        }
        if (!state.killed) throw new Error('a connection broke before anybody was killed', { cause: broken })
      } finally {
        client.close()
      }
    })
    const all = Promise.all(writers)
    await Promise.race([enough.promise, all])
    state.killed = true
    await kill()
    await all
    await watching
    watcher.close()
  }

  /** One write of a random kind; why the connection broke, if it did. */
  async #write(client: HttpClient, writer: number): Promise<unknown> {
    const name = `w${writer}-${randomInteger(this.#random, namesPerClient)}`
    const known = this.#knownOf(name)
    const turn = String(++this.#turns)
    const isDeletion = known.turn !== undefined && this.#random.next() < 0.15
    const body = {
      metadata: { name, ...(known.resourceVersion === undefined ? {} : { resourceVersion: known.resourceVersion }) },
      data: { turn, filling: 'x'.repeat(randomInteger(this.#random, 2_000)) },
    }
    known.maybe = { turn: isDeletion ? undefined : turn }
    let answer
    try {
      answer = isDeletion
        ? await ask(client, 'DELETE', `${path}/${name}`)
        : known.turn === undefined
          ? await ask(client, 'POST', path, { metadata: { name }, data: body.data })
          : await ask(client, 'PUT', `${path}/${name}`, body)
    } catch (error) {
      this.uncertain++
      return error
    }
    const expected = isDeletion || known.turn !== undefined ? 200 : 201
    assert.equal(answer.status, expected, `${name}: ${answer.text}`)
    this.acknowledged++
    const { metadata } = JSON.parse(answer.text) as Partial<ConfigMapView>
    known.turn = isDeletion ? undefined : turn
    known.resourceVersion = isDeletion ? undefined : metadata!.resourceVersion
    known.uid = isDeletion ? undefined : metadata!.uid
    known.maybe = undefined
    return undefined
  }

  #knownOf(name: string): Known {
    let known = this.#known.get(name)
    if (known === undefined) {
      known = { turn: undefined, resourceVersion: undefined, uid: undefined, maybe: undefined }
      this.#known.set(name, known)
    }
    return known
  }

  /** Compares what is there with what was acknowledged, by list and by a watch that goes on where the last one broke off. */
  async check(client: HttpClient, say: string): Promise<void> {
    const marker = await this.#mark(client)
    const list = await read<{ metadata: { resourceVersion: string }; items: readonly ConfigMapView[] }>(client, path)
    const found = new Map(list.items.map((item) => [item.metadata.name, item]))
    for (const [name, known] of this.#known) {
      const item = found.get(name)
      const turn = item?.data.turn
      const isAcknowledged = turn === known.turn
      const isUnanswered = known.maybe !== undefined && turn === known.maybe.turn
      assert.ok(
        isAcknowledged || isUnanswered,
        `${say}: ${name} holds turn ${turn}; ${known.turn} was acknowledged, ${JSON.stringify(known.maybe)} was not`,
      )
      if (isAcknowledged && item !== undefined) {
        assert.equal(item.metadata.resourceVersion, known.resourceVersion, `${say}: the revision of ${name}`)
        assert.equal(item.metadata.uid, known.uid, `${say}: the uid of ${name}`)
      }
      known.turn = turn
      known.resourceVersion = item?.metadata.resourceVersion
      known.uid = item?.metadata.uid
      known.maybe = undefined
    }
    const strangers = list.items.filter(
      ({ metadata }) => metadata.name !== 'kube-root-ca.crt' && !this.#known.has(metadata.name),
    )
    assert.deepEqual(strangers, [], say)
    await this.#catchUp(client, marker, say)
    const expected = [...found.values()].map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`)
    const seen = [...this.#seen].map(([name, revision]) => `${name} ${revision}`)
    assert.deepEqual(seen.toSorted(), expected.toSorted(), `${say}: what the watcher saw`)
  }

  /** Writes one more object and returns its revision: a watcher that saw it has seen everything before. */
  async #mark(client: HttpClient): Promise<string> {
    const turn = String(++this.#turns)
    const name = `marker-${turn}`
    const { status, text } = await ask(client, 'POST', path, { metadata: { name }, data: { turn, filling: '' } })
    assert.equal(status, 201, text)
    const { resourceVersion, uid } = (JSON.parse(text) as ConfigMapView).metadata
    this.#known.set(name, { turn, resourceVersion, uid, maybe: undefined })
    return resourceVersion
  }

  /** Watches from where the last watch ended until the server goes away. */
  async #watch(client: HttpClient): Promise<void> {
    if (this.#seenRevision === undefined) {
      const list = await read<{ metadata: { resourceVersion: string }; items: readonly ConfigMapView[] }>(client, path)
      for (const { metadata } of list.items) this.#seen.set(metadata.name, metadata.resourceVersion)
      this.#seenRevision = list.metadata.resourceVersion
    }
    await this.#follow(client, () => false)
  }

  /** Watches until everything up to `revision` was seen. */
  async #catchUp(client: HttpClient, revision: string, say: string): Promise<void> {
    await this.#follow(client, () => Number(this.#seenRevision) >= Number(revision))
    await until(`${say}: the watcher at revision ${revision}`, () =>
      Promise.resolve(Number(this.#seenRevision) >= Number(revision)),
    )
  }

  async #follow(client: HttpClient, isDone: () => boolean): Promise<void> {
    if (isDone()) return
    const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${this.#seenRevision}`
    let rest = ''
    try {
      const response = await client.request({ path: `${path}?${query}` })
      assert.equal(response.status, 200)
      for await (const piece of response.body) {
        rest += piece.toString()
        const lines = rest.split('\n')
        rest = lines.pop()!
        for (const line of lines) this.#take(JSON.parse(line) as { type: string; object: ConfigMapView })
        if (isDone()) return response.discard()
      }
    } catch (error) {
      if (error instanceof assert.AssertionError || isDone()) throw error
      // The server was killed; the next watch goes on from here.
    }
  }

  #take({ type, object }: { readonly type: string; readonly object: ConfigMapView }): void {
    assert.notEqual(type, 'ERROR', JSON.stringify(object))
    const { name, resourceVersion } = object.metadata
    assert.ok(Number(resourceVersion) >= Number(this.#seenRevision), 'events come in order')
    this.#seenRevision = resourceVersion
    if (type === 'BOOKMARK') return
    this.watched++
    if (type === 'DELETED') this.#seen.delete(name)
    else this.#seen.set(name, resourceVersion)
  }
}
