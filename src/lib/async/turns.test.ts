import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock, type Clock } from '#lib/clock.ts'
import { Turns } from './turns.ts'
import { yieldToEventLoop } from './yield.ts'

/** A clock that is moved by hand, while work runs. */
class HandClock {
  milliseconds = 0
  readonly clock: Pick<Clock, 'now'> = { now: () => this.milliseconds }
}

/** Pieces of work of so many milliseconds each; resolves with the pieces done in each turn of the event loop. */
async function turnsOf(pieces: readonly number[]): Promise<readonly (readonly number[])[]> {
  const hand = new HandClock()
  const turns = new Turns(hand.clock as Clock, 10)
  const done: number[][] = [[]]
  const run = async (piece: number, at: number): Promise<void> => {
    const wait = turns.pass()
    if (wait !== undefined) await wait
    hand.milliseconds += piece
    done.at(-1)!.push(at)
  }
  let isOver = false
  // Begun first, so that every turn is counted before work goes on in it.
  const counting = (async () => {
    while (!isOver) {
      await yieldToEventLoop()
      done.push([])
    }
  })()
  await Promise.all(pieces.map(run))
  isOver = true
  await counting
  return done.filter((each) => each.length > 0)
}

const rows: readonly { name: string; pieces: readonly number[]; turns: readonly (readonly number[])[] }[] = [
  { name: 'short work is done in one turn', pieces: [1, 2, 3], turns: [[0, 1, 2]] },
  {
    name: 'what does not fit waits for the next turns, in order',
    pieces: [4, 4, 4, 4, 4, 4, 4],
    turns: [[0, 1, 2], [3, 4, 5], [6]],
  },
  { name: 'a long piece has a turn for itself', pieces: [50, 1, 50, 1], turns: [[0], [1, 2], [3]] },
]

for (const { name, pieces, turns } of rows) {
  test(`turns: ${name}`, async () => assert.deepEqual(await turnsOf(pieces), turns))
}

test('turns: the time between two turns of the event loop does not count', async () => {
  const hand = new HandClock()
  const turns = new Turns(hand.clock as Clock, 10)
  assert.equal(turns.pass(), undefined)
  await yieldToEventLoop()
  hand.milliseconds += 1_000
  assert.equal(turns.pass(), undefined)
})

test('turns: whoever asks while others wait stands behind them', async () => {
  const hand = new HandClock()
  const turns = new Turns(hand.clock as Clock, 10)
  const order: string[] = []
  void turns.pass()
  hand.milliseconds += 10
  const first = turns.pass()!.then(() => {
    order.push('first')
    return turns.pass()?.then(() => order.push('again'))
  })
  const second = turns.pass()!.then(() => order.push('second'))
  await Promise.all([first, second])
  assert.deepEqual(order, ['first', 'second', 'again'])
})

test('turns: on a clock that stands still nothing waits', () => {
  const turns = new Turns(new SimulatedClock())
  for (let piece = 0; piece < 10_000; piece++) assert.equal(turns.pass(), undefined)
})
