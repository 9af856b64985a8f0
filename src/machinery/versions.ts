// The names of API versions and which of two is the better one to use.

/** How stable a version says it is: 2 for `v1`, 1 for `v1beta1`, 0 for `v1alpha1`. */
interface VersionName {
  readonly major: number
  readonly stability: 0 | 1 | 2
  readonly minor: number
}

function parseVersion(name: string): VersionName | undefined {
  const match = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(name)
  if (match === null) return undefined
  const [, major, word, minor = '0'] = match
  return { major: Number(major), stability: word === undefined ? 2 : word === 'beta' ? 1 : 0, minor: Number(minor) }
}

/**
 * Orders versions from the least to the most preferred: stable ones before beta before alpha, then by number. Names of
 * another form come below all of these, in the reverse order of letters.
 *
 *     foo10 < foo1 < v11alpha2 < v12alpha1 < v10beta3 < v11beta2 < v1 < v2 < v10
 */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0
  const [left, right] = [parseVersion(a), parseVersion(b)]
  if (left === undefined || right === undefined) {
    if (left !== undefined) return 1
    return right !== undefined || a > b ? -1 : 1
  }
  return left.stability - right.stability || left.major - right.major || left.minor - right.minor
}
