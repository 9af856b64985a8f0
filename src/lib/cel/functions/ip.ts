/** IP addresses. Neither zones nor IPv4 addresses wrapped in IPv6 are taken. */
import { formatIp, ipFamily, isLoopback, isMulticast, isUnspecified, parseIp, type Ip } from '../../net/ip.ts'
import { declare, member, plain, type Library, type Overload } from '../declarations.ts'
import { fixedCost, traversalCost } from '../estimates.ts'
import { boolType, intType, opaqueType, stringType } from '../types.ts'
import { compareBytes, EvaluationError, OpaqueValue } from '../values.ts'

export const ipType = opaqueType('net.IP')

export class IpValue extends OpaqueValue {
  readonly type = ipType
  readonly ip: Ip

  constructor(ip: Ip) {
    super()
    this.ip = ip
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof IpValue && compareBytes(this.ip, other.ip) === 0
  }

  override get costSize(): number {
    return this.ip.length
  }
}

/** The address of a text, or why it is none. */
function read(text: string): IpValue | { readonly problem: string } {
  const shown = JSON.stringify(text)
  const percent = text.indexOf('%')
  if (percent > 0 && parseIp(text.slice(0, percent)) !== undefined) {
    return { problem: `IP address ${shown} with zone value is not allowed` }
  }
  const ip = parseIp(text)
  if (ip === undefined) {
    return {
      problem: `IP Address ${shown} parse error during conversion from string: ParseAddr(${shown}): unable to parse IP`,
    }
  }
  if (isWrapped(text, ip)) return { problem: `IPv4-mapped IPv6 address ${shown} is not allowed` }
  return new IpValue(ip)
}

/** Whether an IPv4 address was written as an IPv6 one. */
export const isWrapped = (text: string, ip: Ip): boolean => ip.length === 4 && text.includes(':')

export function ipOf(text: string): IpValue {
  const ip = read(text)
  if ('problem' in ip) throw new EvaluationError(ip.problem)
  return ip
}

const isLinkLocalUnicast = (ip: Ip): boolean =>
  ip.length === 4 ? ip[0] === 169 && ip[1] === 254 : ip[0] === 0xfe && (ip[1]! & 0xc0) === 0x80

const isLinkLocalMulticast = (ip: Ip): boolean =>
  ip.length === 4 ? ip[0] === 224 && ip[1] === 0 && ip[2] === 0 : ip[0] === 0xff && (ip[1]! & 0x0f) === 0x02

const isBroadcast = (ip: Ip): boolean => ip.length === 4 && ip.every((byte) => byte === 255)

const isGlobalUnicast = (ip: Ip): boolean =>
  !isUnspecified(ip) && !isLoopback(ip) && !isMulticast(ip) && !isLinkLocalUnicast(ip) && !isBroadcast(ip)

const constant = fixedCost(1)

const property = (id: string, holds: (ip: Ip) => boolean): Overload =>
  member(id, [ipType], boolType, ({ ip }: IpValue) => holds(ip), constant)

export const ipLibrary: Library = {
  name: 'ip',
  types: [ipType],
  functions: [
    declare('ip', plain('string_to_ip', [stringType], ipType, ipOf, traversalCost(0))),
    declare(
      'isIP',
      plain('is_ip', [stringType], boolType, (text: string) => read(text) instanceof IpValue, traversalCost(0)),
    ),
    declare(
      'ip.isCanonical',
      plain(
        'ip_is_canonical',
        [stringType],
        boolType,
        (text: string) => formatIp(ipOf(text).ip) === text,
        traversalCost(0, 2),
      ),
    ),
    declare(
      'family',
      member('ip_family', [ipType], intType, ({ ip }: IpValue) => ipFamily(ip), constant),
    ),
    declare('isUnspecified', property('ip_is_unspecified', isUnspecified)),
    declare('isLoopback', property('ip_is_loopback', isLoopback)),
    declare('isLinkLocalMulticast', property('ip_is_link_local_multicast', isLinkLocalMulticast)),
    declare('isLinkLocalUnicast', property('ip_is_link_local_unicast', isLinkLocalUnicast)),
    declare('isGlobalUnicast', property('ip_is_global_unicast', isGlobalUnicast)),
    declare(
      'string',
      plain('ip_to_string', [ipType], stringType, ({ ip }: IpValue) => formatIp(ip)),
    ),
  ],
}
