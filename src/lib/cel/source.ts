/** Where in the text of an expression something is, and how a mistake there is shown. */
import { codePointLength } from './text.ts'

/** A mistake in an expression. */
export interface Issue {
  /** Where it is, in UTF-16 units from the start of the text; -1 when it is nowhere in particular. */
  readonly offset: number
  readonly message: string
}

/** Longer lines are not shown again below a message. */
const longestSnippet = 16_384

/** More mistakes than this are counted rather than shown. */
const mostShown = 100

/** What is wrong, in the form of cel-go: place, message, the line, and a caret under the place. */
export function formatIssues(text: string, issues: readonly Issue[]): string {
  const placed = issues.toSorted((a, b) => a.offset - b.offset)
  const lines = text.split('\n')
  const shown = placed.slice(0, mostShown).map(({ offset, message }) => {
    const { line, column } = locate(text, offset)
    const snippet = lines[line - 1]
    return `ERROR: <input>:${line}:${column + 1}: ${message}${snippet === undefined ? '' : underline(snippet, column)}`
  })
  if (placed.length > mostShown) shown.push(`${placed.length - mostShown} more errors were truncated`)
  return shown.join('\n')
}

/** Lines count from 1, columns from 0 in code points. */
function locate(text: string, offset: number): { readonly line: number; readonly column: number } {
  if (offset < 0) return { line: -1, column: -1 }
  const before = text.slice(0, offset)
  const start = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: codePointLength(before.slice(start)) }
}

function underline(snippet: string, column: number): string {
  const shown = snippet.replaceAll('\t', ' ')
  const characters = [...shown]
  if (characters.length > longestSnippet) return ''
  const isWide = (character: string | undefined): boolean => character !== undefined && character.codePointAt(0)! > 0x7f
  const dots = characters.slice(0, Math.max(column, 0)).map((each) => (isWide(each) ? '\uff0e' : '.'))
  return `\n | ${shown}\n | ${dots.join('')}${isWide(characters[column]) ? '\uff3e' : '^'}`
}
