/** What is known about one accepted connection. */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Peer } from './message.ts'

export interface Connection {
  readonly socket: Socket
  readonly server: { readonly draining: AbortSignal }
  readonly peer: Peer | undefined
  readonly remoteAddress: string
  readonly remotePort: number
  /** Whether a request ever came. */
  used: boolean
}

export function describeConnection(socket: Socket, server: Connection['server']): Connection {
  return {
    socket,
    server,
    peer: socket instanceof TLSSocket ? readPeer(socket) : undefined,
    remoteAddress: withoutMapping(socket.remoteAddress ?? ''),
    remotePort: socket.remotePort ?? 0,
    used: false,
  }
}

function readPeer(socket: TLSSocket): Peer | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const { CN, O } = certificate.toLegacyObject().subject as unknown as Record<string, string | string[] | undefined>
  return {
    verified: socket.authorized,
    ...(socket.authorized ? {} : { problem: String(socket.authorizationError) }),
    commonName: list(CN).at(-1) ?? '',
    organizations: list(O),
    certificate,
  }
}

function list(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}

/** A socket that listens on IPv6 and IPv4 shows IPv4 clients as `::ffff:10.0.0.1`. */
function withoutMapping(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
