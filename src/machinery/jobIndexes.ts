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
