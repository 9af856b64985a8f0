import { credentials, makeGenericClientConstructor, type ChannelCredentials } from '@grpc/grpc-js'
import type { ClientDuplexStream, Client, ServiceError } from '@grpc/grpc-js'
import type { ServiceDefinition } from '@grpc/proto-loader'
import { fromJSON } from '@grpc/proto-loader'

/*
 * The part of etcd's gRPC interface (version 3) that a store needs: key ranges, transactions, compaction, watches, leases.
 * Names and numbers are etcd's.
 */

type Fields = Readonly<Record<string, readonly [type: string, id: number]>>

function message(fields: Fields): { fields: Record<string, { type: string; id: number; rule?: string }> } {
  return {
    fields: Object.fromEntries(
      Object.entries(fields).map(([name, [type, id]]) => {
        const repeated = type.endsWith('[]')
        return [name, repeated ? { type: type.slice(0, -2), id, rule: 'repeated' } : { type, id }]
      }),
    ),
  }
}

const header = ['ResponseHeader', 1] as const

const etcdserverpb = {
  ResponseHeader: message({ cluster_id: ['uint64', 1], member_id: ['uint64', 2], revision: ['int64', 3] }),
  KeyValue: message({
    key: ['bytes', 1],
    create_revision: ['int64', 2],
    mod_revision: ['int64', 3],
    version: ['int64', 4],
    value: ['bytes', 5],
    lease: ['int64', 6],
  }),
  Event: message({ type: ['int32', 1], kv: ['KeyValue', 2] }),
  RangeRequest: message({
    key: ['bytes', 1],
    range_end: ['bytes', 2],
    limit: ['int64', 3],
    revision: ['int64', 4],
    keys_only: ['bool', 8],
  }),
  RangeResponse: message({ header, kvs: ['KeyValue[]', 2], more: ['bool', 3], count: ['int64', 4] }),
  PutRequest: message({ key: ['bytes', 1], value: ['bytes', 2], lease: ['int64', 3] }),
  PutResponse: message({ header }),
  DeleteRangeRequest: message({ key: ['bytes', 1] }),
  DeleteRangeResponse: message({ header, deleted: ['int64', 2] }),
  RequestOp: message({
    request_range: ['RangeRequest', 1],
    request_put: ['PutRequest', 2],
    request_delete_range: ['DeleteRangeRequest', 3],
  }),
  ResponseOp: message({
    response_range: ['RangeResponse', 1],
    response_put: ['PutResponse', 2],
    response_delete_range: ['DeleteRangeResponse', 3],
  }),
  // `result` 0 is equality, `target` 2 the revision of the last write.
  Compare: message({ result: ['int32', 1], target: ['int32', 2], key: ['bytes', 3], mod_revision: ['int64', 6] }),
  TxnRequest: message({ compare: ['Compare[]', 1], success: ['RequestOp[]', 2], failure: ['RequestOp[]', 3] }),
  TxnResponse: message({ header, succeeded: ['bool', 2], responses: ['ResponseOp[]', 3] }),
  CompactionRequest: message({ revision: ['int64', 1], physical: ['bool', 2] }),
  CompactionResponse: message({ header }),
  WatchCreateRequest: message({
    key: ['bytes', 1],
    range_end: ['bytes', 2],
    start_revision: ['int64', 3],
    progress_notify: ['bool', 4],
  }),
  WatchCancelRequest: message({ watch_id: ['int64', 1] }),
  WatchProgressRequest: message({}),
  WatchRequest: message({
    create_request: ['WatchCreateRequest', 1],
    cancel_request: ['WatchCancelRequest', 2],
    progress_request: ['WatchProgressRequest', 3],
  }),
  WatchResponse: message({
    header,
    watch_id: ['int64', 2],
    created: ['bool', 3],
    canceled: ['bool', 4],
    compact_revision: ['int64', 5],
    cancel_reason: ['string', 6],
    events: ['Event[]', 11],
  }),
  LeaseGrantRequest: message({ TTL: ['int64', 1], ID: ['int64', 2] }),
  LeaseGrantResponse: message({ header, ID: ['int64', 2], TTL: ['int64', 3], error: ['string', 4] }),
  KV: {
    methods: {
      Range: { requestType: 'RangeRequest', responseType: 'RangeResponse' },
      Txn: { requestType: 'TxnRequest', responseType: 'TxnResponse' },
      Compact: { requestType: 'CompactionRequest', responseType: 'CompactionResponse' },
    },
  },
  Watch: {
    methods: {
      Watch: { requestType: 'WatchRequest', responseType: 'WatchResponse', requestStream: true, responseStream: true },
    },
  },
  Lease: { methods: { LeaseGrant: { requestType: 'LeaseGrantRequest', responseType: 'LeaseGrantResponse' } } },
}

