/**
 * The syntax of a Corefile: blocks, in them directives, in them directives once more. What the words mean is said in plugins.ts.
 *
 *     example.org:53 {           a block with one key
 *         forward . 192.0.2.1 {  the directive `forward` with two words and
 *             policy sequential  one property
 *         }
 *     }
 */

/** What is wrong with a Corefile, and in which line. */
export class CorefileError extends Error {
  override readonly name = 'CorefileError'

  constructor(line: number, problem: string) {
    super(`Corefile:${line} - Error during parsing: ${problem}`)
  }
}

export interface Directive {
  readonly name: string
  readonly line: number
  readonly words: readonly string[]
  /** What stands between its braces; absent when it has none. */
  readonly properties?: readonly Directive[]
}

export interface Block {
  readonly keys: readonly string[]
  readonly line: number
  readonly directives: readonly Directive[]
}

/** Longer texts are not read. */
const longestText = 256 * 1024

interface Token {
  readonly text: string
  readonly line: number
  /** A word in quotes is never a brace. */
  readonly isQuoted: boolean
}

/** Reads a Corefile. Throws CorefileError. */
export function parseBlocks(text: string): readonly Block[] {
  if (text.length > longestText) throw new CorefileError(1, `it is longer than ${longestText} characters`)
  const tokens = tokenize(text)
  const blocks: Block[] = []
  let at = 0
  while (at < tokens.length) {
    const { line } = tokens[at]!
    const keys: string[] = []
    for (; at < tokens.length && !isBrace(tokens[at]!, '{'); at++) {
      const token = tokens[at]!
      if (isBrace(token, '}')) throw new CorefileError(token.line, `Unexpected '}'`)
      // Keys are separated by spaces, or by commas and line breaks.
      const isLast = tokens[at + 1] === undefined || isBrace(tokens[at + 1]!, '{')
      if (!isLast && tokens[at + 1]!.line !== token.line && !token.text.endsWith(','))
        throw new CorefileError(tokens[at + 1]!.line, `Unexpected token '${tokens[at + 1]!.text}', expecting '{'`)
      for (const key of token.text.split(',')) if (key !== '') keys.push(key)
    }
    if (at === tokens.length) throw new CorefileError(tokens.at(-1)!.line, `Unexpected EOF, expecting '{'`)
    if (keys.length === 0) throw new CorefileError(line, 'a server block needs a zone such as "." in front of "{"')
    const read = readDirectives(tokens, at + 1, tokens[at]!.line, 0)
    at = read.end
    blocks.push({ keys, line, directives: read.directives })
  }
  return blocks
}

/** Plugins have properties, and those (of `rewrite`) have at most words. */
const deepest = 2

function readDirectives(
  tokens: readonly Token[],
  from: number,
  openedIn: number,
  depth: number,
): { readonly directives: Directive[]; readonly end: number } {
  const directives: Directive[] = []
  let at = from
  for (;;) {
    const first = tokens[at]
    if (first === undefined) throw new CorefileError(openedIn, `Unexpected EOF, the '{' of this line has no '}'`)
    if (isBrace(first, '}')) return { directives, end: at + 1 }
    if (isBrace(first, '{')) throw new CorefileError(first.line, `Unexpected '{'`)
    const words: string[] = []
    let properties: Directive[] | undefined
    at++
    for (; at < tokens.length && tokens[at]!.line === first.line && !isBrace(tokens[at]!, '}'); at++) {
      const token = tokens[at]!
      if (!isBrace(token, '{')) {
        words.push(token.text)
        continue
      }
      if (depth + 1 >= deepest) throw new CorefileError(token.line, `Unexpected '{'`)
      const read = readDirectives(tokens, at + 1, token.line, depth + 1)
      properties = read.directives
      at = read.end
      break
    }
    const { text: name, line } = first
    directives.push({ name, line, words, ...(properties === undefined ? {} : { properties }) })
  }
}

const isBrace = (token: Token, brace: '{' | '}'): boolean => !token.isQuoted && token.text === brace

/** Words, words in double quotes, and braces; `#` at the beginning of a word begins a comment. */
function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = []
  let line = 1
  for (const [found] of text.replaceAll('\r\n', '\n').matchAll(/\n|#[^\n]*|"(?:[^"\\]|\\[\s\S])*"?|[^\s"][^\s]*/g)) {
    if (found === '\n') line++
    else if (found.startsWith('"')) {
      if (found.length < 2 || !found.endsWith('"')) throw new CorefileError(line, 'a quoted word has no end')
      tokens.push({ text: found.slice(1, -1).replaceAll(/\\"/g, '"'), line, isQuoted: true })
      line += found.split('\n').length - 1
    } else if (!found.startsWith('#')) {
      if (/\{\$|\{%/.test(found)) throw new CorefileError(line, `there are no environment variables here: ${found}`)
      tokens.push({ text: found, line, isQuoted: false })
    }
  }
  return tokens
}
