import type { DeleteOptions } from '#api/meta/v1/options.ts'
import type { KubeObject } from '#api/resource.ts'
import { decodeBody, decodeLargeBody, decodeParsed, type BodyOptions, type DecodedBody } from '#machinery/codec/body.ts'
import { negotiateBody, type MediaType } from '#machinery/codec/negotiate.ts'
import type { GroupVersionKind, Schema } from '#machinery/schema/model.ts'
import { requestTooLarge } from '#machinery/status.ts'
import { addWarning, type Exchange } from './exchange.ts'
import { keyOf, type Kind } from './kind.ts'
import { largeBody } from './registry/context.ts'

export type FieldValidation = NonNullable<BodyOptions['fieldValidation']>

/** An object as it was understood, private to the caller, and what was odd about it. */
export interface Refined {
  readonly object: KubeObject
  readonly warnings: readonly string[]
}

/** The bytes of a body; 413 when there are too many. */
export async function readBody(exchange: Exchange): Promise<Buffer> {
  const { request, server, info } = exchange
  if ('object' in request.body) throw new Error('The body is an object already')
  const largestBody = server.limits.bodyBytes
  const bytes = await request.body.readBytes(largestBody + 1)
  server.metrics.requests.bodyRead(info, bytes.length)
  if (bytes.length > largestBody) throw requestTooLarge(`Request entity too large: limit is ${largestBody}`)
  exchange.isLarge = bytes.length >= largeBody
  return bytes
}

/** Custom objects have no form in protobuf. */
const customBodies: readonly MediaType[] = ['json', 'yaml']

/** The body as an object of the kind in the path. */
export function decodeObject(exchange: Exchange, kind: Kind, validation: FieldValidation): Promise<KubeObject> {
  return decode(exchange, optionsOf(kind, validation), supportedBy(kind))
}

/**
 * As `decodeObject`, for what is to replace an object. All of it except for the object and its metadata themselves may be
 * shared with a body of this process, of which only what is not the stored object's own is looked at.
 */
export async function decodeUpdate(exchange: Exchange, kind: Kind, validation: FieldValidation): Promise<KubeObject> {
  const { info, request } = exchange
  const isStoredForm = kind.storedAs === undefined && kind.custom === undefined
  const stored =
    'object' in request.body && isStoredForm
      ? kind.cache.entries.get(keyOf(kind, info.namespace, info.name))?.object
      : undefined
  const options: Omit<BodyOptions, 'mediaType'> = { ...optionsOf(kind, validation), shares: true, known: stored }
  const object = await decode(exchange, options, supportedBy(kind))
  return { ...object, metadata: { ...object.metadata } }
}

const supportedBy = ({ custom }: Kind): readonly MediaType[] | undefined =>
  custom === undefined ? undefined : customBodies

function optionsOf(kind: Kind, fieldValidation: FieldValidation): Omit<BodyOptions, 'mediaType'> {
  return { ...namesOf(kind), schema: kind.schema, fieldValidation }
}

/** The body as an object of some kind. */
export function decodeKind(
  exchange: Exchange,
  kind: GroupVersionKind,
  validation: FieldValidation,
): Promise<KubeObject> {
  return decode(exchange, { kind, fieldValidation: validation })
}

function namesOf({ resource }: Kind): { readonly kind: GroupVersionKind } {
  return { kind: { group: resource.group, version: resource.version, kind: resource.kind } }
}

async function decode(
  exchange: Exchange,
  options: Omit<BodyOptions, 'mediaType'>,
  supported?: readonly MediaType[],
): Promise<KubeObject> {
  const { request } = exchange
  const decoded: DecodedBody =
    'object' in request.body
      ? decodeParsed(request.body.object, options)
      : await decodeBytes(exchange, options, supported)
  for (const warning of decoded.warnings) addWarning(exchange, warning)
  exchange.audit?.requested(decoded.object)
  return decoded.object as unknown as KubeObject
}

async function decodeBytes(
  exchange: Exchange,
  options: Omit<BodyOptions, 'mediaType'>,
  supported?: readonly MediaType[],
): Promise<DecodedBody> {
  const mediaType = negotiateBody(exchange.request.header('content-type'), supported)
  const bytes = await readBody(exchange)
  return exchange.isLarge
    ? decodeLargeBody(bytes, { ...options, mediaType })
    : decodeBody(bytes, { ...options, mediaType })
}

/** A value in this process, such as the result of a patch, as an object of some kind. */
export function refineObject(
  kind: GroupVersionKind,
  value: unknown,
  validation: FieldValidation,
  schema?: Schema,
  refuse?: BodyOptions['refuse'],
): Refined {
  const options = {
    kind,
    fieldValidation: validation,
    ...(schema === undefined ? {} : { schema }),
    ...(refuse === undefined ? {} : { refuse }),
  }
  const { object, warnings } = decodeParsed(value, options)
  return { object: object as unknown as KubeObject, warnings }
}

const deleteOptionsKind = { group: '', version: 'v1', kind: 'DeleteOptions' }

/** The options that came in the body of a deletion; undefined when it has none. */
export async function decodeOptions(exchange: Exchange): Promise<DeleteOptions | undefined> {
  const { request } = exchange
  const options: Omit<BodyOptions, 'mediaType'> = {
    kind: deleteOptionsKind,
    accepts: ({ kind }) => kind === 'DeleteOptions',
  }
  if ('object' in request.body) {
    if (request.body.object === undefined) return undefined
    return noted(exchange, decodeParsed(request.body.object, options).object as DeleteOptions)
  }
  const bytes = await readBody(exchange)
  if (bytes.length === 0) return undefined
  const mediaType = negotiateBody(request.header('content-type'))
  return noted(exchange, decodeBody(bytes, { ...options, mediaType }).object as DeleteOptions)
}

function noted(exchange: Exchange, options: DeleteOptions): DeleteOptions {
  exchange.audit?.requested(options)
  return options
}
