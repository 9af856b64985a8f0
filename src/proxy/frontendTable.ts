import type { Frontend, FrontendChange } from './frontend.ts'

/**
 * All frontends of a node, by who wants them. Where several want the same key the oldest gets it, and when it goes the next one:
 *
 *     set('service default/a', [x])         x: a    changes  x: nothing -> a
 *     set('service default/b', [x, y])      x: a    changes  y: nothing -> b        (a is older)
 *     set('service default/a', [])          x: b    changes  x: a -> b
 *
 * What a change costs depends on what was set, not on how much there is.
 */
export class FrontendTable {
  readonly #bySource = new Map<string, readonly Frontend[]>()
  /** Those that have their keys. */
  readonly #frontends = new Map<string, Frontend>()
  /** The others that want a key, in the order in which they came. */
  readonly #waiting = new Map<string, readonly Frontend[]>()
  /** What stood at each key that was touched since changes were taken last. */
  readonly #before = new Map<string, Frontend | undefined>()

  get(key: string): Frontend | undefined {
    return this.#frontends.get(key)
  }

  values(): Iterable<Frontend> {
    return this.#frontends.values()
  }

  ofSource(source: string): readonly Frontend[] {
    return this.#bySource.get(source) ?? []
  }

  /** Replaces all that one source wants. Frontends that are the same objects as before are left where they are. */
  set(source: string, frontends: readonly Frontend[]): void {
    const before = this.ofSource(source)
    if (frontends.length === 0) this.#bySource.delete(source)
    else this.#bySource.set(source, frontends)
    if (before.length > 0) {
      const kept = new Set(frontends)
      for (const frontend of before) if (!kept.has(frontend)) this.#remove(frontend)
    }
    const known = before.length === 0 ? undefined : new Set(before)
    for (const frontend of frontends) if (known?.has(frontend) !== true) this.#add(frontend)
  }

  /** What has changed since the last call. */
  takeChanges(): readonly FrontendChange[] {
    const changes: FrontendChange[] = []
    for (const [key, before] of this.#before) {
      const next = this.#frontends.get(key)
      if (next !== before) changes.push({ key, before, next })
    }
    this.#before.clear()
    return changes
  }

  #add(frontend: Frontend): void {
    const { key } = frontend
    const holder = this.#frontends.get(key)
    if (holder === undefined || frontend.age < holder.age) {
      this.#put(key, frontend)
      if (holder !== undefined) this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), holder])
    } else this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), frontend])
  }

  #remove(frontend: Frontend): void {
    const { key } = frontend
    const waiting = this.#waiting.get(key) ?? []
    const isHolder = this.#frontends.get(key) === frontend
    const next = isHolder ? oldest(waiting) : undefined
    if (isHolder) this.#put(key, next)
    const rest = waiting.filter((each) => each !== (isHolder ? next : frontend))
    if (rest.length === 0) this.#waiting.delete(key)
    else this.#waiting.set(key, rest)
  }

  #put(key: string, frontend: Frontend | undefined): void {
    if (!this.#before.has(key)) this.#before.set(key, this.#frontends.get(key))
    if (frontend === undefined) this.#frontends.delete(key)
    else this.#frontends.set(key, frontend)
  }
}

const oldest = (frontends: readonly Frontend[]): Frontend | undefined =>
  frontends.reduce<Frontend | undefined>(
    (best, each) => (best === undefined || each.age < best.age ? each : best),
    undefined,
  )
