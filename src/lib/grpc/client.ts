/**
 * Calling gRPC services, mostly on unix sockets: promises, async iterables, abort signals and typed errors over
 * `@grpc/grpc-js`. The services themselves are described by .proto files, read with `@grpc/proto-loader`.
 */
import { Client, credentials, Metadata, status as statusCodes } from '@grpc/grpc-js'
import type { ClientDuplexStream, MethodDefinition, ServiceError } from '@grpc/grpc-js'
import { fromJSON, loadSync } from '@grpc/proto-loader'
import type { Options } from '@grpc/proto-loader'

export type GrpcCode = keyof typeof statusCodes

/** A call that failed. `code` is the status by name; the message is the server's own. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError'
  readonly code: GrpcCode
  readonly method: string

  constructor(code: GrpcCode, method: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.method = method
  }
}

/** The methods of one service. */
export interface GrpcService {
  readonly name: string
  readonly methods: Readonly<Record<string, MethodDefinition<object, object>>>
}

export interface ServiceSource {
  /** A .proto file, with the folders in which its imports are found … */
  readonly file?: string
  readonly includeFolders?: readonly string[]
  /** … or what protobufjs made of one (`Root.toJSON()`), which needs no parsing. */
  readonly json?: object
  /** How 64-bit integers are given: `string` when absent. Nanosecond times do not fit a number. */
  readonly longs?: 'string' | 'number'
}

/**
 * Reads one service of a .proto file, by its full name. Fields are named in camelCase, enums by their names; what is not set has
 * its default, so that only message fields can be missing.
 */
export function loadService(source: ServiceSource, name: string): GrpcService {
  const options: Options = {
    keepCase: false,
    longs: source.longs === 'number' ? Number : String,
    enums: String,
    defaults: true,
    arrays: true,
    objects: true,
    oneofs: true,
    includeDirs: [...(source.includeFolders ?? [])],
  }
  if ((source.file === undefined) === (source.json === undefined))
    throw new Error('A gRPC service is read from a file or from JSON: give one of them')
  const definition =
    source.file === undefined
      ? fromJSON(source.json as Parameters<typeof fromJSON>[0], options)
      : loadSync(source.file, options)
  const methods = definition[name]
  if (methods === undefined || 'format' in methods) {
    const known = Object.keys(definition).filter((key) => !('format' in definition[key]!))
    throw new Error(`There is no gRPC service "${name}"; there are: ${known.join(', ')}`)
  }
  return { name, methods: methods as GrpcService['methods'] }
}

export interface GrpcClientOptions {
  /** PEM texts; without them the connection is not encrypted, which suits unix sockets and loopback. */
  readonly tls?: { readonly authority: string; readonly certificate?: string; readonly key?: string }
  /** Longer messages are refused in either direction; 16 MiB when absent, as the kubelet has it. */
  readonly largestMessage?: number
}

export interface CallOptions {
  /** Milliseconds until the call fails with DEADLINE_EXCEEDED; without it a call waits as long as the server. */
  readonly timeout?: number
  readonly signal?: AbortSignal
  readonly metadata?: Readonly<Record<string, string>>
  /** Waits for a server that is not there yet, instead of failing with UNAVAILABLE. */
  readonly waitForReady?: boolean
}

/** Both directions of a call that streams both ways. */
export interface GrpcDuplex<Request, Response> extends AsyncIterable<Response> {
  /** Resolves when there is room for more. */
  write(request: Request): Promise<void>
  /** Says that no more requests come. */
  end(): void
}

/** One connection to one service. It is made at the first call, and made again when it breaks. */
export class GrpcClient {
  readonly #service: GrpcService
  readonly #client: Client

