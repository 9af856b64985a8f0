/** Certificates for clients that connect with TLS, by the name they ask for. */
import { createSecureContext } from 'node:tls'
import type { SecureContext } from 'node:tls'
import type { Routing } from '#ingress/routing.ts'

/** Certificates of one routing, made ready. */
export interface Certificates {
  /** For clients that ask for no name. */
  readonly default: { readonly chain: string; readonly key: string }
  /** The context for a name as a client sent it. */
  find(serverName: string): SecureContext
  /** Contexts by their texts, to be handed to the next one: most certificates stay as they are. */
  readonly made: ReadonlyMap<string, SecureContext>
}

/** Makes the certificates of a routing ready. Throws when one cannot be used; the message says which. */
export function prepareCertificates(routing: Routing, known: ReadonlyMap<string, SecureContext>): Certificates {
  const made = new Map<string, SecureContext>()
  const contexts = new Map<string, SecureContext>()
  for (const [name, { chain, key }] of routing.certificates) {
    const text = `${chain}\n${key}`
    let context = made.get(text) ?? known.get(text)
    try {
      context ??= createSecureContext({ cert: chain, key, minVersion: 'TLSv1.2' })
    } catch (error) {
      throw new Error(`Cannot use certificate ${name}: ${(error as Error).message}`, { cause: error })
    }
    made.set(text, context)
    contexts.set(name, context)
  }
  const named = (name: string): SecureContext => {
    const context = contexts.get(name)
    if (context === undefined) throw new Error(`Cannot find certificate ${name} among those of the routing`)
    return context
  }
  const fallback = routing.certificates.get(routing.defaultCertificate)
  const fallbackContext = named(routing.defaultCertificate)
  const exact = new Map<string, SecureContext>()
  const oneLabel = new Map<string, SecureContext>()
  const someLabels = new Map<string, SecureContext>()
  let any = fallbackContext
  for (const { host, certificate } of routing.serverNames.toReversed()) {
    const context = named(certificate)
    if (host.kind === 'any') any = context
    else if (host.kind === 'exact') exact.set(host.name, context)
    else (host.labels === 'one' ? oneLabel : someLabels).set(host.name, context)
  }
  return {
    default: fallback!,
    made,
    find(serverName) {
      const name = serverName.toLowerCase().replace(/\.$/, '')
      const dot = name.indexOf('.')
      const found = exact.get(name) ?? (dot > 0 ? oneLabel.get(name.slice(dot + 1)) : undefined)
      if (found !== undefined) return found
      for (let at = dot; at > 0; at = name.indexOf('.', at + 1)) {
        const some = someLabels.get(name.slice(at + 1))
        if (some !== undefined) return some
      }
      return any
    },
  }
}
