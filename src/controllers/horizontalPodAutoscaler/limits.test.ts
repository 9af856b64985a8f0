import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HPAScalingRules } from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import { limit, newHistory, withChange, withWish, type Bounds, type History } from './limits.ts'

const now = Date.UTC(2026, 0, 1, 12)
const ago = (seconds: number): number => now - seconds * 1000
const none: History = { wishes: [], rises: [], falls: [] }
/** Wishes, each so many seconds ago. */
const wished = (...wishes: readonly (readonly [replicas: number, secondsAgo: number])[]): History => ({
  ...none,
  wishes: wishes.map(([replicas, seconds]) => ({ replicas, at: ago(seconds) })),
})
const up: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
}
const down: HPAScalingRules = { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] }
const pods = (value: number, periodSeconds = 60) => ({ type: 'Pods' as const, value, periodSeconds })
const percent = (value: number, periodSeconds = 60) => ({ type: 'Percent' as const, value, periodSeconds })

interface Row extends Partial<Bounds> {
  readonly name: string
  /** Replicas, the reason of `AbleToScale`, that of `ScalingLimited` with `!` where it holds. */
  readonly is: readonly [number, string, string]
}

const ready = 'ReadyForNewScale'
const within = 'DesiredWithinRange'

const rows: readonly Row[] = [
  { name: 'as it is', current: 3, wished: 3, is: [3, ready, within] },
  { name: 'more', current: 3, wished: 5, is: [5, ready, within] },
  { name: 'to the double at most', current: 3, wished: 9, is: [6, ready, '!ScaleUpLimit'] },
  { name: 'to four in any case', current: 1, wished: 9, is: [4, ready, '!ScaleUpLimit'] },
  { name: 'no more than the most', current: 8, wished: 12, is: [10, ready, '!TooManyReplicas'] },
  { name: 'no fewer than the least', current: 3, wished: 0, is: [1, ready, '!TooFewReplicas'] },
  {
    name: 'fewer, once nothing asked for more for five minutes',
    current: 8,
    wished: 2,
    history: wished([8, 301]),
    is: [2, ready, within],
  },
  {
    name: 'not before',
    current: 8,
    wished: 2,
    history: wished([8, 300], [5, 10]),
    is: [8, 'ScaleDownStabilized', within],
  },
  {
    name: 'the highest of all wishes since then',
    current: 8,
    wished: 2,
    history: wished([9, 400], [5, 200]),
    is: [5, 'ScaleDownStabilized', within],
  },
  {
    name: 'a behaviour of its own: to the double or by four',
    current: 3,
    wished: 20,
    most: 100,
    behavior: { scaleUp: up, scaleDown: down },
    is: [7, ready, '!ScaleUpLimit'],
  },
  {
    name: 'what was added within the period counts',
    current: 7,
    wished: 20,
    most: 100,
    behavior: { scaleUp: { ...up, policies: [pods(4)] }, scaleDown: down },
    history: { ...none, rises: [{ by: 3, at: ago(30) }] },
    is: [8, ready, '!ScaleUpLimit'],
  },
  {
    name: 'what was added before does not',
    current: 7,
    wished: 20,
    most: 100,
    behavior: { scaleUp: { ...up, policies: [pods(4)] }, scaleDown: down },
    history: { ...none, rises: [{ by: 3, at: ago(60) }] },
    is: [11, ready, '!ScaleUpLimit'],
  },
  {
    name: 'more than allowed was added already: it stays',
    current: 9,
    wished: 20,
    most: 100,
    behavior: { scaleUp: { ...up, policies: [pods(4)] }, scaleDown: down },
    history: { ...none, rises: [{ by: 7, at: ago(30) }] },
    is: [9, ready, '!ScaleUpLimit'],
  },
  {
    name: 'what was taken away in between gives room',
    current: 5,
    wished: 20,
    most: 100,
    behavior: { scaleUp: { ...up, policies: [pods(4)] }, scaleDown: down },
    history: { ...none, falls: [{ by: 2, at: ago(30) }] },
    is: [11, ready, '!ScaleUpLimit'],
  },
  {
    name: 'the policy that allows least',
    current: 10,
    wished: 90,
    most: 100,
    behavior: { scaleUp: { ...up, selectPolicy: 'Min', policies: [pods(4), percent(10)] }, scaleDown: down },
    is: [11, ready, '!ScaleUpLimit'],
  },
  {
    name: 'percentages are rounded so that something happens',
    current: 3,
    wished: 9,
    behavior: { scaleUp: { ...up, policies: [percent(10)] }, scaleDown: down },
    is: [4, ready, '!ScaleUpLimit'],
  },
  {
    name: 'no change upwards',
    current: 3,
    wished: 9,
    behavior: { scaleUp: { ...up, selectPolicy: 'Disabled' }, scaleDown: down },
    is: [3, ready, '!ScaleUpLimit'],
  },
  {
    name: 'no change downwards',
    current: 9,
    wished: 3,
    behavior: { scaleUp: up, scaleDown: { ...down, selectPolicy: 'Disabled' } },
    is: [9, ready, '!ScaleDownLimit'],
  },
  {
    name: 'the most careful wish upwards',
    current: 3,
    wished: 9,
    behavior: { scaleUp: { ...up, stabilizationWindowSeconds: 60 }, scaleDown: down },
    history: wished([8, 90], [5, 59], [7, 10]),
    is: [5, 'ScaleUpStabilized', within],
  },
  {
    name: 'upwards not at all while one asked for less',
    current: 3,
    wished: 9,
    behavior: { scaleUp: { ...up, stabilizationWindowSeconds: 60 }, scaleDown: down },
    history: wished([2, 59]),
    is: [3, 'ScaleUpStabilized', within],
  },
  {
    name: 'five minutes downwards where the behaviour leaves it open',
    current: 8,
    wished: 2,
    behavior: { scaleUp: up, scaleDown: down },
    history: wished([7, 299]),
    is: [7, 'ScaleDownStabilized', within],
  },
  {
    name: 'at once downwards',
    current: 8,
    wished: 2,
    behavior: { scaleUp: up, scaleDown: { ...down, stabilizationWindowSeconds: 0 } },
    history: wished([8, 1]),
    is: [2, ready, within],
  },
  {
    name: 'by so many in a period downwards',
    current: 8,
    wished: 2,
    behavior: { scaleUp: up, scaleDown: { ...down, stabilizationWindowSeconds: 0, policies: [pods(3), percent(10)] } },
    history: { ...none, falls: [{ by: 1, at: ago(20) }] },
    is: [6, ready, '!ScaleDownLimit'],
  },
  {
    name: 'the policy that allows least downwards',
    current: 50,
    wished: 2,
    most: 100,
    behavior: {
      scaleUp: up,
      scaleDown: { ...down, stabilizationWindowSeconds: 0, selectPolicy: 'Min', policies: [pods(3), percent(10)] },
    },
    is: [47, ready, '!ScaleDownLimit'],
  },
  {
    name: 'no fewer than the least, whatever policies allow',
    current: 5,
    wished: 0,
    least: 2,
    behavior: { scaleUp: up, scaleDown: { ...down, stabilizationWindowSeconds: 0 } },
    is: [2, ready, '!TooFewReplicas'],
  },
  {
    name: 'no more than the most, whatever policies allow',
    current: 8,
    wished: 30,
    behavior: { scaleUp: up, scaleDown: down },
    is: [10, ready, '!TooManyReplicas'],
  },
]

describe('limits', () => {
  for (const { name, is, current = 3, ...row } of rows) {
    test(name, () => {
      const bounds: Bounds = { current, wished: 3, least: 1, most: 10, behavior: undefined, history: none, now, ...row }
      const { replicas, wish, bound } = limit(bounds)
      assert.deepEqual([replicas, wish.reason, `${bound.holds ? '!' : ''}${bound.reason}`], is)
    })
  }
})

test('a history begins with what there is, and forgets what no window reaches', () => {
  let history = newHistory(3, ago(4_000))
  assert.deepEqual(history.wishes, [{ replicas: 3, at: ago(4_000) }])
  history = withWish(history, 5, ago(3_600))
  history = withWish(history, 7, now)
  assert.deepEqual(
    history.wishes.map(({ replicas }) => replicas),
    [5, 7],
  )
  history = withChange(history, 3, 5, ago(1_801))
  history = withChange(history, 5, 9, now)
  history = withChange(history, 9, 8, now)
  assert.deepEqual([history.rises, history.falls], [[{ by: 4, at: now }], [{ by: 1, at: now }]])
})
