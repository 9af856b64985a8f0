import type { KubeObject } from '#api/resource.ts'

/** One request to an API server, in the terms of the Kubernetes API rather than of HTTP. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Absolute path without a query, such as `/apis/apps/v1/namespaces/default/deployments/web`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>
  /** The object to send. In process it is passed by reference: it must not be changed afterwards. */
  readonly body?: unknown
  /** Media type of the body; `application/json` when absent, a patch type for PATCH. */
  readonly contentType?: string
  readonly accept?: string
}

export interface ApiResponse {
  readonly code: number
  /** The decoded answer: an object, a list, or a Status. In process it is shared and frozen. */
  readonly body: unknown
  /** The `Warning` headers' texts. */
  readonly warnings: readonly string[]
}

export type WatchEvent<T = KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | {
      readonly type: 'BOOKMARK'
      readonly object: {
        readonly metadata: {
          readonly resourceVersion?: string
          readonly annotations?: Readonly<Record<string, string>>
        }
      }
    }

/**
 * How a client reaches an API server: in the same process, or over HTTPS.
 *
 * A refusal is thrown as a StatusError; a server that cannot be reached as a StatusError `ServiceUnavailable`.
 * Objects from a transport are frozen; over HTTPS they are frozen on arrival.
 */
export interface Transport {
  send(request: ApiRequest, signal?: AbortSignal): Promise<ApiResponse>
  /** Yields the batches of changes in order and ends when the server ends the watch. Throws an `Expired` StatusError on 410. */
  watch(request: ApiRequest, signal: AbortSignal): AsyncIterable<readonly WatchEvent[]>
  /** Reads an answer that is a stream of bytes, such as a followed log. */
  stream(request: ApiRequest, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>
}
