// The doc comments of src/api: a description, then tags. This file knows every tag; there are no others.
import type { WrittenSchema } from './generateSchema.ts'

/** A doc comment, read. */
export interface Doc {
  readonly description: string
  /** `@optional`: required in TypeScript because we always fill it, but callers may leave it out. */
  readonly optional: boolean
  readonly problems: readonly string[]
  /** Adds what the tags say to a schema. */
  apply(schema: WrittenSchema): { readonly written: WrittenSchema; readonly problems: readonly string[] }
}

type Apply = (schema: WrittenSchema, text: string) => string | void

const numberTag =
  (key: string, types: readonly string[]): Apply =>
  (schema, text) => {
    if (!/^-?[0-9]+(\.[0-9]+)?$/.test(text)) return `needs a number, not "${text}"`
    if (!types.includes(String(schema['type']))) return `does not fit a value of type ${schema['type'] ?? 'any'}`
    schema[key] = Number(text)
  }

const listTag =
  (listType: string): Apply =>
  (schema, text) => {
    if (schema['type'] !== 'array') return 'fits lists only'
    schema['listType'] = listType
    const keys = text.split(/\s+/).filter((key) => key !== '')
    if (listType === 'set') return keys.length === 0 ? undefined : `takes no text, not "${text}"`
    if (keys.length === 0) return 'needs the names of the key fields'
    schema['listMapKeys'] = keys
    schema['mergeKey'] ??= keys[0]
  }

const tags: Readonly<Record<string, Apply>> = {
  optional: () => {},
  default: (schema, text) => readDefault(schema, text),
  minimum: numberTag('minimum', ['integer', 'number']),
  maximum: numberTag('maximum', ['integer', 'number']),
  minItems: numberTag('minItems', ['array']),
  maxItems: numberTag('maxItems', ['array']),
  minLength: numberTag('minLength', ['string']),
  maxLength: numberTag('maxLength', ['string']),
  pattern: (schema, text) => {
    if (schema['type'] !== 'string') return 'fits strings only'
    schema['pattern'] = text
  },
  format: (schema, text) => {
    if (schema['type'] !== 'string' || schema['format'] !== undefined) return 'fits plain strings only'
    schema['format'] = text
  },
  listMap: listTag('map'),
  listSet: listTag('set'),
  atomic: (schema) => {
    if (schema['type'] === 'array') schema['listType'] = 'atomic'
    else if (schema['type'] === 'object' || schema['ref'] !== undefined) schema['mapType'] = 'atomic'
    else return 'fits lists and objects only'
  },
  mergeKey: (schema, text) => {
    if (schema['type'] !== 'array' || text === '') return 'fits lists only and needs the name of a field'
    schema['mergeKey'] = text
  },
  merge: (schema) => {
    if (schema['type'] !== 'array') return 'fits lists only'
    schema['mergeKey'] = ''
  },
  replace: (schema) => {
    if (schema['type'] !== 'array') schema['patchReplace'] = true
    else if (schema['mergeKey'] === undefined) return 'fits lists with keys, and objects'
    else delete schema['mergeKey']
  },
  retainKeys: (schema) => {
    schema['retainKeys'] = true
  },
  immutable: (schema) => {
    schema['immutable'] = true
  },
  unlisted: (schema) => {
    if (schema['enum'] === undefined) return 'fits enumerations only'
    schema['unlisted'] = true
  },
  deprecated: () => {},
}

/** Tags that add to what others of the same comment said. */
const lateTags = new Set(['replace', 'mergeKey', 'merge'])

/** Reads the text of a comment, with or without its frame. Words between back quotes are never tags. */
export function readDoc(comment: string): Doc {
  const text = comment
    .replace(/^\s*\/\*\*/, '')
    .replace(/\*\/\s*$/, '')
    .replace(/^[ \t]*\*[ ]?/gm, '')
  const masked = text.replace(/`[^`]*`/g, (quoted) => ' '.repeat(quoted.length))
  const starts = [...masked.matchAll(/(?<=^|\s)@([A-Za-z]+)/g)]
  const description = text
    .slice(0, starts[0]?.index ?? text.length)
    .trim()
    .replace(/\s+/g, ' ')
  const found: { name: string; text: string }[] = []
  const problems: string[] = []
  for (const [i, start] of starts.entries()) {
    const name = start[1]!
    const body = text.slice(start.index + start[0].length, starts[i + 1]?.index ?? text.length).trim()
    if (!Object.hasOwn(tags, name)) problems.push(`unknown tag @${name}`)
    else if (found.some((one) => one.name === name)) problems.push(`@${name} stands twice`)
    else found.push({ name, text: body })
  }
  const ordered = [...found.filter((tag) => !lateTags.has(tag.name)), ...found.filter((tag) => lateTags.has(tag.name))]
  return {
    description: found.some((tag) => tag.name === 'deprecated') ? `Deprecated. ${description}` : description,
    optional: found.some((tag) => tag.name === 'optional'),
    problems,
    apply(schema) {
      const written = { ...schema }
      const wrong: string[] = []
      for (const tag of ordered) {
        const why = tags[tag.name]!(written, tag.text)
        if (typeof why === 'string') wrong.push(`@${tag.name} ${why}`)
      }
      return { written, problems: wrong }
    },
  }
}

function readDefault(schema: WrittenSchema, text: string): string | void {
  const set = (value: unknown): void => {
    schema['default'] = value
  }
  if (text === '') return 'needs a value; an empty string is written ""'
  if (schema['type'] === 'string') {
    const value = text.startsWith('"') ? (JSON.parse(text) as string) : text
    const allowed = schema['enum'] as readonly string[] | undefined
    if (allowed !== undefined && !allowed.includes(value)) return `"${value}" is none of its values`
    return set(value)
  }
  if (schema['type'] === 'boolean') {
    return text === 'true' || text === 'false' ? set(text === 'true') : `needs true or false, not "${text}"`
  }
  if (schema['format'] === 'int-or-string') return set(/^-?[0-9]+$/.test(text) ? Number(text) : text)
  if (schema['type'] === 'integer' || schema['type'] === 'number') {
    return /^-?[0-9]+(\.[0-9]+)?$/.test(text) ? set(Number(text)) : `needs a number, not "${text}"`
  }
  const isList = schema['type'] === 'array'
  try {
    const value = JSON.parse(text) as unknown
    if (Array.isArray(value) === isList && typeof value === 'object' && value !== null) return set(value)
  } catch {
    // Said below.
  }
  return `needs JSON of the field's type, not "${text}"`
}
