/** From the text of an expression to tokens. */
import type { Issue } from './source.ts'

export type TokenKind = 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'identifier' | 'quoted' | 'operator' | 'end'

export interface Token {
  readonly kind: TokenKind
  /** As written. */
  readonly text: string
  /** In UTF-16 units. */
  readonly offset: number
}

const space = /[\t \r\n\f]+|\/\/[^\n]*/y
const number = /0x[0-9a-fA-F]+[uU]?|\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?|\d+[uU]?/y
const escape = String.raw`\\(?:[abfnrtv"'\\?${'`'}]|[0-3][0-7][0-7]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})`
// Tried in this order: three quotes before one, and each of them can match in one way only.
const string = new RegExp(
  [
    String.raw`[bB]?[rR](?:"""[^]*?"""|'''[^]*?'''|"(?!"")[^"\n\r]*"|'(?!'')[^'\n\r]*'|""|'')`,
    String.raw`[bB]?"""(?:${escape}|[^\\"]|"(?!""))*"""`,
    String.raw`[bB]?'''(?:${escape}|[^\\']|'(?!''))*'''`,
    String.raw`[bB]?"(?:${escape}|[^\\"\n\r])*"`,
    String.raw`[bB]?'(?:${escape}|[^\\'\n\r])*'`,
  ].join('|'),
  'y',
)
const identifier = /[A-Za-z_][A-Za-z0-9_]*/y
const quoted = /`[A-Za-z0-9_.\-/ ]+`/y
const operator = /&&|\|\||[=!<>]=|[[\]{}().,\-!?:+*/%<>]/y

/** All tokens, the last of kind `end`; characters that begin none are issues and left out. */
export function tokenize(text: string, issues: Issue[]): readonly Token[] {
  const tokens: Token[] = []
  let offset = 0
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = offset
    return pattern.exec(text)?.[0]
  }
  const push = (kind: TokenKind, found: string): void => {
    tokens.push({ kind, text: found, offset })
    offset += found.length
  }
  while (offset < text.length) {
    let found = match(space)
    if (found !== undefined) {
      offset += found.length
    } else if ((found = match(string)) !== undefined) {
      push(/^[bB]/.test(found) ? 'bytes' : 'string', found)
    } else if ((found = match(number)) !== undefined) {
      push(numberKind(found), found)
    } else if ((found = match(identifier)) !== undefined) {
      push(found === 'in' ? 'operator' : 'identifier', found)
    } else if ((found = match(quoted)) !== undefined) {
      push('quoted', found)
    } else if ((found = match(operator)) !== undefined) {
      push('operator', found)
    } else {
      const skipped = unreadable(text, offset)
      issues.push({ offset, message: `Syntax error: token recognition error at: '${escapeShown(skipped)}'` })
      offset += skipped.length
    }
  }
  tokens.push({ kind: 'end', text: '<EOF>', offset: text.length })
  return tokens
}

function numberKind(text: string): TokenKind {
  if (/[uU]$/.test(text)) return 'uint'
  return text.startsWith('0x') || /^\d+$/.test(text) ? 'int' : 'double'
}

/** What the lexer gives up on: what could have become a token, and the character after which it no longer could. */
function unreadable(text: string, offset: number): string {
  const first = String.fromCodePoint(text.codePointAt(offset)!)
  const second = text.slice(offset + 1, offset + 2)
  if (/^[&|=]$/.test(first)) return first + second
  if (!/^["']$/.test(first)) return first
  const started = new RegExp(`${first}(?:${escape}|[^\\\\${first}\n\r])*`, 'y')
  started.lastIndex = offset
  let end = offset + started.exec(text)![0].length
  if (text[end] === '\\') end += partOfEscape.exec(text.slice(end, end + 12))![0].length
  return text.slice(offset, end) + (end < text.length ? String.fromCodePoint(text.codePointAt(end)!) : '')
}

/** As much of an escape as is right. */
const partOfEscape = /^\\(?:[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?/

function escapeShown(text: string): string {
  return text
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\r', String.raw`\r`)
    .replaceAll('\t', String.raw`\t`)
}
