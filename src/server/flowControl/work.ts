import type { Kinds } from '../kind.ts'
import { parseFlag, type Query } from '../options.ts'
import type { RequestInfo } from '../requestInfo.ts'

/** As many objects of a list count as one request. Source: apiserver v0.34, pkg/util/flowcontrol/request. */
const objectsOfSeat = 100

/** How many seats a request takes at most: as many as objects are looked at, for lists and for watches that begin with one. */
export function estimateWork(
  { verb, name, group, version, resource }: RequestInfo,
  query: Query,
  kinds: Kinds,
): number {
  if (verb !== 'list' && (verb !== 'watch' || parseFlag(query, 'sendInitialEvents') !== true)) return 1
  if (name !== '' || /^metadata\.name=[^,]+$/.test(query.get('fieldSelector') ?? '')) return 1
  const count = kinds.find(group, version, resource)?.cache.entries.size ?? 0
  const limit = Number(query.get('limit') ?? 0)
  return Math.ceil((verb === 'list' && limit > 0 ? Math.min(limit, count) : count) / objectsOfSeat)
}
