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

const allForms: readonly MediaType[] = ['json', 'yaml', 'protobuf']

/** The value of Content-Type for an answer. */
export const contentTypeOf: Readonly<Record<MediaType, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
}

/** What the router lets pass: the types of all forms, and for collections also those of watches. */
export const routedTypes = allForms.map((form) => contentTypeOf[form])
export const routedCollectionTypes = [
  ...routedTypes,
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
]

/** One clause of an Accept header. */
export interface AcceptClause {
  readonly type: string
  readonly parameters: Readonly<Record<string, string>>
  readonly quality: number
}

/**
 * Reads an Accept header: the most wanted first, as upstream sorts them. At most 100 clauses are read. Upstream moves a
 * clause with a type of its own before one with `*`, whatever their qualities are, and gives 0 no meaning of its own.
 */
export function parseAccept(header: string): readonly AcceptClause[] {
  let clauses = parsed.get(header)
  if (clauses !== undefined) return clauses
  clauses = readClauses(header)
  if (header.length <= longestKept) {
    if (parsed.size >= mostKept) parsed.clear()
    parsed.set(header, clauses)
  }
  return clauses
}

/** Clients send the same few headers over and over. */
const parsed = new Map<string, readonly AcceptClause[]>()
const mostKept = 64
const longestKept = 512

function readClauses(header: string): AcceptClause[] {
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
      if (name === 'q') quality = Number.isNaN(Number(value)) ? 0 : Number(value)
      else parameters[name] = value
    }
    const clause = { type: type.trim().toLowerCase(), parameters, quality }
    let place = clauses.length
    while (place > 0 && goesBefore(clause, clauses[place - 1]!)) place--
    clauses.splice(place, 0, clause)
  }
  return clauses
}

function goesBefore(a: AcceptClause, b: AcceptClause): boolean {
  if (a.quality > b.quality) return true
  if (b.type.startsWith('*') && !a.type.startsWith('*')) return true
  return b.type.endsWith('/*') && !a.type.endsWith('/*')
}

/** What an endpoint can answer with. */
export interface AnswerForms {
  /** The forms of this endpoint, the default first. */
  readonly supported?: readonly MediaType[]
  /** Whether tables and bare metadata can be had here. */
  readonly transforms?: boolean
  /** Metadata can be had, but no tables. */
  readonly noTables?: boolean
  readonly pretty?: boolean
  /** Forms that only transforms have. */
  readonly onlyTransformed?: readonly MediaType[]
  /** The answer is a stream of events. */
  readonly stream?: boolean
  /** The media types that the router lets pass; absent where there is none before the endpoint. */
  readonly routed?: readonly string[]
}

/** The forms of which streams can be made. */
const streamForms: readonly MediaType[] = ['json', 'protobuf']
const withoutWishes = { parameters: {} }

/**
 * Chooses the form of an answer, or throws the 406 that names what there is. Two layers refuse upstream: the router knows
 * media types, what is behind it knows kinds.
 */
export function negotiateAnswer(header: string | undefined, forms: AnswerForms = {}): Accepted {
  const { supported = allForms, routed, pretty = false } = forms
  if (header === undefined || header === '') return { ...withoutWishes, mediaType: supported[0]!, pretty }
  const clauses = parseAccept(header)
  if (routed !== undefined && !clauses.some(({ type }) => type === '*/*' || routed.includes(type))) {
    const message = `406: Not Acceptable\n\nAvailable representations: ${routed.join(', ')}`
    throw failure('NotAcceptable', message, {})
  }
  const accepted = findForm(clauses, forms)
  if (accepted === undefined) throw notAcceptable(supported.map((form) => contentTypeOf[form]))
  if (forms.stream === true && !streamForms.includes(accepted.mediaType)) {
    const streams = supported.filter((form) => streamForms.includes(form))
    throw notAcceptable(streams.map((form) => `${contentTypeOf[form]};stream=watch`))
  }
  return accepted
}

/** The form of a refusal: one that is as it is, in any form that the endpoint knows. Undefined: none that was asked for. */
export function negotiateRefusal(header: string | undefined, pretty: boolean): Accepted | undefined {
  if (header === undefined || header === '') return { ...withoutWishes, mediaType: 'json', pretty }
  return findForm(parseAccept(header), { pretty })
}

function notAcceptable(types: readonly string[]): Error {
  return failure('NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`)
}

function findForm(clauses: readonly AcceptClause[], forms: AnswerForms): Accepted | undefined {
  for (const { type, parameters } of clauses) {
    const isAny = type === '*/*' || type === '*' || type === 'application/*'
    for (const mediaType of forms.supported ?? allForms) {
      if (!isAny && type !== contentTypeOf[mediaType]) continue
      const { as, v, g, stream, sv, pretty } = parameters
      if (stream !== undefined && stream !== '' && (stream !== 'watch' || !streamForms.includes(mediaType))) continue
      if (sv !== undefined && sv !== '' && sv !== 'v1') continue
      const isPretty = forms.pretty === true || pretty === '1'
      if (as === undefined && v === undefined && g === undefined) {
        if (forms.onlyTransformed?.includes(mediaType) !== true) return { mediaType, parameters, pretty: isPretty }
      } else if (
        forms.transforms === true &&
        isTransform(as) &&
        g === 'meta.k8s.io' &&
        (v === 'v1' || v === 'v1beta1')
      ) {
        if (as === 'Table' && (forms.noTables === true || mediaType === 'protobuf')) continue
        return { mediaType, as: { kind: as, group: g, version: v }, parameters, pretty: isPretty }
      }
    }
  }
  return undefined
}

function isTransform(kind: string | undefined): kind is NonNullable<Accepted['as']>['kind'] {
  return kind === 'Table' || kind === 'PartialObjectMetadata' || kind === 'PartialObjectMetadataList'
}

/** The form of a body, or the 415 that names what there is. A missing type means JSON. */
export function negotiateBody(contentType: string | undefined, supported: readonly MediaType[] = allForms): MediaType {
  const type = (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase()
  if (type === '') return supported[0]!
  const known = supported.find((form) => contentTypeOf[form] === type)
  if (known !== undefined) return known
  const list = supported.map((one) => contentTypeOf[one]).join(', ')
  throw failure(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${list}`,
  )
}
