import type { Report } from '#machinery/validate/report.ts'
import { ipFamily, isLinkLocal, isLoopback, isUnspecified, parseIp, type Ip } from '#lib/net/ip.ts'

// Rules of ports and addresses that services, endpoints and slices share.

export const protocols: readonly string[] = ['SCTP', 'TCP', 'UDP']

/** A port from 1 to 65535. */
export function checkPortNumber(port: number, report: Report): void {
  if (port < 1 || port > 65535) report.invalid(port, 'must be between 1 and 65535, inclusive')
}

export function checkPortProtocol(protocol: string | undefined, report: Report): void {
  if (protocol === undefined || protocol === '') report.required()
  else if (!protocols.includes(protocol)) report.notSupported(protocol, protocols)
}

/** An address that traffic may be sent to: none that means this host, this link or everybody. */
export function checkEndpointAddress(text: string, report: Report): void {
  const problem = addressProblem(text)
  if (problem !== undefined) report.invalid(text, problem)
}

function addressProblem(text: string): string | undefined {
  const address = parseIp(text)
  if (address === undefined) return 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
  if (isUnspecified(address)) return `may not be unspecified (${text})`
  if (isLoopback(address)) return 'may not be in the loopback range (127.0.0.0/8, ::1/128)'
  if (isLinkLocalMulticast(address)) return 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'
  if (isLinkLocal(address)) return 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'
  return undefined
}

function isLinkLocalMulticast(address: Ip): boolean {
  if (ipFamily(address) === 4) return address[0] === 224 && address[1] === 0 && address[2] === 0
  return address[0] === 0xff && (address[1]! & 0x0f) === 0x02
}
