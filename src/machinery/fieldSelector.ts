import { SelectorError } from './labelSelector.ts'

/** One condition on one field that its kind makes selectable. */
export interface FieldRequirement {
  readonly field: string
  readonly equal: boolean
  readonly value: string
}

/** Conditions that must all hold; an empty list holds for everything. */
export type FieldRequirements = readonly FieldRequirement[]

/** Whether the fields of an object, as `read` returns them, satisfy every requirement. */
export function matchesFields(requirements: FieldRequirements, read: (field: string) => string): boolean {
  return requirements.every(({ field, equal, value }) => (read(field) === value) === equal)
}

/**
 * Reads the query parameter `fieldSelector`, such as `spec.nodeName=a,status.phase!=Running`. A backslash takes the
 * meaning from `,`, `=` and itself. Throws a SelectorError with the API's message.
 */
export function parseFieldSelector(text: string): FieldRequirements {
  const requirements: FieldRequirement[] = []
  for (const term of split(text)) {
    if (term === '') continue
    const found = operatorOf(term)
    if (found === undefined) throw new SelectorError(`invalid selector: '${text}'; can't understand '${term}'`)
    const { field, operator, value } = found
    requirements.push({ field, equal: operator !== '!=', value: unescape(value) })
  }
  return requirements
}

/** The requirements as a query parameter; `parseFieldSelector` reads it back. */
export function formatFieldSelector(requirements: FieldRequirements): string {
  return requirements
    .map(({ field, equal, value }) => `${field}${equal ? '=' : '!='}${value.replace(/[\\,=]/g, (each) => `\\${each}`)}`)
    .join(',')
}

/** At commas that no backslash precedes. */
function split(text: string): string[] {
  const terms: string[] = []
  let start = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === ',') {
      terms.push(text.slice(start, at))
      start = at + 1
    }
  }
  terms.push(text.slice(start))
  return terms
}

function operatorOf(term: string): { field: string; operator: string; value: string } | undefined {
  for (let at = 0; at < term.length; at++) {
    const operator = ['!=', '==', '='].find((each) => term.startsWith(each, at))
    if (operator !== undefined) return { field: term.slice(0, at), operator, value: term.slice(at + operator.length) }
  }
  return undefined
}

function unescape(value: string): string {
  let text = ''
  for (let at = 0; at < value.length; at++) {
    const character = value[at]!
    if (character === '\\') {
      const next = value[++at]
      if (next !== '\\' && next !== ',' && next !== '=') {
        throw new SelectorError(`invalid field selector: invalid escape sequence: \\${next ?? ''}`)
      }
      text += next
    } else if (character === ',' || character === '=') {
      throw new SelectorError(`invalid field selector: unescaped character in value: ${character}`)
    } else text += character
  }
  return text
}
