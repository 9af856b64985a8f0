// Rules of addresses and blocks of addresses, with Kubernetes' texts (apimachinery, util/validation/ip.go). Fields and names
// that are newer than v1.30 take each address in one form only; older fields take every form that Go once took.
import { formatCidr, parseCidr, type Cidr } from '#lib/net/cidr.ts'
import { formatIp, isIpText, parseIp } from '#lib/net/ip.ts'

export const noAddress = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'

/** Why a text is not an address in its one form. */
export function addressProblems(text: string): string[] {
  const ip = parseIp(withoutLeadingZeros(text))
  if (ip === undefined) return [noAddress]
  if (withoutLeadingZeros(text) !== text) return ['must not have leading 0s']
  if (isMapped(text, ip.length)) return ['must not be an IPv4-mapped IPv6 address']
  return formatIp(ip) === text ? [] : [`must be in canonical form (${JSON.stringify(formatIp(ip))})`]
}

/** Why a text is not an address in any form. */
export const olderAddressProblems = (text: string): string[] =>
  isIpText(text) || isIpText(withoutLeadingZeros(text)) ? [] : [noAddress]

const noBlock = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'

/** Why a text is not a block of addresses in its one form. */
export function blockProblems(text: string): string[] {
  const block = readBlock(text)
  if (block === undefined) return [noBlock]
  if (withoutLeadingZeros(text) !== text) return ['must not have leading 0s in IP or prefix length']
  if (isMapped(text, block.base.length)) return ['must not have an IPv4-mapped IPv6 address']
  if (hasFurtherBits(text, block)) return ['must not have bits set beyond the prefix length']
  return formatCidr(block) === text ? [] : [`must be in canonical form (${JSON.stringify(formatCidr(block))})`]
}

/** Why a text is not a block of addresses in any form. */
export const olderBlockProblems = (text: string): string[] => (readBlock(text) === undefined ? [noBlock] : [])

/** A block in any form; undefined when the text is none. */
export function readBlock(text: string): Cidr | undefined {
  return parseCidr(withoutLeadingZeros(text))
}

const nothing: readonly string[] = []
/** What most addresses are: there is nothing to say of them. */
const plainIpv4 = /^(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}$/

/** What to say of an address in a form that a newer field would refuse. `place` is the field. */
export function olderAddressWarnings(text: string, place: string): readonly string[] {
  if (plainIpv4.test(text)) return nothing
  const plain = withoutLeadingZeros(text)
  const ip = parseIp(plain)
  if (ip === undefined) return []
  const canonical = formatIp(ip)
  if (plain !== text || isMapped(text, ip.length)) {
    const fate = 'will be considered invalid in a future Kubernetes release'
    return [`${place}: non-standard IP address ${JSON.stringify(text)} ${fate}: use ${JSON.stringify(canonical)}`]
  }
  if (canonical === text) return []
  const [written, better] = [JSON.stringify(text), JSON.stringify(canonical)]
  return [`${place}: IPv6 address ${written} should be in RFC 5952 canonical format (${better})`]
}

/** What to say of the addresses of load balancers that a status tells. */
export function loadBalancerWarnings(ingress: readonly { readonly ip?: string }[] | undefined): string[] {
  return (ingress ?? []).flatMap(({ ip = '' }, index) =>
    olderAddressWarnings(ip, `status.loadBalancer.ingress[${index}]`),
  )
}

/** What to say of a block in a form that a newer field would refuse. `place` is the field. */
export function olderBlockWarnings(text: string, place: string): string[] {
  const block = readBlock(text)
  if (block === undefined) return []
  const [written, canonical] = [JSON.stringify(text), JSON.stringify(formatCidr(block))]
  const warnings: string[] = []
  if (hasFurtherBits(text, block)) {
    const single = JSON.stringify(`${addressOf(text)}/${block.base.length * 8}`)
    warnings.push(`${place}: CIDR value ${written} is ambiguous in this context (should be ${canonical} or ${single}?)`)
  }
  if (withoutLeadingZeros(text) !== text || isMapped(text, block.base.length)) {
    const fate = 'will be considered invalid in a future Kubernetes release'
    warnings.push(`${place}: non-standard CIDR value ${written} ${fate}: use ${canonical}`)
  }
  if (warnings.length === 0 && formatCidr(block) !== text) {
    warnings.push(`${place}: IPv6 CIDR value ${written} should be in RFC 5952 canonical format (${canonical})`)
  }
  return warnings
}

/** `010.0.0.08/09` means what `10.0.0.8/9` does, where it means anything. */
function withoutLeadingZeros(text: string): string {
  const [address = '', ...prefix] = text.split('/')
  const plain = /^[0-9.]+$/.test(address) ? address.replaceAll(/(?<![0-9])0+(?=[0-9])/g, '') : address
  return [plain, ...prefix.map((digits) => digits.replace(/^0+(?=[0-9])/, ''))].join('/')
}

/** An IPv4 address in the clothes of an IPv6 one, `::ffff:1.2.3.4`. */
const isMapped = (text: string, bytes: number): boolean => bytes === 4 && text.includes(':')

function hasFurtherBits(text: string, block: Cidr): boolean {
  return addressOf(text) !== formatIp(block.base)
}

/** The address before the slash in its canonical form. */
function addressOf(text: string): string {
  const plain = withoutLeadingZeros(text)
  return formatIp(parseIp(plain.slice(0, plain.lastIndexOf('/')))!)
}
