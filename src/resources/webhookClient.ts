import type { WebhookClientConfig } from '#api/admissionregistration/v1/webhook.ts'
import { dnsSubdomainProblems, portNumberProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'

// How servers outside are named that the API server asks: admission and conversion webhooks, audit sinks.

/** Exactly one of an address and a service. */
export function checkWebhookClient({ url, service }: WebhookClientConfig, report: Report): void {
  if ((url === undefined) === (service === undefined)) report.required('exactly one of url or service is required')
  else if (url !== undefined) checkWebhookUrl(url, report.at('url'))
  else checkWebhookService(service!, report.at('service'))
}

/** The parts of a URL as RFC 3986 splits them. */
const urlParts = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/(?:([^/?#]*)@)?([^/?#]*))?[^?#]*(?:\?([^#]*))?(?:#(.*))?$/s

/** An address with `https`, a host and a path, and nothing else. */
export function checkWebhookUrl(url: string, report: Report): void {
  const form = '; desired format: https://host[/path]'
  const problem = urlProblem(url)
  if (problem !== undefined) {
    report.required(`url must be a valid URL: parse ${JSON.stringify(url)}: ${problem}${form}`)
    return
  }
  const [, scheme = '', user, host = '', query = '', fragment = ''] = urlParts.exec(url)!
  if (scheme.toLowerCase() !== 'https') report.invalid(scheme, `'https' is the only allowed URL scheme${form}`)
  if (host === '') report.invalid(host, `host must be specified${form}`)
  if (user !== undefined) report.invalid(user, 'user information is not permitted in the URL')
  if (fragment !== '') report.invalid(fragment, 'fragments are not permitted in the URL')
  if (query !== '') report.invalid(query, 'query parameters are not permitted in the URL')
}

/** Why Go would not read it as a URL at all. */
function urlProblem(url: string): string | undefined {
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (/[\u0000-\u001f\u007f]/.test(url)) return 'net/url: invalid control character in URL'
  if (url === '') return undefined
  if (url.startsWith(':')) return 'missing protocol scheme'
  const escape = /%(?![0-9A-Fa-f]{2}).{0,2}/s.exec(url)?.[0]
  if (escape !== undefined) return `invalid URL escape ${JSON.stringify(escape)}`
  const host = urlParts.exec(url)?.[3] ?? ''
  const port = /:([^:\]]*)$/.exec(host)?.[1]
  if (port !== undefined && !/^[0-9]*$/.test(port)) return `invalid port ${JSON.stringify(`:${port}`)} after host`
  return undefined
}

/** A service in the cluster with a port and, if there is one, a path of well-formed segments. */
export function checkWebhookService(
  service: { readonly name?: string; readonly namespace?: string; readonly path?: string; readonly port?: number },
  report: Report,
): void {
  const { name = '', namespace = '', path, port = 443 } = service
  if (name === '') report.at('name').required()
  if (namespace === '') report.at('namespace').required()
  const portProblems = portNumberProblems(port)
  if (portProblems.length > 0) report.at('port').invalid(port, `port is not valid: ${portProblems.join(', ')}`)
  if (path === undefined || path === '' || path === '/') return
  const place = report.at('path')
  if (path === '//') {
    place.invalid(path, 'segment[0] may not be empty')
    return
  }
  if (!path.startsWith('/')) place.invalid(path, "must start with a '/'")
  for (const [index, segment] of path.slice(1).replace(/\/$/, '').split('/').entries()) {
    if (segment === '') place.invalid(path, `segment[${index}] may not be empty`)
    else for (const problem of dnsSubdomainProblems(segment)) place.invalid(path, `segment[${index}]: ${problem}`)
  }
}
