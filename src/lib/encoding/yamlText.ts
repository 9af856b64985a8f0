// Writing YAML exactly as Kubernetes tools do (sigs.k8s.io/yaml, which is go-yaml 2): keys in natural order, lists not
// indented, text plain where it can be, quoted where it would be read as something else, folded behind column 80.

/** A JSON value as YAML, with a line break at the end. Object keys are sorted unless `sortKeys` is false. */
export function encodeYaml(value: unknown, options: { readonly sortKeys?: boolean } = {}): string {
  const writer: Writer = { text: '', column: 0, sortKeys: options.sortKeys ?? true }
  writeNode(writer, value, 0, 'root')
  return writer.text.endsWith('\n') ? writer.text : `${writer.text}\n`
}

interface Writer {
  text: string
  /** Characters since the last line break. */
  column: number
  readonly sortKeys: boolean
}

/** Longer lines are folded at the next space. */
const bestWidth = 80
const indentStep = 2

function put(writer: Writer, text: string): void {
  writer.text += text
  writer.column += text.length
}

function breakLine(writer: Writer, indent: number): void {
  writer.text += `\n${' '.repeat(indent)}`
  writer.column = indent
}

/** `indent`: the column where keys and dashes of the surrounding block stand. */
function writeNode(writer: Writer, value: unknown, indent: number, place: 'root' | 'key' | 'item'): void {
  if (Array.isArray(value)) return writeList(writer, value, indent, place)
  if (typeof value === 'object' && value !== null)
    return writeMap(writer, value as Record<string, unknown>, indent, place)
  if (place === 'key') put(writer, ' ')
  if (typeof value === 'string') return writeString(writer, value, place === 'root' ? 0 : indent + indentStep)
  put(writer, typeof value === 'number' ? numberText(value) : value === undefined ? 'null' : String(value))
}

function numberText(value: number): string {
  // Go writes exponents with two digits at least.
  return String(value).replace(/e([-+])(\d)$/, 'e$10$2')
}

function writeList(writer: Writer, list: readonly unknown[], indent: number, place: 'root' | 'key' | 'item'): void {
  if (list.length === 0) return put(writer, place === 'key' ? ' []' : '[]')
  for (const [i, item] of list.entries()) {
    if (place === 'key' || i > 0) breakLine(writer, indent)
    put(writer, '- ')
    // What an item holds stands two columns to the right of its dash.
    writeNode(writer, item, typeof item === 'object' && item !== null ? indent + indentStep : indent, 'item')
  }
}

function writeMap(writer: Writer, map: Record<string, unknown>, indent: number, place: 'root' | 'key' | 'item'): void {
  const keys = Object.keys(map)
  if (keys.length === 0) return put(writer, place === 'key' ? ' {}' : '{}')
  if (writer.sortKeys) keys.sort(compareKeys)
  const own = place === 'key' ? indent + indentStep : indent
  for (const [i, key] of keys.entries()) {
    if (place === 'key' || i > 0) breakLine(writer, own)
    const value = map[key]
    if (isSimpleKey(key)) {
      put(writer, scalarText(key, true))
      put(writer, ':')
    } else {
      put(writer, '? ')
      writeString(writer, key, own + indentStep)
      breakLine(writer, own)
      put(writer, ':')
    }
    writeNode(writer, value, own, 'key')
  }
}

/** Keys that are longer or span lines get a `?`. */
function isSimpleKey(key: string): boolean {
  return !key.includes('\n') && new TextEncoder().encode(key).length <= 128
}

/** The order of go-yaml: letters by code, digits by the number they make, digits before letters. */
export function compareKeys(left: string, right: string): number {
  const a = [...left]
  const b = [...right]
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const x = a[i]!
    const y = b[i]!
    if (x === y) continue
    const isLetterX = /\p{L}/u.test(x)
    const isLetterY = /\p{L}/u.test(y)
    if (isLetterX && isLetterY) return x < y ? -1 : 1
    if (isLetterX || isLetterY) return isLetterY ? -1 : 1
    return compareDigits(a, b, i)
  }
  return a.length - b.length
}

function compareDigits(a: readonly string[], b: readonly string[], from: number): number {
  let start = 0n
  if (a[from] === '0' || b[from] === '0') {
    for (let j = from - 1; j >= 0 && isDigit(a[j]); j--) {
      if (a[j] === '0') continue
      start = 1n
      break
    }
  }
  const read = (text: readonly string[]): { value: bigint; end: number } => {
    let value = start
    let end = from
    for (; isDigit(text[end]); end++) value = BigInt.asIntN(64, value * 10n + BigInt(text[end]!))
    return { value, end }
  }
  const x = read(a)
  const y = read(b)
  if (x.value !== y.value) return x.value < y.value ? -1 : 1
  if (x.end !== y.end) return x.end - y.end
  return a[from]! < b[from]! ? -1 : 1
}

const isDigit = (character: string | undefined): boolean =>
  character !== undefined && character >= '0' && character <= '9'

const words = new Set(
  (
    'y Y yes Yes YES true True TRUE on On ON n N no No NO false False FALSE off Off OFF ~ null Null NULL ' +
    '.nan .NaN .NAN .inf .Inf .INF +.inf +.Inf +.INF -.inf -.Inf -.INF'
  ).split(' '),
)

/** Whether plain text would be read as something other than this string. */
function looksLikeOther(text: string): boolean {
  if (text === '' || words.has(text)) return true
  const first = text[0]!
  if (first === '.') return /^\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?$/.test(text)
  if (!isDigit(first) && first !== '+' && first !== '-') return false
  const bare = text.replaceAll('_', '')
  if (/^[-+]?(?:0|[1-9][0-9]*|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|0[bB][01]+)$/.test(bare)) return true
  if (/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(bare)) return true
  if (/^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/.test(text)) return true
  return /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]| )[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})?)?$/.test(
    text,
  )
}

