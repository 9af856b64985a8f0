/** Formats of texts by name: `!format.dns1123Label().validate(self.name).hasValue()`. */
import { costs, exactly, ranges } from '#lib/cel/cost.ts'
import { declare, member, plain, type Library } from '#lib/cel/declarations.ts'
import { fixedCost } from '#lib/cel/estimates.ts'
import { parseTimestamp } from '#lib/cel/time.ts'
import { listType, opaqueType, optionalType, stringType } from '#lib/cel/types.ts'
import { costSize, List, OpaqueValue, Optional } from '#lib/cel/values.ts'
import { fromBase64 } from '#lib/encoding/base64.ts'
import { labelValueProblems, nameProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'

const formatType = opaqueType('kubernetes.NamedFormat')

class NamedFormat extends OpaqueValue {
  readonly type = formatType
  readonly name: string
  /** About how long a regular expression of it would be. */
  readonly patternSize: number
  readonly problems: (text: string) => readonly string[]

  constructor(name: string, patternSize: number, problems: (text: string) => readonly string[]) {
    super()
    this.name = name
    this.patternSize = patternSize
    this.problems = problems
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof NamedFormat && this.name === other.name
  }
}

/** What an estimate takes the pattern of an unknown format to be. */
const longestPattern = 128

const word = (test: (text: string) => boolean, problem: string) => (text: string) => (test(text) ? [] : [problem])

function isBase64(text: string): boolean {
  try {
    fromBase64(text)
    return text !== ''
  } catch {
    return false
  }
}

function uriProblems(text: string): readonly string[] {
  if (text === '') return [`parse "": empty url`]
  const isAbsolute = text.startsWith('/') || (URL.canParse(text) && /^[A-Za-z][A-Za-z0-9+.-]*:/.test(text))
  return isAbsolute ? [] : [`parse ${JSON.stringify(text)}: invalid URI for request`]
}

const formats: ReadonlyMap<string, NamedFormat> = new Map(
  [
    new NamedFormat('dns1123Label', 30, (text) => nameProblems('dns-label', text)),
    new NamedFormat('dns1123Subdomain', 60, (text) => nameProblems('dns-subdomain', text)),
    new NamedFormat('dns1035Label', 30, (text) => nameProblems('dns-1035-label', text)),
    new NamedFormat('qualifiedName', 60, qualifiedNameProblems),
    new NamedFormat('dns1123LabelPrefix', 30, (text) => nameProblems('dns-label', text, true)),
    new NamedFormat('dns1123SubdomainPrefix', 60, (text) => nameProblems('dns-subdomain', text, true)),
    new NamedFormat('dns1035LabelPrefix', 30, (text) => nameProblems('dns-1035-label', text, true)),
    new NamedFormat('labelValue', 40, labelValueProblems),
    new NamedFormat('uri', 1_150, uriProblems),
    new NamedFormat(
      'uuid',
      95,
      word(
        (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
        'does not match the UUID format',
      ),
    ),
    new NamedFormat('byte', 84, word(isBase64, 'invalid base64')),
    new NamedFormat(
      'date',
      86,
      word((text) => parseTimestamp(`${text}T00:00:00Z`) !== undefined, 'invalid date'),
    ),
    new NamedFormat(
      'datetime',
      86,
      word((text) => parseTimestamp(text) !== undefined, 'invalid datetime'),
    ),
  ].map((format) => [format.name, format]),
)

function validate(format: NamedFormat, text: string): Optional {
  const problems = format.problems(text)
  return problems.length === 0 ? Optional.none : new Optional(new List(problems))
}

export const namedFormatsLibrary: Library = {
  name: 'namedFormats',
  types: [formatType],
  functions: [
    ...Array.from(formats.values(), (format) =>
      declare(
        `format.${format.name}`,
        plain(`format.${format.name}`, [], formatType, () => format),
      ),
    ),
    declare(
      'format.named',
      plain(
        'format-named',
        [stringType],
        optionalType(formatType),
        (name: string) => {
          const format = formats.get(name)
          return format === undefined ? Optional.none : new Optional(format)
        },
        fixedCost(1),
      ),
    ),
    declare(
      'validate',
      member('format-validate', [formatType, stringType], optionalType(listType(stringType)), validate, {
        cost: ([format, text]) =>
          Math.ceil(costSize(text!) * costs.traversal) * Math.ceil((format as NamedFormat).patternSize * costs.regex),
        estimate: ([, text]) => ({
          cost: ranges.multiply(ranges.scale(text!.size, costs.traversal), exactly(longestPattern * costs.regex)),
        }),
      }),
    ),
  ],
}
