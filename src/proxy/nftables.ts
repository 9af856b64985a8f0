/** Keeps the kernel's table of one address family as planned: whole at first and after a failure, differences from then on. */
import { safeTextBytes } from '#lib/host/nft.ts'
import type { Nft } from '#lib/host/nft.ts'
import { findDeviation, readTable } from '#lib/host/nftTable.ts'

import type { Family } from './frontend.ts'
import { readRemembered, renderDifference, renderTable, tableName, wantedOf } from './nftText.ts'
import type { Difference, Ruleset } from './ruleset.ts'

/** What came of applying a ruleset. */
export interface Applied {
  readonly kind: 'nothing' | 'difference' | 'whole'
  /** How many elements were sent; absent for a whole table. */
  readonly size?: number
}

export class NftablesTable {
  readonly #nft: Nft
  readonly #family: Family
  /** What the kernel holds; absent when that is not known. */
  #rules: Ruleset | undefined
  #generation = 0
  /** Those that this process has made, or is making. */
  #firstGeneration: number | undefined
  #lastGeneration = 0
  /** Chains as the kernel printed them when it was last asked; those that it prints otherwise later were changed by others. */
  #chainTexts: ReadonlyMap<string, string> = new Map()
  /** How often something was applied, and how often somebody said that it may not be as applied. */
  #turns = 0
  #distrusts = 0
  #verifications = 0

  constructor(nft: Nft, family: Family) {
    this.#nft = nft
    this.#family = family
  }

  /** Until disposed changes are quick. */
  stayReady(): AsyncDisposable {
    return this.#nft.stayReady?.() ?? { [Symbol.asyncDispose]: async () => undefined }
  }

  /** Whether the kernel is believed to hold what was last applied. */
  get isCurrent(): boolean {
    return this.#rules !== undefined
  }

  /**
   * Brings the table to the ruleset, given how that has changed since it was last applied. The kernel refuses a difference when
   * the table has gone or another process has replaced it; then, as after any failure, the next call replaces the whole table.
   */
  async apply(rules: Ruleset, difference: Difference | undefined, signal?: AbortSignal): Promise<Applied> {
    const isKnown = this.#rules === rules
    const distrusts = this.#distrusts
    this.#rules = undefined
    this.#turns++
    const isChanged = isKnown && difference !== undefined && (await this.#change(difference, signal))
    if (!isChanged) await this.#replace(rules, signal)
    if (this.#distrusts === distrusts) this.#rules = rules
    if (!isChanged) return { kind: 'whole' }
    return difference.size === 0 && difference.addedChains.size === 0
      ? { kind: 'nothing' }
      : { kind: 'difference', size: difference.size }
  }

  /** Forgets what the kernel holds: the next `apply` replaces the table. */
  distrust(): void {
    this.#rules = undefined
    this.#distrusts++
  }

  /** How often the kernel's table was compared with what was applied. */
  get verifications(): number {
    return this.#verifications
  }

  /**
   * Asks the kernel whether the table still is what was applied. If not, says what is wrong; the next `apply` replaces it. Changes
   * may be applied meanwhile; what was listed between them is compared with nothing.
   */
  async verify(signal?: AbortSignal): Promise<string | undefined> {
    const rules = this.#rules
    const turns = this.#turns
    if (rules === undefined) return undefined
    const text = await this.#nft.describe(this.#id, signal)
    if (this.#rules !== rules) return undefined
    const listing = text === undefined ? undefined : readTable(text)
    const isLast = listing?.elements.get('generation')?.has(String(this.#generation)) === true
    if (this.#turns !== turns && !isLast) return undefined
    this.#verifications++
    const problem =
      listing === undefined
        ? 'the table has gone'
        : findDeviation(listing, wantedOf(rules), this.#generation, this.#chainTexts)
    if (problem !== undefined) this.#rules = undefined
    this.#chainTexts = problem === undefined ? listing!.chains : new Map()
    return problem
  }

  /** Takes the table away. */
  async remove(): Promise<void> {
    this.#rules = undefined
    const { family, name } = this.#id
    await this.#nft.apply(`add table ${family} ${name}\ndelete table ${family} ${name}\n`)
  }

  /** Whether a generation is one that this process has made, or is making. */
  isOwnGeneration(generation: number): boolean {
    return generation >= (this.#firstGeneration ?? Infinity) && generation <= this.#lastGeneration
  }

  get #id() {
    return { family: this.#family === 4 ? 'ip' : 'ip6', name: tableName }
  }

  /** False when this is better done by making the table anew. */
  async #change(difference: Difference, signal: AbortSignal | undefined): Promise<boolean> {
    if (difference.isWorn) return false
    for (const { text, generation } of renderDifference(this.#family, difference, this.#generation)) {
      if (text.length > longestText) return false
      this.#lastGeneration = generation
      try {
        await this.#nft.apply(text, signal)
      } catch (error) {
        if (isFull(error)) return false
        throw error
      }
      this.#generation = generation
    }
    return true
  }

  /** Clients that were being sent to the same backend stay with it. */
  async #replace(rules: Ruleset, signal: AbortSignal | undefined): Promise<void> {
    const read = async (kind: 'set' | 'map', name: string) => {
      const text = await this.#nft.describe({ ...this.#id, only: { kind, name } }, signal)
      return text === undefined ? undefined : readTable(text)
    }
    const [clients, found] = await Promise.all([read('map', 'affinity'), read('set', 'generation')])
    const remembered = clients === undefined ? [] : readRemembered(clients, rules.frontends.values())
    const old = Number([...(found?.elements.get('generation')?.keys() ?? [])][0] ?? 0)
    // Never that of the table before: whoever made that one must not be able to go on as if nothing had happened.
    const generation = (Math.max(this.#lastGeneration, Number.isInteger(old) ? old : 0) + 1) % 2 ** 31
    this.#chainTexts = new Map()
    this.#firstGeneration ??= generation
    this.#lastGeneration = generation
    await this.#nft.apply(renderTable(rules, generation, remembered), signal)
    this.#generation = generation
  }
}

/** Whether a set has as many elements as it may have (ENFILE). */
const isFull = (error: unknown): boolean => /Too many open files in system/.test(String(error))

/** A single change that is longer than this is not made by itself: what of it has arrived when we are killed would be applied. */
const longestText = 2 * safeTextBytes
