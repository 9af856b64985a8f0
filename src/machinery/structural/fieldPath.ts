import { schemaOfField, type Schema } from '#machinery/schema/model.ts'

/** A path of fields and map keys that exist in a schema. */
export interface FieldPath {
  readonly steps: readonly { readonly name: string; readonly isKey: boolean }[]
  readonly schema: Schema | undefined
}

const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  "'": "'",
  '\\': '\\',
}

/** Dots and brackets one by one, texts between quotes as a whole, and what stands between. */
const token = /'(?:[^'\\]|\\.)*'|[.[\]]|[^.[\]]+/gs

/**
 * Reads a path such as `.spec.labels['a.b']` that must lead through fields of a schema. `brackets`: whether `['name']` may
 * stand in it. `problem` is in upstream's words.
 */
export function fieldPathIn(
  schema: Schema,
  text: string,
  { brackets = true }: { readonly brackets?: boolean } = {},
): FieldPath | { readonly problem: string } {
  const tokens = text.match(token) ?? []
  const steps: { readonly name: string; readonly isKey: boolean }[] = []
  let at: Schema | undefined = schema
  const enter = (name: string): string | undefined => {
    const unknown = 'does not refer to a valid field'
    if (at?.properties === undefined && at?.additionalProperties === undefined) return unknown
    const isKey = at.properties === undefined
    if (at.properties !== undefined && !Object.hasOwn(at.properties, name)) return unknown
    steps.push({ name, isKey })
    at = schemaOfField(at, name)
    return undefined
  }
  for (let i = 0; i < tokens.length; i++) {
    const separator = tokens[i]!
    if (separator !== '.' && separator !== '[') return { problem: `expected [ or . but got: ${separator}` }
    if (separator === '[' && !brackets) return { problem: 'array notation is not allowed' }
    const word = tokens[++i]
    if (word === undefined) return { problem: 'unexpected end of JSON path' }
    let name = word
    if (separator === '[') {
      if (!/^'.*'$/s.test(word) || word.length < 2) return { problem: `expected single quoted string but got ${word}` }
      const unknown = /\\[^abfnrtv'\\]/.exec(word.slice(1, -1))
      if (unknown !== null) return { problem: `invalid string literal: invalid escape char ${unknown[0]}` }
      name = word.slice(1, -1).replace(/\\(.)/g, (_, character: string) => escapes[character]!)
    }
    const problem = enter(name)
    if (problem !== undefined) return { problem }
    if (separator !== '[') continue
    const end = tokens[++i]
    if (end === undefined) return { problem: 'unexpected end of JSON path' }
    if (end !== ']') return { problem: `expected ] but got ${end}` }
  }
  return { steps, schema: at }
}
