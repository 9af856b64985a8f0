/** Text: characters, searching, replacing, splitting, joining. Positions count code points. */
import { costs, exactly, ranges, unbounded, type Range } from '../cost.ts'
import { declare, member, plain, type Library } from '../declarations.ts'
import { transformCost, type CallCost } from '../estimates.ts'
import { characters, codePointLength, isBasic } from '../text.ts'
import { intType, listType, stringType } from '../types.ts'
import { costSize, EvaluationError, List, type ListValue, type Int, type Value } from '../values.ts'
import { valueTraversal } from './traversal.ts'

const outOfRange = (index: Int): EvaluationError => new EvaluationError(`index out of range: ${index}`)

function charAt(text: string, index: Int): string {
  const all = characters(text)
  if (index < 0 || index > all.length) throw outOfRange(index)
  return all[Number(index)] ?? ''
}

/** From a position in code points to one in UTF-16 units. */
function unitsBefore(text: string, points: number): number {
  if (isBasic(text)) return points
  let units = 0
  let left = points
  for (const each of text) {
    if (left-- <= 0) break
    units += each.length
  }
  return units
}

const pointsBefore = (text: string, units: number): number => (units < 0 ? -1 : codePointLength(text.slice(0, units)))

function indexOf(text: string, part: string, offset: Int = 0): Int {
  if (offset < 0) throw outOfRange(offset)
  const length = codePointLength(text)
  if (part === '') return offset > length ? length : offset
  if (offset >= length) return -1
  return pointsBefore(text, text.indexOf(part, unitsBefore(text, Number(offset))))
}

function lastIndexOf(text: string, part: string, offset?: Int): Int {
  if (offset !== undefined && offset < 0) throw outOfRange(offset)
  const length = codePointLength(text)
  if (part === '') return offset === undefined || offset > length ? length : offset
  if (offset !== undefined && offset >= length) return -1
  const from = offset === undefined ? text.length : unitsBefore(text, Number(offset))
  return pointsBefore(text, text.lastIndexOf(part, from))
}

const changeCase = (text: string, letters: RegExp, change: (letter: string) => string): string =>
  text.replaceAll(letters, change)

const lowerAscii = (text: string): string => changeCase(text, /[A-Z]+/g, (each) => each.toLowerCase())
const upperAscii = (text: string): string => changeCase(text, /[a-z]+/g, (each) => each.toUpperCase())

function replace(text: string, old: string, by: string, limit: Int = -1): string {
  const pieces = splitText(text, old, limit < 0 ? -1 : Number(limit) + 1)
  // An empty text is found before every character and at the end.
  if (old !== '') return pieces.join(by)
  const most = limit < 0 ? Infinity : Number(limit)
  const all = [...text]
  let result = ''
  for (const [index, each] of all.entries()) result += (index < most ? by : '') + each
  return result + (all.length < most ? by : '')
}

/** As Go's `SplitN`: at most `limit` pieces, the last with all that is left; none for 0, all for less. */
function splitText(text: string, separator: string, limit: number): readonly string[] {
  if (limit === 0) return []
  const all = separator === '' ? [...text] : text.split(separator)
  if (limit < 0 || all.length <= limit) return all
  return [...all.slice(0, limit - 1), all.slice(limit - 1).join(separator)]
}

const split = (text: string, separator: string, limit: Int = -1): Value =>
  new List(splitText(text, separator, Number(limit)))

function substring(text: string, start: Int, end?: Int): string {
  const length = codePointLength(text)
  if (end !== undefined && start > end) {
    throw new EvaluationError(`invalid substring range. start: ${start}, end: ${end}`)
  }
  if (start < 0 || start > length) throw outOfRange(start)
  if (end !== undefined && (end < 0 || end > length)) throw outOfRange(end)
  return text.slice(unitsBefore(text, Number(start)), end === undefined ? undefined : unitsBefore(text, Number(end)))
}

// What Go calls space, which is less than what JavaScript trims.
const space = String.raw`[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`
const leading = new RegExp(`^${space}+`)
const isSpace = new RegExp(space)

function trim(text: string): string {
  let end = text.length
  while (end > 0 && isSpace.test(text[end - 1]!)) end--
  return text.slice(0, end).replace(leading, '')
}

function join(list: ListValue, separator = ''): string {
  const pieces: string[] = []
  for (const each of list) {
    if (typeof each !== 'string') throw new EvaluationError(`join: invalid input: ${String(each)}`)
    pieces.push(each)
  }
  return pieces.join(separator)
}

const quotedCharacters: Readonly<Record<string, string | undefined>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}

