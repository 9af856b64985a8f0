// Reading YAML as Kubernetes tools read it: the scalars of YAML 1.1 without base-60 numbers and dates, merge keys,
// several documents; bounded in bytes, depth and aliases. Writing it is yamlText.ts.
import { isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml'
import type { DocumentOptions, ParseOptions, SchemaOptions } from 'yaml'
import { defaultMaxBytes, defaultMaxDepth, type JsonLimits } from './json.ts'

/** A key that an object has more than once; the last one counts. */
export interface DuplicateKey {
  readonly document: number
  readonly line: number
  readonly key: string
}

/** What a text holds, or why it cannot be read: `line 3: mapping values are not allowed in this context`. */
export type DecodedYaml =
  | { readonly documents: readonly unknown[]; readonly duplicates: readonly DuplicateKey[] }
  | { readonly problem: string; readonly tooLarge?: true }

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

const binaryTag = {
  tag: 'tag:yaml.org,2002:binary',
  resolve: (text: string, onError: (message: string) => void): string => {
    try {
      return atob(text.replace(/\s/g, ''))
    } catch {
      onError('!!binary value contains invalid base64 data')
      return text
    }
  },
}

const options: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  // Whole numbers as they stand, so that digits beyond 2^53 are noticed instead of lost.
  intAsBigInt: true,
  // The library compares each key with each: too slow for large maps. `findDuplicates` does it.
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
  customTags: (tags) => [
    ...tags.filter((tag) => {
      if (typeof tag === 'string') return true
      return !/:(?:binary|timestamp)$/.test(tag.tag) && (tag as { format?: string }).format !== 'TIME'
    }),
    binaryTag,
  ],
}

/** Texts of Go's parser for what the library calls otherwise. */
const goMessages: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'found character that cannot start any token',
  BLOCK_AS_IMPLICIT_KEY: 'mapping values are not allowed in this context',
  BAD_ALIAS: 'unknown anchor referenced',
  MULTILINE_IMPLICIT_KEY: "could not find expected ':'",
}

/** Reads all documents of a text; empty ones between `---` lines are left out. Never throws on bad input. */
export function decodeYaml(input: Uint8Array | string, limits: JsonLimits = {}): DecodedYaml {
  const maxBytes = limits.maxBytes ?? defaultMaxBytes
  if (input.length > maxBytes) {
    return { problem: `limit is ${maxBytes} bytes, and the text has ${input.length}`, tooLarge: true }
  }
  let text: string
  try {
    text = typeof input === 'string' ? input : decoder.decode(input)
  } catch {
    return { problem: 'invalid UTF-8 in YAML text' }
  }
  try {
    return readDocuments(text, limits.maxDepth ?? defaultMaxDepth)
  } catch (error) {
    // The library descends once per level of nesting.
    if (error instanceof RangeError) return { problem: `exceeded max depth of ${limits.maxDepth ?? defaultMaxDepth}` }
    if (error instanceof Refusal) return { problem: error.message }
    throw error
  }
}

/** The value of a text with one document; undefined for an empty one. Throws an Error that says what is wrong. */
export function parseYaml(text: string, limits: JsonLimits = {}): unknown {
  const decoded = decodeYaml(text, limits)
  if ('problem' in decoded) throw new Error(`yaml: ${decoded.problem}`)
  const [duplicate] = decoded.duplicates
  if (duplicate !== undefined)
    throw new Error(`yaml: line ${duplicate.line}: key "${duplicate.key}" already set in map`)
  if (decoded.documents.length > 1) throw new Error(`yaml: found ${decoded.documents.length} documents, want one`)
  return decoded.documents[0]
}

class Refusal extends Error {}

function readDocuments(text: string, maxDepth: number): DecodedYaml {
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { ...options, lineCounter: lines })
  if (!Array.isArray(parsed)) return { documents: [], duplicates: [] }
  const documents: unknown[] = []
  const duplicates: DuplicateKey[] = []
  for (const [i, document] of parsed.entries()) {
    for (const error of document.errors) {
      const { line } = lines.linePos(error.pos[0])
      // The library catches its own exhausted stack.
      if (error.message.includes('call stack')) throw new Refusal(`exceeded max depth of ${maxDepth}`)
      return { problem: `line ${line}: ${goMessages[error.code] ?? firstLine(error.message)}` }
    }
    if (document.contents === null) continue
    for (const position of findDuplicates(document.contents)) {
      if (duplicates.length === mostDuplicates) break
      duplicates.push({ document: i, line: lines.linePos(position).line, key: keyAt(text, position) })
    }
    let value: unknown
    try {
      value = document.toJS({ maxAliasCount: 100 })
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error
      const anchor = /^Unresolved alias[^:]*: (.*)$/.exec(error.message)?.[1]
      throw new Refusal(
        anchor === undefined ? 'document contains excessive aliasing' : `unknown anchor '${anchor}' referenced`,
      )
    }
    if (value !== null) documents.push(plain(value, maxDepth))
  }
  return { documents, duplicates }
}

const mostDuplicates = 100

/** Where keys stand that their map has already, in the order of the text. */
function* findDuplicates(node: unknown): Generator<number, void, void> {
  if (isSeq(node)) for (const item of node.items) yield* findDuplicates(item)
  if (!isMap(node)) return
  const keys = new Set<unknown>()
  for (const { key, value } of node.items) {
    if (isScalar(key)) {
      if (keys.has(key.value)) yield key.range?.[0] ?? 0
      keys.add(key.value)
    } else yield* findDuplicates(key)
    yield* findDuplicates(value)
  }
}

const firstLine = (message: string): string => message.split('\n', 1)[0]!

function keyAt(text: string, position: number): string {
  const rest = text.slice(position, position + 1000)
  const quoted = /^"((?:[^"\\]|\\.)*)"|^'((?:[^']|'')*)'/.exec(rest)
  if (quoted !== null) return quoted[1] ?? quoted[2]!.replaceAll("''", "'")
  return /^[^:\n,}]*/.exec(rest)![0].trim()
}

/** Numbers for exact big integers; refuses what JSON cannot say. */
function plain(value: unknown, maxDepth: number, depthLeft = maxDepth): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value)
    if (BigInt(number) !== value) {
      throw new Refusal(`number ${value} cannot be kept exactly: whole numbers go to ${Number.MAX_SAFE_INTEGER}`)
    }
    return number
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new Refusal(`json: unsupported value: ${Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'}`)
  }
  if (typeof value !== 'object' || value === null) return value
  if (depthLeft === 0) throw new Refusal(`exceeded max depth of ${maxDepth}`)
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = plain(value[i], maxDepth, depthLeft - 1)
    return value
  }
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key]
    const better = plain(member, maxDepth, depthLeft - 1)
    if (better !== member) (value as Record<string, unknown>)[key] = better
  }
  return value
}
