import type { X509Certificate } from 'node:crypto'
import type { Upgrade } from '#lib/http/message.ts'
import type { HistogramSeries } from '#lib/metrics.ts'
import type { KubeObject } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { Kind } from './kind.ts'
import type { Accepted } from '#machinery/codec/negotiate.ts'
import type { Query } from './options.ts'
import type { StoredObject } from './storedObject.ts'
import type { Caller } from './strategy.ts'
import type { WatchItem, WatchPlace } from './watch.ts'

/** One request to the server, whether it came over a connection or from this process. */
export interface ServerRequest {
  readonly method: string
  /** Still percent-encoded, without the query. */
  readonly path: string
  readonly query: Query
  /** A header's value; names in lower case. */
  header(name: string): string | undefined
  /** The names of all headers; absent in process. */
  headerNames?(): string[]
  /** The query as it came; absent in process. */
  readonly search?: string
  /** The query as an object; in process only. */
  readonly parameters?: Readonly<Record<string, string | readonly string[] | undefined>> | undefined
  /** Every value of a header that may come several times. */
  headerValues(name: string): string[]
  /** Who sends it, when the transport knows already (in process). Absent: authentication finds out. */
  readonly caller?: Caller
  /** The verified client certificate's names. */
  readonly certificate?:
    | {
        readonly commonName: string
        readonly organizations: readonly string[]
        readonly certificate: X509Certificate
      }
    | undefined
  readonly remoteAddress: string
  /** The body; over a connection as bytes. Rejects when it is too large. */
  readonly body:
    | { readonly object: unknown }
    | { readBytes(limit: number): Promise<Buffer>; pieces(): AsyncIterable<Buffer> }
  /** There when the client wants another protocol on its connection. */
  readonly upgrade?: Upgrade | undefined
  /** Aborts when the client goes away. Made at first use. */
  readonly signal: AbortSignal
}

/** What the server answers, before it is put into the client's encoding. */
export type ServerReply = ReplyBody & {
  readonly code: number
  readonly headers?: Readonly<Record<string, string>>
  /** Texts of `Warning` headers. */
  readonly warnings?: readonly string[]
  /** The encoding that the client asked for; plain JSON when absent. */
  readonly wanted?: Accepted
  /** Told how many bytes the answer has. */
  readonly sizes?: HistogramSeries | undefined
}

export type ReplyBody =
  /** An object made for this reply, such as a Status, a Scale or a discovery document. */
  | { readonly type: 'object'; readonly object: object }
  /** An object of the cache, with its bytes. */
  | { readonly type: 'stored'; readonly kind: Kind; readonly stored: StoredObject }
  | { readonly type: 'list'; readonly kind: Kind; readonly items: readonly StoredObject[]; readonly metadata: ListMeta }
  | {
      readonly type: 'watch'
      readonly kind: Kind
      readonly watch: AsyncGenerator<readonly WatchItem[], void, void>
      readonly place: WatchPlace
    }
  /** Bytes that are what they are, such as a health text. */
  | { readonly type: 'bytes'; readonly contentType: string; readonly bytes: Buffer }
  | { readonly type: 'stream'; readonly contentType: string; readonly pieces: AsyncIterable<Uint8Array> }
  /** The connection was, or will be, taken over by `run`. */
  | { readonly type: 'taken'; readonly run: () => Promise<void> }

/** A reply that carries one object made for it. */
export function objectReply(object: KubeObject | object, code = 200): ServerReply {
  return { type: 'object', code, object }
}

/** The query of a request as a connection carries it, without the question mark. */
export function searchOf({ search, parameters = {} }: Pick<ServerRequest, 'search' | 'parameters'>): string {
  if (search !== undefined) return search
  const made = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of typeof value === 'string' ? [value] : (value ?? [])) made.append(name, each)
  }
  return made.toString()
}
