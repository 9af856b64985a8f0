// Versions by Semantic Versioning 2.0.0: `1.2.3-rc.1+build`.

export interface SemanticVersion {
  readonly numbers: readonly [major: number, minor: number, patch: number]
  /** Parts of a version that comes before the one of the numbers. */
  readonly before: readonly string[]
}

export const zeroVersion: SemanticVersion = { numbers: [0, 0, 0], before: [] }

const number = '(0|[1-9][0-9]*)'
const identifier = '(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)'
const build = '[0-9A-Za-z-]+'
const versionRule = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-(${identifier}(?:\\.${identifier})*))?(?:\\+${build}(?:\\.${build})*)?$`,
)

/** Reads a version; undefined where the text is none. */
export function readVersion(text: string): SemanticVersion | undefined {
  const match = versionRule.exec(text)
  if (match === null) return undefined
  const [, major, minor, patch, before] = match
  return { numbers: [Number(major), Number(minor), Number(patch)], before: before?.split('.') ?? [] }
}

/** Below 0 where the first comes before the second, above 0 where behind; what is built of it says nothing. */
export function compareVersions(a: SemanticVersion, b: SemanticVersion): number {
  for (const [index, part] of a.numbers.entries()) {
    const other = b.numbers[index]!
    if (part !== other) return part - other
  }
  if (a.before.length === 0 || b.before.length === 0) return b.before.length - a.before.length
  for (const [index, part] of a.before.entries()) {
    const other = b.before[index]
    if (other === undefined) return 1
    if (part !== other) return compareIdentifiers(part, other)
  }
  return a.before.length - b.before.length
}

const isNumber = (text: string): boolean => /^[0-9]+$/.test(text)

/** Numbers come before words. */
function compareIdentifiers(a: string, b: string): number {
  if (isNumber(a) && isNumber(b)) return Number(a) - Number(b)
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1
  return a < b ? -1 : 1
}
