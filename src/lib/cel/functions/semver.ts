/** Semantic versions. Source: https://semver.org/spec/v2.0.0.html#backusnaur-form-grammar-for-valid-semver-versions */
import { declare, member, plain, type Library, type Overload } from '../declarations.ts'
import { fixedCost, traversalCost } from '../estimates.ts'
import { compareText } from '../text.ts'
import { boolType, intType, opaqueType, stringType } from '../types.ts'
import { EvaluationError, OpaqueValue, smallest } from '../values.ts'

const semverType = opaqueType('kubernetes.Semver')

class SemverValue extends OpaqueValue {
  readonly type = semverType
  readonly numbers: readonly bigint[]
  readonly prerelease: readonly string[]

  constructor(numbers: readonly bigint[], prerelease: readonly string[]) {
    super()
    this.numbers = numbers
    this.prerelease = prerelease
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof SemverValue && this.compare(other) === 0
  }

  compare(other: SemverValue): number {
    for (const [index, number] of this.numbers.entries()) {
      const theirs = other.numbers[index]!
      if (number !== theirs) return number < theirs ? -1 : 1
    }
    // A version comes after all that prepare it.
    if (this.prerelease.length === 0 || other.prerelease.length === 0) {
      return Math.sign(other.prerelease.length - this.prerelease.length)
    }
    for (const [index, part] of this.prerelease.entries()) {
      const theirs = other.prerelease[index]
      if (theirs === undefined) return 1
      const order = comparePart(part, theirs)
      if (order !== 0) return order
    }
    return Math.sign(this.prerelease.length - other.prerelease.length)
  }
}

/** Numbers come before words, and are compared as numbers. */
function comparePart(a: string, b: string): number {
  const [isNumber, isOther] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (isNumber && isOther) return Math.sign(a.length - b.length) || Math.sign(compareText(a, b))
  if (isNumber !== isOther) return isNumber ? -1 : 1
  return Math.sign(compareText(a, b))
}

const number = '(0|[1-9]\\d*)'
const word = '(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)'
const pattern = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-(${word}(?:\\.${word})*))?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`,
)
const longest = 1_000

function read(text: string, normalize = false): SemverValue | { readonly problem: string } {
  const written = normalize ? normalized(text) : text
  if (written === undefined) return { problem: 'short version cannot contain PreRelease/Build meta data' }
  if (written === '') return { problem: 'Version string empty' }
  const match = written.length > longest ? null : pattern.exec(written)
  if (match === null) return { problem: problemOf(written) }
  const numbers = match.slice(1, 4).map(BigInt)
  return new SemverValue(numbers, match[4]?.split('.') ?? [])
}

function problemOf(text: string): string {
  const parts = text.split('.')
  if (parts.length < 3) return 'No Major.Minor.Patch elements found'
  for (const [index, name] of ['major', 'minor'].entries()) {
    const part = parts[index]!
    if (!/^\d+$/.test(part)) return `Invalid character(s) found in ${name} number ${JSON.stringify(part)}`
    if (/^0\d/.test(part)) {
      return `${name === 'major' ? 'Major' : 'Minor'} number must not contain leading zeroes ${JSON.stringify(part)}`
    }
  }
  return `Invalid character(s) found in patch number ${JSON.stringify(parts.slice(2).join('.').slice(0, 100))}`
}

/** Without `v` and leading zeros, and with all three numbers; nothing when something comes after too few numbers. */
function normalized(text: string): string | undefined {
  const [major = '', minor, ...rest] = text.replace(/^v/, '').split('.')
  const parts = [major, ...(minor === undefined ? [] : [minor]), ...(rest.length === 0 ? [] : [rest.join('.')])].map(
    (part) =>
      part.length > 1 ? part.replace(/^0+(?=\d)/, '').replace(/^0*(?=[^\d]|$)/, (zeros) => zeros && '0') : part,
  )
  if (parts.length < 3 && /[+-]/.test(parts.at(-1)!)) return undefined
  while (parts.length < 3) parts.push('0')
  return parts.join('.')
}

function semverOf(text: string, normalize?: boolean): SemverValue {
  const version = read(text, normalize)
  if ('problem' in version) throw new EvaluationError(version.problem)
  return version
}

const isSemver = (text: string, normalize?: boolean): boolean => read(text, normalize) instanceof SemverValue

const constant = fixedCost(1)

const part = (id: string, index: number): Overload =>
  member(id, [semverType], intType, ({ numbers }: SemverValue) => smallest(numbers[index]!), constant)

export const semverLibrary: Library = {
  name: 'semver',
  types: [semverType],
  functions: [
    declare(
      'semver',
      plain('string_to_semver', [stringType], semverType, semverOf, traversalCost(0)),
      plain('string_bool_to_semver', [stringType, boolType], semverType, semverOf, traversalCost(0)),
    ),
    declare(
      'isSemver',
      plain('is_semver_string', [stringType], boolType, isSemver, traversalCost(0)),
      plain('is_semver_string_bool', [stringType, boolType], boolType, isSemver, traversalCost(0)),
    ),
    declare('major', part('semver_major', 0)),
    declare('minor', part('semver_minor', 1)),
    declare('patch', part('semver_patch', 2)),
    declare(
      'isGreaterThan',
      member(
        'semver_is_greater_than',
        [semverType, semverType],
        boolType,
        (a: SemverValue, b: SemverValue) => a.compare(b) > 0,
        constant,
      ),
    ),
    declare(
      'isLessThan',
      member(
        'semver_is_less_than',
        [semverType, semverType],
        boolType,
        (a: SemverValue, b: SemverValue) => a.compare(b) < 0,
        constant,
      ),
    ),
    declare(
      'compareTo',
      member(
        'semver_compare_to',
        [semverType, semverType],
        intType,
        (a: SemverValue, b: SemverValue) => a.compare(b),
        constant,
      ),
    ),
  ],
}
