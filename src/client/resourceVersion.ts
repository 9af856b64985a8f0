/**
 * Orders two resource versions of one kind: negative when `a` is older. Both are decimal numbers of any length;
 * an empty one is older than all (KEP-5504 makes them comparable for clients).
 */
export function compareResourceVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