/** The text as a literal of it, in double quotes. */
export function quote(text: string): string {
  let quoted = ''
  for (const each of text.toWellFormed()) quoted += quotedCharacters[each] ?? each
  return `"${quoted}"`
}

const twice = costs.traversal * 2

const searchedCost: CallCost = {
  cost: ([text]) => valueTraversal(text!),
  estimate: ([text]) => ({ cost: ranges.scale(text!.size, costs.traversal) }),
}

/** Bounds of the size of a text in which others are replaced. */
function replacedSize(text: Range, old: Range, by: Range): Range {
  const most =
    old.min === 0
      ? (text.max + 1) * by.max + text.max
      : by.max <= old.min
        ? text.max
        : Math.ceil(text.max / old.min) * by.max
  const least =
    old.max === 0
      ? (text.min + 1) * by.min + text.min
      : old.max <= by.min
        ? text.min
        : Math.ceil(text.min / old.max) * by.min
  return { min: Math.min(least, unbounded), max: Math.min(most, unbounded) }
}

const replaceCost: CallCost = {
  cost: ([text]) => Math.ceil(costSize(text!) * twice),
  estimate: ([text, old, by]) => ({
    cost: ranges.scale(text!.size, twice),
    size: replacedSize(text!.size, old!.size, by!.size),
  }),
}

const splitCost: CallCost = {
  cost: ([text]) => Math.ceil(costSize(text!) * twice),
  estimate([text, , limit]) {
    const literal = limit?.expression.kind === 'literal' ? limit.expression.value : undefined
    const max = typeof literal === 'number' && literal >= 0 ? literal : text!.size.max
    return { cost: ranges.scale(text!.size, twice), size: { min: 0, max } }
  },
}

const joinCost: CallCost = {
  cost: (_, result) => Math.ceil(costSize(result) * twice),
  estimate([list, separator]) {
    let size = ranges.multiply(list!.size, list!.elements().size)
    if (separator !== undefined) {
      const gaps = { min: Math.max(list!.size.min - 1, 0), max: Math.max(list!.size.max - 1, 0) }
      size = ranges.add(size, ranges.multiply(separator.size, gaps))
    }
    return { cost: ranges.scale(size, costs.traversal), size }
  },
}

const quoteCost: CallCost = {
  cost: ([text]) => Math.ceil(costSize(text!) * costs.traversal),
  estimate: ([text]) => ({
    cost: ranges.scale(text!.size, costs.traversal),
    size: ranges.add(ranges.scale(text!.size, 2), exactly(2)),
  }),
}

export const stringsLibrary: Library = {
  name: 'strings',
  functions: [
    declare('charAt', member('string_char_at_int', [stringType, intType], stringType, charAt)),
    declare(
      'indexOf',
      member('string_index_of_string', [stringType, stringType], intType, indexOf, searchedCost),
      member('string_index_of_string_int', [stringType, stringType, intType], intType, indexOf, searchedCost),
    ),
    declare(
      'lastIndexOf',
      member('string_last_index_of_string', [stringType, stringType], intType, lastIndexOf, searchedCost),
      member('string_last_index_of_string_int', [stringType, stringType, intType], intType, lastIndexOf, searchedCost),
    ),
    declare('lowerAscii', member('string_lower_ascii', [stringType], stringType, lowerAscii, transformCost)),
    declare('upperAscii', member('string_upper_ascii', [stringType], stringType, upperAscii, transformCost)),
    declare(
      'replace',
      member('string_replace_string_string', [stringType, stringType, stringType], stringType, replace, replaceCost),
      member(
        'string_replace_string_string_int',
        [stringType, stringType, stringType, intType],
        stringType,
        replace,
        replaceCost,
      ),
    ),
    declare(
      'split',
      member('string_split_string', [stringType, stringType], listType(stringType), split, splitCost),
      member('string_split_string_int', [stringType, stringType, intType], listType(stringType), split, splitCost),
    ),
    declare(
      'substring',
      member('string_substring_int', [stringType, intType], stringType, substring, transformCost),
      member('string_substring_int_int', [stringType, intType, intType], stringType, substring, transformCost),
    ),
    declare('trim', member('string_trim', [stringType], stringType, trim, transformCost)),
    declare('strings.quote', plain('strings_quote', [stringType], stringType, quote, quoteCost)),
    declare(
      'join',
      member('list_join', [listType(stringType)], stringType, join, joinCost),
      member('list_join_string', [listType(stringType), stringType], stringType, join, joinCost),
    ),
  ],
}

/** What came to the strings after the version that Kubernetes has. */
export const reverseLibrary: Library = {
  name: 'reverse',
  functions: [
    declare(
      'reverse',
      member('string_reverse', [stringType], stringType, (text: string) => [...text].toReversed().join('')),
    ),
  ],
}
