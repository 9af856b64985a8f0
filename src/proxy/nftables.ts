/** Keeps the kernel's table of one address family as planned: whole at first and after a failure, differences from then on. */
import type { Nft } from '#lib/host/nft.ts'

import { findDifference, readListing, readRemembered, renderDifference, renderTable, tableName } from './nftText.ts'
import { planDifference } from './ruleset.ts'
import type { Plan } from './ruleset.ts'
import type { Family } from './serviceTable.ts'

/** What came of applying a plan. */
export interface Applied {
  readonly kind: 'nothing' | 'difference' | 'whole'
  /** How many elements were sent; absent for a whole table. */
  readonly size?: number
}

export class NftablesTable {
  readonly #nft: Nft
  readonly #family: Family
  /** What the kernel holds; absent when that is not known. */
  #plan: Plan | undefined
  #generation = 0
  /** Chains as the kernel printed them when it was last asked; those that it prints otherwise later were changed by others. */
  #chainTexts: ReadonlyMap<string, string> = new Map()

  constructor(nft: Nft, family: Family) {
    this.#nft = nft
    this.#family = family
  }

  /**
   * Brings the table to the plan in one transaction. The kernel refuses a difference when the table has gone or another
   * process has replaced it; then, as after any failure, the next call replaces the whole table.
   */
  async apply(plan: Plan, signal?: AbortSignal): Promise<Applied> {
    const before = this.#plan
    this.#plan = undefined
    if (before === undefined || JSON.stringify(before.ranges) !== JSON.stringify(plan.ranges)) {
      await this.#replace(plan, signal)
      this.#plan = plan
      return { kind: 'whole' }
    }
    const difference = planDifference(before, plan)
    const isSame = difference.size === 0 && difference.addedChains.size === 0 && difference.removedChains.length === 0
    if (!isSame) {
      const next = this.#generation + 1
      await this.#nft.apply(renderDifference(this.#family, difference, this.#generation, next), signal)
      this.#generation = next
    }
    this.#plan = plan
    return isSame ? { kind: 'nothing' } : { kind: 'difference', size: difference.size }
  }

  /** Asks the kernel whether the table still is what was applied. If not, says what is wrong; the next `apply` replaces it. */
  async verify(signal?: AbortSignal): Promise<string | undefined> {
    const plan = this.#plan
    if (plan === undefined) return undefined
    const text = await this.#nft.describe(this.#id, signal)
    // Something was applied in the meantime: what was read is of no use.
    if (this.#plan !== plan) return undefined
    const listing = text === undefined ? undefined : readListing(text)
    const problem =
      listing === undefined ? 'the table has gone' : findDifference(listing, plan, this.#generation, this.#chainTexts)
    if (problem !== undefined) this.#plan = undefined
    this.#chainTexts = problem === undefined ? listing!.chains : new Map()
    return problem
  }

  /** Takes the table away. */
  async remove(): Promise<void> {
    this.#plan = undefined
    const { family, name } = this.#id
    await this.#nft.apply(`add table ${family} ${name}\ndelete table ${family} ${name}\n`)
  }

  get #id() {
    return { family: this.#family === 4 ? 'ip' : 'ip6', name: tableName }
  }

  /** Clients that were being sent to the same backend stay with it. */
  async #replace(plan: Plan, signal: AbortSignal | undefined): Promise<void> {
    const text = await this.#nft.describe(this.#id, signal)
    const listing = text === undefined ? undefined : readListing(text)
    const remembered = listing === undefined ? [] : readRemembered(listing, plan)
    const old = Number([...(listing?.elements.get('generation')?.keys() ?? [])][0] ?? 0)
    // Never that of the table before: whoever made that one must not be able to go on as if nothing had happened.
    const generation = (Math.max(this.#generation, Number.isInteger(old) ? old : 0) + 1) % 2 ** 31
    this.#chainTexts = new Map()
    await this.#nft.apply(renderTable(plan, generation, remembered), signal)
    this.#generation = generation
  }
}
