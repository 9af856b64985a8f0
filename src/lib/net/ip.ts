/**
 * IP addresses, address blocks (cidr.ts) and allocation from blocks and number ranges (ipRange.ts, bitmap.ts). Sockets and the
 * host's interfaces are not here.
 *
 * `ipaddr.js` does the parsing, behind `net.isIP`: on its own it takes `10.1` and `010.0.0.1`, which Go and Kubernetes refuse.
 */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** An address as its bytes: four for IPv4, sixteen for IPv6. An IPv6 address that only wraps an IPv4 one is held as IPv4. */
export type Ip = Uint8Array

/** Whether a text is an address. Zones (`fe80::1%eth0`) are refused. */
export function isIpText(text: string): boolean {
  return text.length <= 45 && isIP(text) !== 0 && !text.includes('%')
}

/** Reads an address, or returns nothing when the text is not one. */
export function parseIp(text: string): Ip | undefined {
  if (!isIpText(text)) return undefined
  return Uint8Array.from(ipaddr.process(text).toByteArray())
}

/** The bytes of an address that is known to be one. */
export function ipBytes(text: string): Ip {
  const ip = parseIp(text)
  if (ip === undefined) throw new Error(`Cannot read IP address "${text}"`)
  return ip
}

/** The text that Go's `net.IP.String` gives: dotted IPv4, or RFC 5952 for IPv6. */
export function formatIp(ip: Ip): string {
  if (ip.length === 4) return `${ip[0]}.${ip[1]}.${ip[2]}.${ip[3]}`
  const address = ipaddr.fromByteArray([...ip])
  if (!(address instanceof ipaddr.IPv6)) throw new RangeError('an IPv6 address has 16 bytes')
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String()
}

/** The one text of an address, however it was written; nothing when it is not an address. */
export function canonicalIp(text: string): string | undefined {
  // Only the canonical form of an IPv4 address passes for one.
  if (isIP(text) === 4) return text
  const ip = parseIp(text)
  return ip === undefined ? undefined : formatIp(ip)
}

/** 4 or 6. */
export function ipFamily(ip: Ip): 4 | 6 {
  return ip.length === 4 ? 4 : 6
}

/** Orders IPv4 before IPv6, then by value. */
export function compareIp(a: Ip, b: Ip): number {
  return a.length - b.length || Buffer.compare(a, b)
}

export function isLoopback(ip: Ip): boolean {
  return ip.length === 4 ? ip[0] === 127 : ip.every((byte, index) => byte === (index === 15 ? 1 : 0))
}

export function isUnspecified(ip: Ip): boolean {
  return ip.every((byte) => byte === 0)
}

export function isMulticast(ip: Ip): boolean {
  return ip.length === 4 ? ip[0]! >> 4 === 0xe : ip[0] === 0xff
}

/** Addresses that reach only the same link: 169.254.0.0/16 and fe80::/10, and link-local multicast (224.0.0.0/24, ff02::/16). */
export function isLinkLocal(ip: Ip): boolean {
  if (ip.length === 4) return (ip[0] === 169 && ip[1] === 254) || (ip[0] === 224 && ip[1] === 0 && ip[2] === 0)
  return (ip[0] === 0xfe && (ip[1]! & 0xc0) === 0x80) || (ip[0] === 0xff && (ip[1]! & 0x0f) === 0x02)
}

/** The address as a number. */
export function ipToNumber(ip: Ip): bigint {
  let value = 0n
  for (const byte of ip) value = (value << 8n) | BigInt(byte)
  return value
}

/** The address with that number; throws when the family has no such address. */
export function ipFromNumber(family: 4 | 6, value: bigint): Ip {
  const size = family === 4 ? 4 : 16
  if (value < 0n || value >> BigInt(size * 8) !== 0n)
    throw new RangeError(`No IPv${family} address has the number ${value}`)
  const ip = new Uint8Array(size)
  for (let i = size - 1, rest = value; i >= 0; i--, rest >>= 8n) ip[i] = Number(rest & 0xffn)
  return ip
}

/** The name under which reverse DNS keeps an address: `1.0.0.10.in-addr.arpa`, or 32 digits under `ip6.arpa`. */
export function reverseName(ip: Ip): string {
  if (ip.length === 4) return `${ip.toReversed().join('.')}.in-addr.arpa`
  const digits = Buffer.from(ip).toString('hex')
  return `${[...digits].toReversed().join('.')}.ip6.arpa`
}

/** An address as it stands in URLs: one of IPv6 in brackets. */
export function urlHost(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}
