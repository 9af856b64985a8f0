/**
 * Text that others wrote as words of a configuration. HAProxy reads words, quotes and `%[...]`; whatever somebody else wrote goes
 * through one of these functions, so that it stays text. What they cannot make safe they refuse.
 */
import { createHash } from 'node:crypto'
import { isIP } from 'node:net'

/** Text that no configuration can hold. The message says what is wrong with it, for people. */
export class UnusableText extends Error {
  override name = 'UnusableText'
}

/** One word: printable text between quotes within which nothing has a meaning. */
export function quoted(text: string, what: string): string {
  refuseControls(text, what)
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** One word of those in which `%` begins a variable: it stands for itself here. */
export function quotedFormat(text: string, what: string): string {
  return quoted(text.replaceAll('%', '%%'), what)
}

/** A line break or a zero byte would end the word, the line or the header. */
export function refuseControls(text: string, what: string): void {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || code === 0x7f) throw new UnusableText(`${what} has a control character`)
  }
}

/** The name of a header, as it stands in a rule. */
export function headerName(name: string, what: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(name))
    throw new UnusableText(`${what} is not a header: letters, digits, "-" and "_" are allowed`)
  return name
}

/** The name of a cookie or parameter: what may stand within the parentheses of a fetch. */
export function plainName(name: string, what: string): string {
  if (!/^[A-Za-z0-9_.-]{1,128}$/.test(name))
    throw new UnusableText(`${what} may have letters, digits, "-", "_" and "." only`)
  return name
}

/** The name of a host, as it stands in an option. */
export function nameOfHost(name: string, what: string): string {
  if (!/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$/.test(name))
    throw new UnusableText(`${what} is not the name of a host`)
  return name
}

/** `address:port` of a socket. */
export function socketAddress(address: string, port: number): string {
  const family = isIP(address)
  if (family === 0) throw new UnusableText(`"${address}" is not an address`)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new UnusableText(`${port} is not a port`)
  return family === 4 ? `${address}:${port}` : `[${address}]:${port}`
}

/** A short name for something by all that it is: the same for the same, another one for anything else. */
export function nameFor(kind: string, content: unknown): string {
  return `${kind}-${createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16)}`
}

/** The page that says a status. */
export function page(status: number): string {
  const title = `${status} ${titles[status] ?? 'Problem'}`
  return `<html>\n<head><title>${title}</title></head>\n<body>\n<center><h1>${title}</h1></center>\n</body>\n</html>\n`
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Payload Too Large',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}
