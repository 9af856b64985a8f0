/** Which server of a pool gets a request. */
import { createHash } from 'node:crypto'
import type { Random } from '#lib/random.ts'
import type { Balance, Forward } from '#ingress/routing.ts'

/** What is looked at of a server. */
export interface Candidate {
  readonly id: string
  readonly draining: boolean
  /** Requests that it has now. */
  readonly active: number
  /** Whether it has just refused a connection. */
  readonly failing: boolean
}

/**
 * Those that may get a request: not `tried`, not draining, not failing; draining ones when no other is left, and failing ones
 * when all are, since a pool whose servers all failed a moment ago may be well again.
 */
export function eligible<S extends Candidate>(servers: readonly S[], tried: ReadonlySet<S>): readonly S[] {
  const untried = tried.size === 0 ? servers : servers.filter((server) => !tried.has(server))
  const staying = untried.filter((server) => !server.draining)
  const chosen = staying.length > 0 ? staying : untried
  const well = chosen.filter((server) => !server.failing)
  return well.length > 0 ? well : chosen
}

/** Picks one of `servers`, which are not none. `turn` counts the requests of the pool; `key` is what hashes are taken of. */
export function pick<S extends Candidate>(servers: readonly S[], balance: Balance, turn: number, key: string): S {
  switch (balance.kind) {
    case 'round-robin':
      return servers[turn % servers.length]!
    case 'least-loaded': {
      // Begins elsewhere each time, so that idle servers take turns.
      let least = servers[turn % servers.length]!
      for (const server of servers) if (server.active < least.active) least = server
      return least
    }
    case 'hash': {
      // Rendezvous hashing: a server that comes or goes moves only its own share of the keys.
      let best = servers[0]!
      let highest = -1
      for (const server of servers) {
        const score = hash(`${server.id}\n${key}`)
        if (score > highest) {
          highest = score
          best = server
        }
      }
      return best
    }
  }
}

function hash(text: string): number {
  return createHash('sha1').update(text).digest().readUIntBE(0, 6)
}

/** The pool that the lot falls on; nothing when all weights are 0. */
export function drawShare(shares: Forward['shares'], random: Random): string | undefined {
  if (shares.length === 1) return shares[0]!.weight > 0 ? shares[0]!.pool : undefined
  let total = 0
  for (const share of shares) total += share.weight
  let left = random.next() * total
  for (const share of shares) {
    left -= share.weight
    if (left < 0) return share.pool
  }
  return undefined
}
