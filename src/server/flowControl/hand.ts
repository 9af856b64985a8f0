import { createHash } from 'node:crypto'

/**
 * The queues among which a flow chooses: `size` different ones of `count`. Flows share few of theirs, so that whoever asks
 * for much fills the queues of few others (shuffle sharding). The same flow always has the same.
 */
export function dealHand(schema: string, distinguisher: string, count: number, size: number): readonly number[] {
  let left = createHash('sha256').update(`${schema}\0${distinguisher}`).digest().readBigUInt64LE()
  const deck = Array.from({ length: count }, (_, index) => index)
  return Array.from({ length: Math.min(size, count) }, () => {
    const cards = BigInt(deck.length)
    const [card] = deck.splice(Number(left % cards), 1)
    left /= cards
    return card!
  })
}
