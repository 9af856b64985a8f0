/** Handing out the addresses of a block. */
import { addressAt, addressIndex, cidrContains, cidrSize, formatCidr } from './cidr.ts'
import type { Cidr } from './cidr.ts'
import { Bitmap } from './bitmap.ts'
import type { Ip } from './ip.ts'

/** Of a larger block only this many addresses are handed out: a /12 of IPv4, a /108 of IPv6. */
const mostAddresses = 1n << 20n

/**
 * The addresses of a block that are in use. The base address and the last one of an IPv4 block are never handed out.
 *
 * Example: `10.96.0.0/24` hands out .1–.254. Kubernetes keeps the lowest min(max(16, size/16), 256) back for people who choose
 * an address themselves (KEP-3070): `reservedAddresses` says how many that is.
 */
export class IpRange {
  readonly cidr: Cidr
  readonly #bitmap: Bitmap

  constructor(cidr: Cidr, options: { readonly reserve?: number } = {}) {
    const size = addressCount(cidr)
    if (size <= 0) throw new RangeError(`Block ${formatCidr(cidr)} has no address to hand out`)
    this.cidr = cidr
    this.#bitmap = new Bitmap(size, Math.min(options.reserve ?? 0, size))
  }

  /** How many addresses can be in use at once. */
  get size(): number {
    return this.#bitmap.size
  }

  get used(): number {
    return this.#bitmap.used
  }

  get free(): number {
    return this.#bitmap.free
  }

  /** Marks one address as in use: says whether it was free, taken, or is not one of those that are handed out. */
  take(ip: Ip): 'taken' | 'free' | 'outside' {
    const index = this.#indexOf(ip)
    if (index === undefined) return 'outside'
    return this.#bitmap.take(index) ? 'free' : 'taken'
  }

  /** Takes a free address at random; nothing when all are in use. */
  takeNext(random: { next(): number }): Ip | undefined {
    return this.#addressOf(this.#bitmap.takeNext(random))
  }

  /** Takes the lowest free address; nothing when all are in use. */
  takeFirst(): Ip | undefined {
    return this.#addressOf(this.#bitmap.takeFirst())
  }

  /** Gives an address back; false when it was not in use. */
  release(ip: Ip): boolean {
    const index = this.#indexOf(ip)
    return index !== undefined && this.#bitmap.release(index)
  }

  has(ip: Ip): boolean {
    const index = this.#indexOf(ip)
    return index !== undefined && this.#bitmap.has(index)
  }

  #indexOf(ip: Ip): number | undefined {
    if (!cidrContains(this.cidr, ip)) return undefined
    const index = addressIndex(this.cidr, ip) - 1n
    return index >= 0n && index < BigInt(this.size) ? Number(index) : undefined
  }

  #addressOf(index: number | undefined): Ip | undefined {
    return index === undefined ? undefined : addressAt(this.cidr, index + 1)
  }
}

/** How many low addresses of a block stay free for people who choose one themselves (KEP-3070). */
export function reservedAddresses(cidr: Cidr): number {
  const size = addressCount(cidr)
  if (size < 16) return 0
  return Math.min(256, Math.max(16, Math.floor(size / 16)))
}

function addressCount(cidr: Cidr): number {
  const size = cidrSize(cidr)
  const usable = cidr.family === 4 ? size - 2n : size - 1n
  return Number(usable < mostAddresses ? usable : mostAddresses)
}
