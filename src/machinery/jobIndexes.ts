// Sets of indexes of a job, as its status and its policies write them: `1,3-5,7`.

/** An index, or several next to each other. */
export interface IndexRange {
  readonly first: number
  readonly last: number
}

/** Reads a set of indexes below `completions` that rise; `problem` is upstream's text. */
export function parseIndexes(text: string, completions: number): readonly IndexRange[] | { readonly problem: string } {
  const ranges: IndexRange[] = []
  for (const part of text === '' ? [] : text.split(',')) {
    const range = parseRange(part, completions)
    if ('problem' in range) return range
    const before = ranges.at(-1)
    if (before !== undefined && before.last >= range.first) return notRising(before.last, range.first)
    ranges.push(range)
  }
  return ranges
}

/** How many indexes there are in a set. */
export function countIndexes(ranges: readonly IndexRange[]): number {
  return ranges.reduce((count, { first, last }) => count + last - first + 1, 0)
}

/**
 * Reads a set as a job's status has it: parts that cannot be read are left out, and so is what lies beyond `completions`,
 * which indexed jobs may lower.
 */
export function readIndexes(text: string | undefined, completions: number): readonly IndexRange[] {
  if (text === undefined || text === '') return []
  const ranges = text.split(',').flatMap((part): IndexRange[] => {
    const [first, last = first] = part.split('-').map((limit) => (/^\d{1,9}$/.test(limit) ? Number(limit) : NaN))
    if (first === undefined || Number.isNaN(first + last!) || first >= completions || last! < first) return []
    return [{ first, last: Math.min(last!, completions - 1) }]
  })
  return mergeIndexes(ranges, [])
}

/** The set of these indexes, which rise; some may come more than once. */
export function indexesOf(indexes: readonly number[]): readonly IndexRange[] {
  return mergeIndexes(
    indexes.map((index) => ({ first: index, last: index })),
    [],
  )
}

/**
 * Both sets in one. Ranges are in the order of their beginnings on both sides.
 *
 *     1,3-5  +  2,9  =  1-5,9
 */
export function mergeIndexes(one: readonly IndexRange[], other: readonly IndexRange[]): readonly IndexRange[] {
  const merged: { first: number; last: number }[] = []
  for (let at = 0, there = 0; at < one.length || there < other.length;) {
    const isNext = there >= other.length || (at < one.length && one[at]!.first < other[there]!.first)
    const { first, last } = isNext ? one[at++]! : other[there++]!
    const before = merged.at(-1)
    if (before === undefined || first > before.last + 1) merged.push({ first, last })
    else if (last > before.last) before.last = last
  }
  return merged
}

/** Whether an index is in a set. */
export function hasIndex(ranges: readonly IndexRange[], index: number): boolean {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ranges[middle]!.last >= index) high = middle
    else low = middle + 1
  }
  const range = ranges[low]
  return range !== undefined && range.first <= index
}

/** The lowest `count` indexes below `completions` that are not in a set. */
export function missingIndexes(ranges: readonly IndexRange[], completions: number, count: number): readonly number[] {
  const missing: number[] = []
  let candidate = 0
  for (const { first, last } of [...ranges, { first: completions, last: completions }]) {
    for (; candidate < Math.min(first, completions) && missing.length < count; candidate++) missing.push(candidate)
    candidate = Math.max(candidate, last + 1)
  }
  return missing
}

/** How many indexes two sets share. */
export function countSharedIndexes(one: readonly IndexRange[], other: readonly IndexRange[]): number {
  let count = 0
  for (let at = 0, there = 0; at < one.length && there < other.length;) {
    const [a, b] = [one[at]!, other[there]!]
    count += Math.max(0, Math.min(a.last, b.last) - Math.max(a.first, b.first) + 1)
    if (a.last < b.last) at++
    else there++
  }
  return count
}

/** Writes a set: `1,3-5,7`. Two indexes next to each other are no range. */
export function formatIndexes(ranges: readonly IndexRange[]): string {
  return ranges
    .map(({ first, last }) => (last === first ? `${first}` : `${first}${last === first + 1 ? ',' : '-'}${last}`))
    .join(',')
}

/** The first index that two sets share; what cannot be read of them is left out. */
export function firstSharedIndex(one: string, other: string, completions: number): number | undefined {
  const [these, those] = [one, other].map((text) =>
    text.split(',').flatMap((part) => {
      const range = parseRange(part, completions)
      return 'problem' in range ? [] : [range]
    }),
  ) as [IndexRange[], IndexRange[]]
  for (let at = 0, there = 0; at < these.length && there < those.length;) {
    const [a, b] = [these[at]!, those[there]!]
    if (a.first <= b.last && b.first <= a.last) return Math.max(a.first, b.first)
    if (a.first <= b.first) at++
    else there++
  }
  return undefined
}

function parseRange(part: string, completions: number): IndexRange | { readonly problem: string } {
  const limits = part.split('-')
  if (limits.length > 2) {
    const rule = "violates the requirement that an index interval can have at most two parts separated by '-'"
    return { problem: `the fragment ${JSON.stringify(part)} ${rule}` }
  }
  const numbers: number[] = []
  for (const limit of limits) {
    if (!/^\+?[0-9]{1,18}$/.test(limit)) {
      return { problem: `cannot convert string to integer for index: ${JSON.stringify(limit)}` }
    }
    if (Number(limit) >= completions) return { problem: `too large index: ${JSON.stringify(limit)}` }
    numbers.push(Number(limit))
  }
  const [first = 0, last = first] = numbers
  return limits.length === 2 && first >= last ? notRising(first, last) : { first, last }
}

const notRising = (previous: number, current: number): { readonly problem: string } => ({
  problem: `non-increasing order, previous: ${previous}, current: ${current}`,
})
