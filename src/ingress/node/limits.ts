/** What one client may use of a node. */
export interface Limits {
  /** All headers of a request together, in bytes, and how many there may be; more get 431. */
  readonly headerBytes: number
  readonly headers: number
  /** In milliseconds: to send the headers of a request, and between two pieces of its body or two reads of an answer. */
  readonly headersTimeout: number
  readonly clientTimeout: number
  /** How long a connection may stay open without a request. */
  readonly idleTimeout: number
  readonly handshakeTimeout: number
  readonly streamsPerConnection: number
  /** More connections than these are closed at once. */
  readonly connections: number
  /** How much of one body is kept so that it is read whole before it is passed on; of all of them together. */
  readonly bufferedBody: number
  readonly bufferedBodies: number
}

export const defaultLimits: Limits = {
  headerBytes: 32 * 1024,
  headers: 256,
  headersTimeout: 20_000,
  clientTimeout: 60_000,
  idleTimeout: 75_000,
  handshakeTimeout: 10_000,
  streamsPerConnection: 128,
  connections: 16_384,
  bufferedBody: 1024 * 1024,
  bufferedBodies: 64 * 1024 * 1024,
}
