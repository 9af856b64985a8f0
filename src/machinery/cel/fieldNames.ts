/**
 * Names of fields as expressions write them: what is no identifier, or is a word of the language, is escaped.
 *
 *     x-y.z   x__dash__y__dot__z        namespace   __namespace__        a__b   a__underscores__b
 *
 * Source: KEP-2876, "Escaping of property names".
 */

const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
)

const escapes: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
}

/** Nothing when no expression can name the field. */
export function escapeFieldName(name: string): string | undefined {
  if (reserved.has(name)) return `__${name}__`
  if (!/^[A-Za-z_./-][A-Za-z0-9_./-]*$/.test(name)) return undefined
  return name.replaceAll(/__|[./-]/g, (each) => escapes[each]!)
}

const escaped = new Map(Object.entries(escapes).map(([character, written]) => [written, character]))

/** The field that an expression means; the name itself where it is not escaped. */
export function unescapeFieldName(name: string): string {
  if (!name.includes('__')) return name
  const word = name.slice(2, -2)
  if (reserved.has(word) && name === `__${word}__`) return word
  return name.replaceAll(/__(?:underscores|dot|dash|slash)__/g, (each) => escaped.get(each)!)
}

/** Whether a name is a word of the language, which expressions may also write as it is after a dot. */
export const isReservedName = (name: string): boolean => reserved.has(name)
