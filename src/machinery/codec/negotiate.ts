// Which form a request's body has and which form its answer takes: Content-Type and Accept.
import { failure } from '#machinery/status.ts'

/** The forms in which objects travel. */
export type MediaType = 'json' | 'yaml' | 'protobuf'

/** What a client wants back. */
export interface Accepted {
  readonly mediaType: MediaType
  /** The object turned into another kind: a table, or its metadata alone. */
  readonly as?: {
    readonly kind: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'
    readonly group: string
    readonly version: string
  }
  /** Parameters of the chosen clause in lower case, such as `stream: 'watch'` or `profile`. */
  readonly parameters: Readonly<Record<string, string>>
  /** Indent the answer (`pretty`). */
  readonly pretty: boolean
}

const types: Readonly<Record<string, MediaType>> = {
  'application/json': 'json',
  'application/yaml': 'yaml',
  'application/vnd.kubernetes.protobuf': 'protobuf',
}

/** The value of Content-Type for an answer. */
export const contentTypeOf: Readonly<Record<MediaType, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
}

/** One clause of an Accept header. */
export interface AcceptClause {
  readonly type: string
  readonly parameters: Readonly<Record<string, string>>
  readonly quality: number
}

/** Reads an Accept header: the most wanted first, clauses of one quality in their order. At most 100 are read. */
export function parseAccept(header: string): AcceptClause[] {
  const clauses: AcceptClause[] = []
  for (const text of header.split(',', 100)) {
    const [type = '', ...rest] = text.split(';')
    const parameters: Record<string, string> = {}
    let quality = 1
    for (const parameter of rest) {
      const at = parameter.indexOf('=')
      if (at < 0) continue
      const name = parameter.slice(0, at).trim().toLowerCase()
      const value = parameter
        .slice(at + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1')
      if (name === 'q') quality = Number.isNaN(Number(value)) ? 1 : Number(value)
      else parameters[name] = value
    }
    clauses.push({ type: type.trim().toLowerCase(), parameters, quality })
  }
  return clauses.toSorted((a, b) => b.quality - a.quality)
}

/**
 * Chooses the form of an answer, or throws the 406 that names what there is. `transforms`: whether tables and bare
 * metadata can be had here. `supported`: the forms of this endpoint, the default first.
 */
export function negotiateAnswer(
  header: string | undefined,
  options: {
    readonly transforms?: boolean
    /** Metadata can be had, but no tables. */
    readonly noTables?: boolean
    readonly supported?: readonly MediaType[]
    readonly pretty?: boolean
    /** Forms that only transforms have. */
    readonly onlyTransformed?: readonly MediaType[]
  } = {},
): Accepted {
  const supported = options.supported ?? ['json', 'yaml', 'protobuf']
  const pretty = options.pretty ?? false
  const fallback = supported[0]!
  if (header === undefined || header.trim() === '') return { mediaType: fallback, parameters: {}, pretty }
  let known = false
  for (const clause of parseAccept(header)) {
    if (clause.quality === 0) continue
    const mediaType = matching(clause.type, supported)
    if (mediaType === undefined) continue
    known = true
    const { as, v, g } = clause.parameters
    if (as === undefined && options.onlyTransformed?.includes(mediaType) === true) continue
    const parameters = clause.parameters
    const isPretty = pretty || parameters['pretty'] === '1'
    if (as === undefined) return { mediaType, parameters, pretty: isPretty }
    // Cells may be of any type, which protobuf has no form for.
    if (as === 'Table' && (options.noTables === true || mediaType === 'protobuf')) continue
    if (options.transforms === true && isTransform(as) && g === 'meta.k8s.io' && (v === 'v1' || v === 'v1beta1')) {
      return { mediaType, as: { kind: as, group: g, version: v }, parameters, pretty: isPretty }
    }
  }
  // Two layers refuse upstream: the router knows media types, what is behind it knows kinds.
  if (!known) throw failure('NotAcceptable', '406: Not Acceptable', {})
  const types = supported.map((type) => contentTypeOf[type])
  throw failure('NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`)
}

function isTransform(kind: string): kind is NonNullable<Accepted['as']>['kind'] {
  return kind === 'Table' || kind === 'PartialObjectMetadata' || kind === 'PartialObjectMetadataList'
}

function matching(type: string, supported: readonly MediaType[]): MediaType | undefined {
  if (type === '*/*' || type === 'application/*') return supported[0]
  const known = Object.hasOwn(types, type) ? types[type] : undefined
  return known !== undefined && supported.includes(known) ? known : undefined
}

/** The form of a body, or the 415 that names what there is. A missing type means JSON. */
export function negotiateBody(
  contentType: string | undefined,
  supported: readonly MediaType[] = ['json', 'yaml', 'protobuf'],
): MediaType {
  const type = (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase()
  if (type === '') return supported[0]!
  const known = Object.hasOwn(types, type) ? types[type] : undefined
  if (known !== undefined && supported.includes(known)) return known
  const list = supported.map((one) => contentTypeOf[one]).join(', ')
  throw failure(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${list}`,
  )
}
