import type { Condition } from '#api/meta/v1/condition.ts'
import { cidrContains, formatCidr, parseCidr, parseCidrs, type Cidr } from '#lib/net/cidr.ts'
import { canonicalIp, formatIp, parseIp, type Ip } from '#lib/net/ip.ts'
import { IpRange, reservedAddresses } from '#lib/net/ipRange.ts'
import type { Random } from '#lib/random.ts'
import { familyOfAddress, type ClusterFamilies, type IpFamily } from './families.ts'

/** One block of addresses; several ServiceCIDRs may name it. */
interface Block {
  readonly cidr: Cidr
  readonly range: IpRange
  /** Whether the server was told of it when it started; it counts as ready while no ServiceCIDR names it. */
  readonly isBase: boolean
  /** The ServiceCIDRs that name it, and whether each is ready. */
  readonly named: Map<string, boolean>
}

/** Whether blocks may be used for services that come: unless their condition says otherwise (KEP-1880). */
export const isReady = (conditions: readonly Condition[] | undefined): boolean =>
  (conditions?.find(({ type }) => type === 'Ready')?.status ?? 'True') === 'True'

/**
 * All addresses that services of a cluster can have: the blocks of ServiceCIDRs, the addresses that services have, and those that
 * others keep by an IPAddress. Blocks may overlap and come and go; an address in use stays so without any.
 */
export class AddressSpace {
  /** The families of which there are addresses, the primary one first. */
  readonly families: ClusterFamilies
  readonly #blocks = new Map<string, Block>()
  /** Addresses of services, and those that others keep, in canonical form. */
  readonly #used = new Set<string>()
  readonly #kept = new Set<string>()

  /** `base` is one block, or one of each family. */
  constructor(base: string) {
    const cidrs = parseCidrs(base)
    if (cidrs === undefined)
      throw new RangeError(
        `Cannot hand out service addresses: "${base}" is not a block such as 10.96.0.0/12, or one of each family`,
      )
    for (const cidr of cidrs) this.#add(cidr, true)
    this.families = cidrs.map(({ family }) => `IPv${family}` as const) as unknown as ClusterFamilies
  }

  /** Notes the blocks of a ServiceCIDR, as it is now. */
  setBlocks(name: string, texts: readonly string[], ready: boolean): void {
    const wanted = new Set(texts.flatMap((text) => (parseCidr(text) === undefined ? [] : formatCidr(parseCidr(text)!))))
    for (const [text, { named }] of this.#blocks) if (!wanted.has(text)) named.delete(name)
    for (const text of wanted) {
      const block = this.#blocks.get(text) ?? this.#add(parseCidr(text)!, false)
      block?.named.set(name, ready)
    }
    this.#dropUnnamed()
  }

  /** Forgets the blocks of a ServiceCIDR that is gone. */
  removeBlocks(name: string): void {
    for (const { named } of this.#blocks.values()) named.delete(name)
    this.#dropUnnamed()
  }

  /** Takes one address for a service; a text says why it cannot be had. */
  take(address: string): string | undefined {
    const ip = parseIp(address)
    const name = canonicalIp(address)
    if (ip === undefined || name === undefined) return 'it is no address'
    if (!this.families.includes(familyOfAddress(address)))
      return `${familyOfAddress(address)} is not configured on this cluster`
    const ready = this.#readyBlocks(familyOfAddress(address))
    const holding = ready.filter(({ cidr }) => cidrContains(cidr, ip))
    if (holding.length === 0) {
      const all = ready.map(({ cidr }) => formatCidr(cidr)).join(', ')
      return `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${all}`
    }
    if (this.#isTaken(name)) return 'provided IP is already allocated'
    if (holding.every(({ range }) => range.take(ip) === 'outside'))
      return `the provided IP (${address}) is reserved in the range ${formatCidr(holding[0]!.cidr)}`
    this.#used.add(name)
    this.#mark(ip)
    return undefined
  }

  /** Takes any address of a family for a service; nothing when all are in use. */
  takeNext(family: IpFamily, random: Random): string | undefined {
    for (const { range } of this.#readyBlocks(family)) {
      const ip = range.takeNext(random)
      if (ip === undefined) continue
      const name = formatIp(ip)
      this.#used.add(name)
      this.#mark(ip)
      return name
    }
    return undefined
  }

  /** Notes an address that a service has, wherever it is from. */
  adopt(address: string): void {
    this.#note(this.#used, address)
  }

  release(address: string): void {
    this.#forget(this.#used, address)
  }

  /** Notes an address that somebody else keeps. */
  keep(address: string): void {
    this.#note(this.#kept, address)
  }

  letGo(address: string): void {
    this.#forget(this.#kept, address)
  }

  #isTaken(name: string): boolean {
    return this.#used.has(name) || this.#kept.has(name)
  }

  #note(set: Set<string>, address: string): void {
    const name = canonicalIp(address)
    if (name === undefined) return
    set.add(name)
    this.#mark(parseIp(name)!)
  }

  #forget(set: Set<string>, address: string): void {
    const name = canonicalIp(address)
    if (name === undefined || !set.delete(name) || this.#isTaken(name)) return
    const ip = parseIp(name)!
    for (const { range } of this.#blocks.values()) range.release(ip)
  }

  /** In every block that has it: those that overlap agree. */
  #mark(ip: Ip): void {
    for (const { range } of this.#blocks.values()) range.take(ip)
  }

  #readyBlocks(family: IpFamily): Block[] {
    return [...this.#blocks.values()].filter(
      ({ cidr, isBase, named }) =>
        `IPv${cidr.family}` === family && (named.size === 0 ? isBase : [...named.values()].some((ready) => ready)),
    )
  }

  /** Nothing for a block that has no address to hand out. */
  #add(cidr: Cidr, isBase: boolean): Block | undefined {
    const isTooSmall = cidr.prefix > (cidr.family === 4 ? 30 : 127)
    if (isTooSmall && !isBase) return undefined
    const range = new IpRange(cidr, { reserve: reservedAddresses(cidr) })
    for (const set of [this.#used, this.#kept]) for (const name of set) range.take(parseIp(name)!)
    const block: Block = { cidr, range, isBase, named: new Map() }
    this.#blocks.set(formatCidr(cidr), block)
    return block
  }

  #dropUnnamed(): void {
    for (const [text, { isBase, named }] of this.#blocks) if (!isBase && named.size === 0) this.#blocks.delete(text)
  }
}
