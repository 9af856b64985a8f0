/** The parts of `dns-packet` that this folder uses; the package has no types of its own. */
declare module 'dns-packet' {
  interface Codec {
    encode(data: unknown): Buffer
  }
  /** The codec of one record type's data, with its length in front. */
  export function record(type: string): Codec
  export interface DecodedRecord {
    readonly name: string
    readonly type: string
    readonly ttl?: number
    readonly class?: string
    readonly data?: unknown
    readonly udpPayloadSize?: number
    readonly ednsVersion?: number
    readonly flag_do?: boolean
  }
  export interface Packet {
    readonly id?: number
    readonly type?: 'query' | 'response'
    readonly flags?: number
    readonly rcode?: string
    readonly questions?: readonly { readonly name: string; readonly type: string; readonly class?: string }[]
    readonly answers?: readonly DecodedRecord[]
    readonly authorities?: readonly DecodedRecord[]
    readonly additionals?: readonly DecodedRecord[]
  }
  /** Throws on anything malformed. */
  export function decode(bytes: Buffer): Required<Packet> & Readonly<Record<`flag_${string}`, boolean>>
  export function encode(packet: object): Buffer
}

/** The numbers and names of record types. */
declare module 'dns-packet/types.js' {
  /** `UNKNOWN_65` for a number without a name. */
  export function toString(type: number): string
  /** 0 for a name that stands for nothing. */
  export function toType(name: string): number
}
