/** Certificates for clients that connect with TLS, by the name they ask for. */
import { createSecureContext } from 'node:tls'
import type { SecureContext } from 'node:tls'
import type { ClientAuthority, Routing } from '#ingress/routing.ts'

/** Certificates of one routing, made ready. */
export interface Certificates {
  /** For clients that ask for no name. */
  readonly default: { readonly chain: string; readonly key: string }
  /** The context for a name as a client sent it. */
  find(serverName: string): SecureContext
  /** Whether clients who ask for that name are asked for a certificate. */
  asks(serverName: string): boolean
  /** Whether any are. */
  readonly asksSome: boolean
  /** Contexts by their texts, to be handed to the next one: most certificates stay as they are. */
  readonly made: ReadonlyMap<string, SecureContext>
}

/** Makes the certificates of a routing ready. Throws when one cannot be used; the message says which. */
export function prepareCertificates(routing: Routing, known: ReadonlyMap<string, SecureContext>): Certificates {
  const made = new Map<string, SecureContext>()
  const named = (name: string, clients?: ClientAuthority): Answerer => {
    const certificate = routing.certificates.get(name)
    if (certificate === undefined) throw new Error(`Cannot find certificate ${name} among those of the routing`)
    const { chain, key } = certificate
    const { authority: ca, revoked: crl } = clients ?? {}
    const text = [chain, key, ...(ca === undefined ? [] : [ca, crl])].join('\n')
    let context = made.get(text) ?? known.get(text)
    try {
      context ??= createSecureContext({
        cert: chain,
        key,
        minVersion: 'TLSv1.2',
        ...(ca === undefined ? {} : { ca }),
        ...(crl === undefined ? {} : { crl }),
      })
    } catch (error) {
      throw new Error(`Cannot use certificate ${name}: ${(error as Error).message}`, { cause: error })
    }
    made.set(text, context)
    return { context, asks: clients !== undefined }
  }
  for (const name of routing.certificates.keys()) named(name)
  const fallback = routing.certificates.get(routing.defaultCertificate)
  const exact = new Map<string, Answerer>()
  const oneLabel = new Map<string, Answerer>()
  const someLabels = new Map<string, Answerer>()
  let any = named(routing.defaultCertificate)
  for (const { host, certificate, clients } of routing.serverNames.toReversed()) {
    const answerer = named(certificate, clients)
    if (host.kind === 'any') any = answerer
    else if (host.kind === 'exact') exact.set(host.name, answerer)
    else (host.labels === 'one' ? oneLabel : someLabels).set(host.name, answerer)
  }
  const find = (serverName: string): Answerer => {
    const name = serverName.toLowerCase().replace(/\.$/, '')
    const dot = name.indexOf('.')
    const found = exact.get(name) ?? (dot > 0 ? oneLabel.get(name.slice(dot + 1)) : undefined)
    if (found !== undefined) return found
    for (let at = dot; at > 0; at = name.indexOf('.', at + 1)) {
      const some = someLabels.get(name.slice(at + 1))
      if (some !== undefined) return some
    }
    return any
  }
  return {
    default: fallback!,
    made,
    find: (serverName) => find(serverName).context,
    asks: (serverName) => find(serverName).asks,
    asksSome: routing.serverNames.some(({ clients }) => clients !== undefined),
  }
}

/** How clients who ask for a name are met. */
interface Answerer {
  readonly context: SecureContext
  readonly asks: boolean
}
