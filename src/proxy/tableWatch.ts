/** Sees in what `nft monitor` tells whether somebody else has changed a table of ours. */
import { tableName } from './nftText.ts'

/** Whether this process has made a generation of the table of a family. */
export type IsOwnGeneration = (family: 'ip' | 'ip6', generation: number) => boolean

/**
 * Reads line by line; returns the family of a table that others have changed, once for each of their transactions.
 *
 *     add element ip k8ts-services generation { 0x00000007 }
 *     add element ip k8ts-services vips { 10.96.0.7 . tcp . 80 : goto c_vip_others_3 }
 *     # new generation 1234 by process 4711 (nft)
 *
 * A transaction that changes a table and does not bring it to a generation of ours is somebody else's.
 */
export function tableWatch(isOwn: IsOwnGeneration): (line: string) => readonly ('ip' | 'ip6')[] {
  const touched = new Set<'ip' | 'ip6'>()
  const own = new Set<'ip' | 'ip6'>()
  return (line) => {
    if (line.startsWith('# new generation')) {
      const others = [...touched].filter((family) => !own.has(family))
      touched.clear()
      own.clear()
      return others
    }
    const [, family, rest] = pattern.exec(line) ?? []
    if (family !== 'ip' && family !== 'ip6') return []
    touched.add(family)
    const generation = line.startsWith('add ') ? generationPattern.exec(rest!)?.[1] : undefined
    if (generation !== undefined && isOwn(family, Number(generation))) own.add(family)
    return []
  }
}

const pattern = new RegExp(
  `^(?:add|delete|insert|replace|destroy) (?:table|chain|rule|set|map|element|flowtable) (ip6?) ${tableName}(?= |$)(.*)`,
)
const generationPattern = /^ generation \{ (0x[0-9a-f]{1,8}|\d{1,10}) \}/
