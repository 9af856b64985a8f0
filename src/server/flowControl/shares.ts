// How the seats of a server, one for each request that runs, are divided among priority levels. Pure. Source: KEP-1040 and
// apiserver v0.34, pkg/util/flowcontrol/apf_controller.go and conc_alloc.go.
import type { PriorityLevelConfigurationSpec } from '#api/flowcontrol/v1/priorityLevelConfiguration.ts'

/** The seats of a level. */
export interface Seats {
  /** Its share of all. */
  readonly nominal: number
  /** What it never lends. */
  readonly least: number
  /** With all that it may borrow. */
  readonly most: number
}

/** The seats of every level, by name, out of `total`. */
export function shareSeats(
  levels: ReadonlyMap<string, PriorityLevelConfigurationSpec>,
  total: number,
): Map<string, Seats> {
  const sum = [...levels.values()].reduce((shares, spec) => shares + commonOf(spec).shares, 0)
  return new Map([...levels].map(([name, spec]) => [name, seatsOf(spec, total, sum)]))
}

function seatsOf(spec: PriorityLevelConfigurationSpec, total: number, sum: number): Seats {
  const { shares, lendable, borrowing } = commonOf(spec)
  if (total === Infinity) return { nominal: Infinity, least: Infinity, most: Infinity }
  const nominal = sum === 0 ? 0 : Math.ceil((total * shares) / sum)
  const lent = Math.round((nominal * lendable) / 100)
  const borrowed = borrowing === undefined ? total : Math.round((nominal * borrowing) / 100)
  return { nominal, least: nominal - lent, most: nominal + borrowed }
}

function commonOf({ limited, exempt }: PriorityLevelConfigurationSpec) {
  const { nominalConcurrencyShares: shares = 0, lendablePercent: lendable = 0 } = limited ?? exempt ?? {}
  return { shares, lendable, borrowing: limited?.borrowingLimitPercent }
}

/** How many seats a level has used of late, and would have. */
export interface Demand {
  /** The most at one moment of the last period. */
  readonly highest: number
  /** What it mostly needs, remembered for minutes. */
  readonly smoothed: number
}

export interface Borrower {
  readonly isExempt: boolean
  readonly seats: Seats
  readonly demand: Demand
}

/** How many seats each level has from now on, in the order of the levels; `fairPart` is the part of its need that each gets. */
export function lendSeats(levels: readonly Borrower[]): {
  readonly limits: readonly number[]
  readonly fairPart: number
} {
  const total = levels.reduce((sum, { seats }) => sum + seats.nominal, 0)
  if (total === Infinity) return { limits: levels.map(() => Infinity), fairPart: 0 }
  const exemptOf = ({ seats, demand }: Borrower): number => Math.max(seats.least, demand.highest)
  const left = levels.reduce((rest, level) => (level.isExempt ? rest - exemptOf(level) : rest), total)
  const limited = levels.filter(({ isExempt }) => !isExempt)
  /** What a level needs at once, as far as that is its own. */
  const ownNeed = ({ seats, demand }: Borrower): number =>
    Math.max(seats.least, Math.min(seats.nominal, demand.highest))
  const least = limited.reduce((sum, { seats }) => sum + seats.least, 0)
  const needed = limited.reduce((sum, level) => sum + ownNeed(level), 0)
  let fairPart = 0
  let limitOf = ({ seats }: Borrower): number => seats.least
  if (left > needed) {
    fairPart = findFairPart(limited, total, ownNeed)
    limitOf = (level) => Math.round(partOf(level, fairPart, ownNeed(level)))
  } else if (left > least) {
    const part = (left - least) / (needed - least)
    limitOf = (level) => level.seats.least + Math.round((ownNeed(level) - level.seats.least) * part)
  }
  return { limits: levels.map((level) => (level.isExempt ? exemptOf(level) : limitOf(level))), fairPart }
}

/** Targets of nothing would leave nothing to multiply. */
const leastTarget = 0.001
const steps = 64

function partOf({ seats, demand }: Borrower, part: number, least: number): number {
  const target = Math.max(leastTarget, least, demand.smoothed)
  return Math.max(least, Math.min(seats.most, part * target))
}

/** The part of its target that each level gets, within its bounds, so that all seats are given away: found by halving. */
function findFairPart(levels: readonly Borrower[], total: number, leastOf: (level: Borrower) => number): number {
  const given = (part: number): number => levels.reduce((sum, level) => sum + partOf(level, part, leastOf(level)), 0)
  let low = 0
  let high = 1
  while (given(high) < total && high < total / leastTarget) high *= 2
  for (let step = 0; step < steps; step++) {
    const middle = (low + high) / 2
    if (given(middle) < total) low = middle
    else high = middle
  }
  return high
}