type Style = 'plain' | 'single' | 'double' | 'literal'

function writeString(writer: Writer, text: string, indent: number): void {
  const style = styleOf(text, false)
  if (style === 'literal') return writeLiteral(writer, text, indent)
  if (style === 'double') return writeDouble(writer, text, indent)
  const shown = style === 'single' ? text.replaceAll("'", "''") : text
  if (style === 'single') put(writer, "'")
  writeFolded(writer, shown, indent, style === 'single')
  if (style === 'single') put(writer, "'")
}

/** A string on one line, as a key needs it. */
function scalarText(text: string, isKey: boolean): string {
  const style = styleOf(text, isKey)
  if (style === 'plain') return text
  return style === 'single' ? `'${text.replaceAll("'", "''")}'` : `"${[...text].map(escapeCharacter).join('')}"`
}

function styleOf(text: string, isKey: boolean): Style {
  const wants: Style = text.includes('\n') ? 'literal' : looksLikeOther(text) ? 'double' : 'plain'
  if (wants === 'double') return 'double'
  const { hasSpecial, hasIndicators, edgeSpace, trailingSpace, spaceBeforeBreak, spaceAfterBreak, hasBreak } =
    analyze(text)
  if (hasSpecial || spaceBeforeBreak) return 'double'
  if (wants === 'literal') return isKey || trailingSpace ? 'double' : 'literal'
  if (!hasIndicators && !edgeSpace && !hasBreak && !spaceAfterBreak) return 'plain'
  return spaceAfterBreak || (isKey && hasBreak) ? 'double' : 'single'
}

const lineBreaks = new Set(['\r', '\n', '\u0085', '\u2028', '\u2029'])

/** What stands in the way of writing a text as it is; the rules of libyaml. */
function analyze(text: string): {
  hasSpecial: boolean
  hasIndicators: boolean
  edgeSpace: boolean
  trailingSpace: boolean
  spaceBeforeBreak: boolean
  spaceAfterBreak: boolean
  hasBreak: boolean
} {
  const first = text[0] ?? ''
  const last = text.at(-1) ?? ''
  return {
    hasSpecial: /[^\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/.test(text),
    hasIndicators:
      /^(?:---|\.\.\.)/.test(text) ||
      /^[#,[\]{}&*!|>'"%@`]/.test(text) ||
      /^[?:-](?:[ \t\r\n\u0085\u2028\u2029]|$)/.test(text) ||
      /:(?:[ \t\r\n\u0085\u2028\u2029]|$)/.test(text.slice(1)) ||
      /[ \t\r\n\u0085\u2028\u2029]#/.test(text),
    edgeSpace: first === ' ' || last === ' ' || lineBreaks.has(first) || lineBreaks.has(last),
    trailingSpace: last === ' ',
    spaceBeforeBreak: / [\r\n\u0085\u2028\u2029]/.test(text),
    spaceAfterBreak: /[\r\n\u0085\u2028\u2029] /.test(text),
    hasBreak: /[\r\n\u0085\u2028\u2029]/.test(text),
  }
}

/** Plain or single-quoted text: a single space behind column 80 becomes a line break. */
function writeFolded(writer: Writer, text: string, indent: number, quoted: boolean): void {
  let previousSpace = false
  let from = 0
  for (let i = text.indexOf(' '); i >= 0; i = text.indexOf(' ', i + 1)) {
    put(writer, text.slice(from, i))
    if (i > from) previousSpace = false
    from = i + 1
    const inside = !quoted || (i > 0 && i < text.length - 1)
    if (!previousSpace && writer.column > bestWidth && inside && text[i + 1] !== ' ') breakLine(writer, indent)
    else put(writer, ' ')
    previousSpace = true
  }
  put(writer, text.slice(from))
}

function writeDouble(writer: Writer, text: string, indent: number): void {
  put(writer, '"')
  const characters = [...text]
  let previousSpace = false
  for (const [i, character] of characters.entries()) {
    if (character !== ' ') {
      put(writer, escapeCharacter(character))
      previousSpace = false
      continue
    }
    if (!previousSpace && writer.column > bestWidth && i > 0 && i < characters.length - 1) {
      breakLine(writer, indent)
      if (characters[i + 1] === ' ') put(writer, '\\')
    } else put(writer, ' ')
    previousSpace = true
  }
  put(writer, '"')
}

const escapes: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\x1b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\u0085': '\\N',
  '\u00a0': '\\_',
  '\u2028': '\\L',
  '\u2029': '\\P',
}

function escapeCharacter(character: string): string {
  const short = escapes[character]
  if (short !== undefined && character !== '\u00a0') return short
  const code = character.codePointAt(0)!
  const isPrintable = (code >= 0x20 && code <= 0x7e) || (code >= 0xa0 && code <= 0xfffd && code !== 0xfeff)
  if (isPrintable) return character
  if (code <= 0xff) return `\\x${hex(code, 2)}`
  return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`
}

const hex = (code: number, digits: number): string => code.toString(16).toUpperCase().padStart(digits, '0')

function writeLiteral(writer: Writer, text: string, indent: number): void {
  const hint = text.startsWith(' ') || text.startsWith('\n') ? String(indentStep) : ''
  const chomp = !text.endsWith('\n') ? '-' : text === '\n' || text.endsWith('\n\n') ? '+' : ''
  put(writer, `|${hint}${chomp}`)
  const body = text.endsWith('\n') ? text.slice(0, -1) : text
  for (const line of body.split('\n')) {
    writer.text += line === '' ? '\n' : `\n${' '.repeat(indent)}${line}`
  }
  writer.column = indent
}
