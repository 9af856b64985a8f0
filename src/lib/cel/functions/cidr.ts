/** Blocks of IP addresses. */
import { cidrContains, cidrOf } from '../../net/cidr.ts'
import { formatIp, parseIp, type Ip } from '../../net/ip.ts'
import { costs, exactly, ranges } from '../cost.ts'
import { declare, member, plain, type Library } from '../declarations.ts'
import { fixedCost, traversalCost, type CallCost } from '../estimates.ts'
import { boolType, intType, opaqueType, stringType } from '../types.ts'
import { compareBytes, costSize, EvaluationError, OpaqueValue } from '../values.ts'
import { ipOf, ipType, IpValue, isWrapped } from './ip.ts'

const cidrType = opaqueType('net.CIDR')

class CidrValue extends OpaqueValue {
  readonly type = cidrType
  /** As it was written: bits below the prefix are kept. */
  readonly ip: Ip
  readonly prefix: number

  constructor(ip: Ip, prefix: number) {
    super()
    this.ip = ip
    this.prefix = prefix
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof CidrValue && this.prefix === other.prefix && compareBytes(this.ip, other.ip) === 0
  }

  override get costSize(): number {
    return Math.ceil(this.prefix / 8)
  }

  contains(ip: Ip): boolean {
    return cidrContains(cidrOf(this.ip, this.prefix), ip)
  }
}

function read(text: string): CidrValue | { readonly problem: string } {
  const shown = JSON.stringify(text)
  const failed = (why: string): { readonly problem: string } => ({
    problem: `network address parse error during conversion from string: netip.ParsePrefix(${shown}): ${why}`,
  })
  const slash = text.lastIndexOf('/')
  if (slash < 0) return failed(`no '/'`)
  const address = text.slice(0, slash)
  const ip = parseIp(address)
  if (ip === undefined) return failed(`ParseAddr(${JSON.stringify(address)}): unable to parse IP`)
  if (isWrapped(address, ip)) return { problem: `IPv4-mapped IPv6 address ${shown} is not allowed` }
  const digits = text.slice(slash + 1)
  if (!/^(?:0|[1-9]\d{0,2})$/.test(digits)) return failed(`bad bits after slash: ${JSON.stringify(digits)}`)
  if (Number(digits) > ip.length * 8) return failed('prefix length out of range')
  return new CidrValue(ip, Number(digits))
}

function cidrValue(text: string): CidrValue {
  const cidr = read(text)
  if ('problem' in cidr) throw new EvaluationError(cidr.problem)
  return cidr
}

const address = { min: 4, max: 16 }
const scaled = (size: number, factor: number): number => Math.ceil(size * factor * costs.traversal)

/** Comparing an address with a block, or two blocks; a text is also read. */
function containsCost(blocks: boolean, text: boolean): CallCost {
  return {
    cost([cidr, other]) {
      const size = costSize(cidr!)
      return scaled(size, 2) + (blocks ? scaled(size, 1) + 1 : 0) + (text ? scaled(costSize(other!), 1) : 0)
    },
    estimate([, other]) {
      let cost = ranges.scale(address, costs.traversal * 2)
      if (blocks) cost = ranges.add(ranges.add(cost, ranges.scale(address, costs.traversal)), exactly(1))
      return { cost: text ? ranges.add(cost, ranges.scale(other!.size, costs.traversal)) : cost }
    },
  }
}

const containsCidr = (outer: CidrValue, inner: CidrValue): boolean =>
  inner.prefix >= outer.prefix && outer.contains(inner.ip)

const constant = fixedCost(1)

export const cidrLibrary: Library = {
  name: 'cidr',
  types: [cidrType],
  functions: [
    declare('cidr', plain('string_to_cidr', [stringType], cidrType, cidrValue, traversalCost(0))),
    declare(
      'isCIDR',
      plain('is_cidr', [stringType], boolType, (text: string) => read(text) instanceof CidrValue, traversalCost(0)),
    ),
    declare(
      'containsIP',
      member(
        'cidr_contains_ip_string',
        [cidrType, stringType],
        boolType,
        (cidr: CidrValue, text: string) => cidr.contains(ipOf(text).ip),
        containsCost(false, true),
      ),
      member(
        'cidr_contains_ip_ip',
        [cidrType, ipType],
        boolType,
        (cidr: CidrValue, { ip }: IpValue) => cidr.contains(ip),
        containsCost(false, false),
      ),
    ),
    declare(
      'containsCIDR',
      member(
        'cidr_contains_cidr_string',
        [cidrType, stringType],
        boolType,
        (cidr: CidrValue, text: string) => containsCidr(cidr, cidrValue(text)),
        containsCost(true, true),
      ),
      member('cidr_contains_cidr', [cidrType, cidrType], boolType, containsCidr, containsCost(true, false)),
    ),
    declare(
      'ip',
      member('cidr_ip', [cidrType], ipType, ({ ip }: CidrValue) => new IpValue(ip), constant),
    ),
    declare(
      'prefixLength',
      member('cidr_prefix_length', [cidrType], intType, ({ prefix }: CidrValue) => prefix, constant),
    ),
    declare(
      'masked',
      member(
        'cidr_masked',
        [cidrType],
        cidrType,
        ({ ip, prefix }: CidrValue) => new CidrValue(cidrOf(ip, prefix).base, prefix),
        constant,
      ),
    ),
    declare(
      'string',
      plain('cidr_to_string', [cidrType], stringType, ({ ip, prefix }: CidrValue) => `${formatIp(ip)}/${prefix}`),
    ),
  ],
}
