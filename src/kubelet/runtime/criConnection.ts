import { GrpcClient, GrpcError, loadService, type GrpcCode } from '#lib/grpc/client.ts'
import { RuntimeError } from './containerRuntime.ts'
import { criProto, eventsProto } from './criMessages.ts'
import type { CriConnection, TaskEvent } from './criRuntime.ts'
import { readProto } from './protoText.ts'

/** The numbers of gRPC status codes, as messages and decisions use them. */
const codes: Readonly<Record<GrpcCode, number>> = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
}

/** A connection to containerd at its unix socket; it is made again when it breaks. */
export function criConnection(socketPath: string): CriConnection & Disposable {
  const address = `unix://${socketPath}`
  const json = readProto(criProto)
  const services: Readonly<Record<string, GrpcClient>> = {
    RuntimeService: new GrpcClient(address, loadService({ json }, 'runtime.v1.RuntimeService')),
    ImageService: new GrpcClient(address, loadService({ json }, 'runtime.v1.ImageService')),
  }
  const events = new GrpcClient(
    address,
    loadService({ json: readProto(eventsProto) }, 'containerd.services.events.v1.Events'),
  )
  return {
    async call<Answer>(method: string, request: object, timeout: number, signal: AbortSignal): Promise<Answer> {
      const [service = '', name = ''] = method.split('/')
      try {
        return (await services[service]!.call(name, request, { timeout, signal })) as Answer
      } catch (error) {
        throw error instanceof GrpcError ? new RuntimeError(error.message, codes[error.code]) : error
      }
    },
    async *events(filters, signal): AsyncIterable<TaskEvent> {
      const stream = events.stream<object, Envelope>('Subscribe', { filters }, { signal })
      for await (const { topic, event } of stream) {
        if (event === null) continue
        yield { topic, containerId: readContainerId(event.value) }
      }
    },
    [Symbol.dispose]() {
      for (const client of [...Object.values(services), events]) client.close()
    },
  }
}

interface Envelope {
  readonly topic: string
  readonly event: { readonly typeUrl: string; readonly value: Buffer } | null
}

/** Field 1 of every task event is the container's id: a text of fewer than 128 bytes, so the key, the length, the bytes. */
function readContainerId(payload: Buffer): string {
  const [key, length = 0] = payload
  return key === 0x0a && length < 128 ? payload.toString('utf8', 2, 2 + length) : ''
}
