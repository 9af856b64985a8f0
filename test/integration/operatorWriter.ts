// People who make, change and delete sites while the server comes and goes, and who remember what they were told.
import assert from 'node:assert/strict'
import { convertSite } from '../../examples/operator/convert.ts'
import { betaSites, sites, type Site, type SiteSpec } from '../../examples/operator/site.ts'
import type { Client } from '#client/client.ts'
import { systemClock } from '#lib/clock.ts'
import { randomInteger, type Random } from '#lib/random.ts'
import { isReason, StatusError } from '#machinery/status.ts'

const namespace = 'default'
const namesPerWriter = 8

/** What a name is known to hold: nothing, a site, or one that is being deleted. */
type Known = { readonly is: 'absent' | 'ending' } | { readonly is: 'there'; readonly spec: SiteSpec }

/** One try to write, and what the name holds when it has worked. */
interface Attempt {
  readonly kind: 'created' | 'changed' | 'scaled' | 'labelled' | 'deleted'
  readonly expected: Known
  run(): Promise<unknown>
}

export class SiteWriters {
  readonly acknowledged = { created: 0, changed: 0, scaled: 0, labelled: 0, deleted: 0 }
  uncertain = 0
  /** Moves of a site to another host, which a rule forbids. */
  refused = 0
  readonly known = new Map<string, Known>()
  readonly #random: Random
  readonly #enough = new Set<() => void>()
  #turns = 0
  #isStopping = false
  readonly #running: Promise<unknown>

  constructor(clients: readonly Client[], random: Random) {
    this.#random = random
    this.#running = Promise.all(clients.map((client, writer) => this.#run(client, writer)))
    this.#running.catch(() => {})
  }

  get total(): number {
    return Object.values(this.acknowledged).reduce((sum, count) => sum + count, 0)
  }

  /** Waits until so many more writes were acknowledged; rejects with what a writer found wrong. */
  async untilMore(count: number): Promise<void> {
    const target = this.total + count
    const reached = new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.total < target) return
        this.#enough.delete(look)
        resolve()
      }
      this.#enough.add(look)
    })
    await Promise.race([reached, this.#running])
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
  }

  async #run(client: Client, writer: number): Promise<void> {
    while (!this.#isStopping) {
      await this.#write(client, `site-${writer}-${randomInteger(this.#random, namesPerWriter)}`)
      // A few writes a second from each: people, not a benchmark.
      await systemClock.sleep(20 + randomInteger(this.#random, 60))
    }
  }

  async #write(client: Client, name: string): Promise<void> {
    const before = this.known.get(name) ?? { is: 'absent' }
    if (before.is === 'ending') {
      this.known.set(name, await this.#read(client, name))
      return
    }
    if (before.is === 'there' && this.#random.next() < 0.04) return await this.#tryToMove(client, name)
    const attempt = this.#attempt(client, name, before)
    try {
      await attempt.run()
    } catch (error) {
      if (!isTransient(error)) throw error
      this.uncertain++
      const found = await this.#read(client, name)
      const wasDone = isSame(found, attempt.expected) || (attempt.kind === 'deleted' && found.is === 'absent')
      assert.ok(wasDone || isSame(found, before), `${name}: ${JSON.stringify({ before, attempt, found })}`)
      this.known.set(name, found)
      return
    }
    this.acknowledged[attempt.kind]++
    this.known.set(name, attempt.expected)
    for (const look of this.#enough) look()
  }

  #attempt(client: Client, name: string, before: Known): Attempt {
    const at = { name, namespace }
    const index = `<p>${++this.#turns}</p>`
    const chance = this.#random.next()
    const isBeta = this.#random.next() < 0.3
    if (before.is !== 'there') {
      const spec = { host: `${name}.${namespace}.example.com`, replicas: 1, pages: { 'index.html': index } }
      const run = isBeta
        ? () => client.create(betaSites, { metadata: at, spec: { copies: 1, html: index } as never })
        : () => client.create(sites, { metadata: at, spec: { pages: spec.pages } as never })
      return { kind: 'created', expected: { is: 'there', spec }, run }
    }
    const { spec } = before
    const there = (change: Partial<SiteSpec>): Known => ({ is: 'there', spec: { ...spec, ...change } })
    const merge = (body: object) => ({ type: 'merge', body }) as const
    if (chance < 0.12) {
      return { kind: 'deleted', expected: { is: 'ending' }, run: () => client.delete(sites, at) }
    }
    if (chance < 0.22) {
      const body = { metadata: { labels: { turn: String(this.#turns) } } }
      return { kind: 'labelled', expected: before, run: () => client.patch(sites, at, merge(body)) }
    }
    if (chance < 0.5) {
      const replicas = 1 + randomInteger(this.#random, 10)
      const body = { spec: { replicas } }
      const run = isBeta
        ? () => client.patch(betaSites, at, merge({ spec: { copies: replicas } }))
        : () => client.patchSubresource(sites, at, 'scale', merge(body))
      return { kind: 'scaled', expected: there({ replicas }), run }
    }
    const { 'about.html': about, ...others } = spec.pages
    if (chance < 0.65) {
      const text = about === undefined ? index : null
      const pages = text === null ? others : { ...others, 'about.html': text }
      const run = () => client.patch(sites, at, merge({ spec: { pages: { 'about.html': text } } }))
      return { kind: 'changed', expected: there({ pages }), run }
    }
    const run = isBeta
      ? () => client.patch(betaSites, at, merge({ spec: { html: index } }))
      : () => client.patch(sites, at, merge({ spec: { pages: { 'index.html': index } } }))
    return { kind: 'changed', expected: there({ pages: { ...spec.pages, 'index.html': index } }), run }
  }

  /** What the schema's rule forbids stays forbidden, whatever else goes on. */
  async #tryToMove(client: Client, name: string): Promise<void> {
    const body = { spec: { host: 'elsewhere.example.com' } }
    try {
      await client.patch(sites, { name, namespace }, { type: 'merge', body })
      assert.fail(`${name} moved to another host`)
    } catch (error) {
      if (isTransient(error)) return
      if (!isReason(error, 'Invalid')) throw error
      assert.match(error.message, /a site cannot move to another host/)
      this.refused++
    }
  }

  /** Reads a name, however often the server has to be asked; in the older version now and then, which must say the same. */
  async #read(client: Client, name: string): Promise<Known> {
    for (;;) {
      try {
        const at = { name, namespace }
        const site =
          this.#random.next() < 0.3
            ? (convertSite(await client.get(betaSites, at), 'sites.example.com/v1') as Site)
            : await client.get(sites, at)
        return site.metadata.deletionTimestamp === undefined ? { is: 'there', spec: site.spec } : { is: 'ending' }
      } catch (error) {
        if (isReason(error, 'NotFound')) return { is: 'absent' }
        if (!isTransient(error)) throw error
        await systemClock.sleep(100)
      }
    }
  }
}

/** A server that is away, or that cannot ask a webhook: the write may have taken place, or not. */
function isTransient(error: unknown): boolean {
  return error instanceof StatusError && (error.code >= 500 || error.code === 429)
}

export function isSame(a: Known, b: Known): boolean {
  const textOf = (known: Known): string =>
    known.is === 'there'
      ? JSON.stringify([known.spec.host, known.spec.replicas, Object.entries(known.spec.pages).toSorted()])
      : known.is
  return textOf(a) === textOf(b)
}