  /** `address` is `unix:///path`, or `host:port`. */
  constructor(address: string, service: GrpcService, options: GrpcClientOptions = {}) {
    const { tls, largestMessage = 16 * 1024 * 1024 } = options
    const secret =
      tls === undefined
        ? credentials.createInsecure()
        : credentials.createSsl(
            Buffer.from(tls.authority),
            tls.key === undefined ? null : Buffer.from(tls.key),
            tls.certificate === undefined ? null : Buffer.from(tls.certificate),
          )
    this.#service = service
    this.#client = new Client(address, secret, {
      // A socket path as authority, which is the default, is refused by servers written in Go.
      ...(tls === undefined ? { 'grpc.default_authority': 'localhost' } : {}),
      'grpc.max_receive_message_length': largestMessage,
      'grpc.max_send_message_length': largestMessage,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 3_000,
      'grpc.enable_retries': 0,
    })
  }

  /** Calls a method that answers once. Rejects with a `GrpcError`, or the signal's reason. */
  call<Request extends object, Response extends object>(
    method: string,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    const { signal } = options
    if (signal?.aborted) return Promise.reject(signal.reason as Error)
    const { path, requestSerialize, responseDeserialize } = this.#method(method)
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadataOf(options),
        callOptions(options),
        (error, response) => {
          signal?.removeEventListener('abort', abort)
          if (error === null) resolve(response as Response)
          else reject(signal?.aborted ? (signal.reason as Error) : describe(method, error))
        },
      )
      const abort = (): void => call.cancel()
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Calls a method that answers many times. Leaving the loop cancels the call. */
  async *stream<Request extends object, Response extends object>(
    method: string,
    request: Request,
    options: CallOptions = {},
  ): AsyncGenerator<Response, void, undefined> {
    const { signal } = options
    signal?.throwIfAborted()
    const { path, requestSerialize, responseDeserialize } = this.#method(method)
    const call = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadataOf(options),
      callOptions(options),
    )
    yield* responses<Response>(method, call, signal)
  }

  /** Calls a method that streams both ways. Leaving the loop over its answers cancels the call. */
  duplex<Request extends object, Response extends object>(
    method: string,
    options: CallOptions = {},
  ): GrpcDuplex<Request, Response> {
    const { signal } = options
    signal?.throwIfAborted()
    const { path, requestSerialize, responseDeserialize } = this.#method(method)
    const call: ClientDuplexStream<object, object> = this.#client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      metadataOf(options),
      callOptions(options),
    )
    // Whoever reads hears of failures; a writer that is not reading yet must not end the process.
    call.on('error', () => undefined)
    return {
      write: (value) =>
        new Promise((resolve) => {
          if (call.write(value)) return resolve()
          call.once('drain', resolve)
          call.once('close', resolve)
        }),
      end: () => void call.end(),
      [Symbol.asyncIterator]: () => responses<Response>(method, call, signal),
    }
  }

  /** Ends the connection; calls in progress fail. */
  close(): void {
    this.#client.close()
  }

  #method(name: string): MethodDefinition<object, object> {
    const method = this.#service.methods[name]
    if (method === undefined) throw new Error(`gRPC service "${this.#service.name}" has no method "${name}"`)
    return method
  }
}

async function* responses<Response>(
  method: string,
  call: AsyncIterable<object> & { cancel(): void },
  signal: AbortSignal | undefined,
): AsyncGenerator<Response, void, undefined> {
  const abort = (): void => call.cancel()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    for await (const message of call) yield message as Response
    signal?.throwIfAborted()
  } catch (error) {
    signal?.throwIfAborted()
    throw describe(method, error)
  } finally {
    signal?.removeEventListener('abort', abort)
    call.cancel()
  }
}

function describe(method: string, error: unknown): unknown {
  if (!(error instanceof Error) || typeof (error as ServiceError).code !== 'number') return error
  const { code, details, message } = error as ServiceError
  return new GrpcError(statusCodes[code] as GrpcCode, method, details || message, { cause: error })
}

function metadataOf(options: CallOptions): Metadata {
  const metadata = new Metadata({ waitForReady: options.waitForReady ?? false })
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value)
  return metadata
}

function callOptions(options: CallOptions): { deadline?: Date } {
  return options.timeout === undefined ? {} : { deadline: new Date(Date.now() + options.timeout) }
}
