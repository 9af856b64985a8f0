import type { Resource } from '#api/resource.ts'
import type { Client } from '#client/client.ts'
import { discover, type ServedResource } from '#client/discovery.ts'
import type { Clock } from '#lib/clock.ts'
import { scaledKinds } from '../scaledKinds.ts'

/** What is served is asked again after this long, or once something is missing, but not more often than that. */
const goodFor = 30_000
const leastBetween = 1_000

/** What the cluster serves, kept for a while: kinds by group and name, and versions of groups. */
export class ServedKinds {
  readonly #client: Client
  readonly #clock: Clock
  #asked = -Infinity
  #known: Promise<readonly ServedResource[]> | undefined

  constructor(client: Client, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  /** The kind in each version in which it is served, the preferred first. */
  async find(group: string, kind: string, signal: AbortSignal): Promise<readonly Resource[]> {
    const known = scaledKinds[`${group}/${kind}`]
    if (known !== undefined) return [known]
    const isMeant = (each: ServedResource): boolean => each.group === group && each.kind === kind
    const found = await this.#lookUp((all) => all.some(isMeant), signal)
    return found.filter(isMeant).toSorted((a, b) => Number(b.preferred) - Number(a.preferred))
  }

  /** The first of these versions that is served. */
  async version(group: string, versions: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    const found = await this.#lookUp((all) => all.some((each) => each.group === group), signal)
    return versions.find((version) => found.some((each) => each.group === group && each.version === version))
  }

  async #lookUp(
    has: (all: readonly ServedResource[]) => boolean,
    signal: AbortSignal,
  ): Promise<readonly ServedResource[]> {
    const known = await this.#ask(goodFor, signal)
    return has(known) ? known : this.#ask(leastBetween, signal)
  }

  #ask(maximalAge: number, signal: AbortSignal): Promise<readonly ServedResource[]> {
    const now = this.#clock.now()
    if (this.#known !== undefined && now - this.#asked < maximalAge) return this.#known
    this.#asked = now
    const asked = discover(this.#client.transport, signal).then(({ resources }) => resources)
    asked.catch(() => {
      if (this.#known === asked) this.#known = undefined
    })
    return (this.#known = asked)
  }
}