/** The library's typing of a description asks for more than the library does. */
type Description = Parameters<typeof fromJSON>[0]

// 64-bit numbers as text: revisions fit into a number, names of leases do not.
const definitions = fromJSON({ nested: { etcdserverpb: { nested: etcdserverpb } } } as unknown as Description, {
  longs: String,
  keepCase: true,
  defaults: true,
})

export interface EtcdHeader {
  readonly revision: string
}

export interface EtcdKeyValue {
  readonly key: Buffer
  readonly create_revision: string
  readonly mod_revision: string
  readonly value: Buffer
  readonly lease: string
}

export interface EtcdRange {
  readonly key: Buffer
  /** Exclusive; without it `key` alone is meant. */
  readonly range_end?: Buffer
  readonly limit?: number
  readonly revision?: number
  readonly keys_only?: boolean
}

export interface EtcdRangeResult {
  readonly header: EtcdHeader
  readonly kvs: readonly EtcdKeyValue[]
  readonly more: boolean
  readonly count: string
}

export type EtcdOperation =
  | { readonly request_range: EtcdRange }
  | { readonly request_put: { readonly key: Buffer; readonly value: Buffer; readonly lease?: string } }
  | { readonly request_delete_range: { readonly key: Buffer } }

export interface EtcdTransaction {
  /** All must hold for `success` to be done; otherwise `failure` is. */
  readonly compare: readonly {
    readonly result: 0
    readonly target: 2
    readonly key: Buffer
    readonly mod_revision: number
  }[]
  readonly success: readonly EtcdOperation[]
  readonly failure: readonly EtcdOperation[]
}

export interface EtcdTransactionResult {
  readonly header: EtcdHeader
  readonly succeeded: boolean
  readonly responses: readonly { readonly response_range?: EtcdRangeResult | null }[]
}

export type EtcdWatchRequest =
  | { readonly create_request: { readonly key: Buffer; readonly range_end: Buffer; readonly start_revision: number } }
  | { readonly progress_request: Record<never, never> }

export interface EtcdWatchResponse {
  readonly header: EtcdHeader
  readonly created: boolean
  readonly canceled: boolean
  readonly compact_revision: string
  readonly cancel_reason: string
  /** `type` 1 is a deletion. */
  readonly events: readonly { readonly type: number; readonly kv: EtcdKeyValue }[]
}

export type EtcdWatchStream = ClientDuplexStream<EtcdWatchRequest, EtcdWatchResponse>

/** Calls to one etcd. They reject with the service's error. */
export interface EtcdApi {
  range(request: EtcdRange): Promise<EtcdRangeResult>
  transact(request: EtcdTransaction): Promise<EtcdTransactionResult>
  compact(revision: number): Promise<void>
  grantLease(ttlSeconds: number): Promise<string>
  watch(): EtcdWatchStream
  close(): void
}

/** Connects to an etcd at `host:port`; the first call opens the connection. */
export function connectEtcd(address: string, channel: ChannelCredentials = credentials.createInsecure()): EtcdApi {
  const options = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 }
  const open = (name: string): Client => {
    const Service = makeGenericClientConstructor(definitions[`etcdserverpb.${name}`] as ServiceDefinition, name)
    return new Service(address, channel, options)
  }
  const kv = open('KV')
  const watch = open('Watch')
  const lease = open('Lease')
  return {
    range: (request) => call(kv, 'Range', request),
    transact: (request) => call(kv, 'Txn', request),
    compact: async (revision) => void (await call(kv, 'Compact', { revision })),
    grantLease: async (ttlSeconds) => (await call<{ ID: string }>(lease, 'LeaseGrant', { TTL: ttlSeconds })).ID,
    watch: () => (watch as unknown as { Watch(): EtcdWatchStream }).Watch(),
    close() {
      for (const client of [kv, watch, lease]) client.close()
    },
  }
}

type Unary<Result> = (request: unknown, done: (error: ServiceError | null, result?: Result) => void) => void

function call<Result>(client: Client, method: string, request: unknown): Promise<Result> {
  return new Promise((resolve, reject) => {
    const unary = (client as unknown as Record<string, Unary<Result>>)[method]!
    unary.call(client, request, (error, result) => (error === null ? resolve(result!) : reject(error)))
  })
}
