import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { timeText } from '#machinery/time.ts'
import { requestsOf, type PodMeasure } from './measures.ts'
import { byAverage, byShare, byUtilization, byValue, defaultTolerance as tolerance } from './replicas.ts'

const now = Date.UTC(2026, 0, 1, 12)
const minute = 60_000

interface PodShape {
  /** `-` is missing in the measures. */
  readonly milli?: number
  readonly request?: number
  readonly phase?: string
  readonly ready?: 'True' | 'False' | 'none'
  /** Milliseconds since its start, and since it became as ready as it is. */
  readonly age?: number
  readonly since?: number
  readonly deleted?: true
}

function podOf(index: number, { request = 1000, phase = 'Running', ready = 'True', deleted, ...times }: PodShape): Pod {
  const { age = 60 * minute, since = age - 20_000 } = times
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `p${index}`,
      namespace: 'default',
      ...(deleted === true ? { deletionTimestamp: timeText(now) } : {}),
    },
    spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: `${request}m` } } }] },
    status: {
      phase: phase as 'Running',
      startTime: timeText(now - age),
      ...(ready === 'none'
        ? {}
        : { conditions: [{ type: 'Ready', status: ready, lastTransitionTime: timeText(now - since) }] }),
    },
  }
}

function measuresOf(shapes: readonly PodShape[]): ReadonlyMap<string, PodMeasure> {
  const entries = shapes.map(({ milli }, index) =>
    milli === undefined ? [] : [[`p${index}`, { milli, at: now, window: minute }] as const],
  )
  return new Map(entries.flat())
}

const shapes = (...milli: readonly number[]): PodShape[] => milli.map((each) => ({ milli: each }))
/** Started half a minute ago, and ready for most of that: its cpu says nothing yet. */
const hot: PodShape = { age: 30_000, since: 10_000 }
const neverReady: PodShape = { ready: 'False', age: 60 * minute, since: 60 * minute - 5_000 }
const becameUnready: PodShape = { ready: 'False', age: 60 * minute, since: 10 * minute }

interface Row {
  readonly name: string
  readonly current: number
  readonly target: number
  readonly pods: readonly PodShape[]
  /** Replicas, percentage, average; or why not. */
  readonly is: readonly [number, number, number] | string
}

const byPercent: readonly Row[] = [
  { name: 'more', current: 3, target: 30, pods: shapes(300, 500, 700), is: [5, 50, 500] },
  {
    name: 'an unready pod counts as idle where there are to be more',
    current: 3,
    target: 30,
    pods: [{ milli: 300, ...neverReady }, ...shapes(500, 700)],
    is: [4, 60, 600],
  },
  {
    name: 'so does one that started just now',
    current: 3,
    target: 30,
    pods: [{ milli: 300, ...hot }, ...shapes(500, 700)],
    is: [4, 60, 600],
  },
  {
    name: 'unready pods may hold back a change',
    current: 3,
    target: 30,
    pods: [{ milli: 400 }, { milli: 500, ...neverReady }, { milli: 700, ...neverReady }],
    is: [3, 40, 400],
  },
  {
    name: 'a pod that was ready once counts though it is not any more',
    current: 2,
    target: 50,
    pods: [{ milli: 1000 }, { milli: 1000, ...becameUnready }],
    is: [4, 100, 1000],
  },
  {
    name: 'a pod without the condition counts as starting',
    current: 2,
    target: 50,
    pods: [{ milli: 1000 }, { milli: 1000, ready: 'none' }],
    is: [2, 100, 1000],
  },
  {
    name: 'failed pods do not count',
    current: 2,
    target: 30,
    pods: [...shapes(500, 700), { ready: 'False', phase: 'Failed' }, { ready: 'False', phase: 'Failed' }],
    is: [4, 60, 600],
  },
  {
    name: 'pods on their way out do not count',
    current: 2,
    target: 30,
    pods: [...shapes(500, 700), { milli: 900, deleted: true }],
    is: [4, 60, 600],
  },
  { name: 'fewer', current: 5, target: 50, pods: shapes(100, 300, 500, 250, 250), is: [3, 28, 280] },
  {
    name: 'unready pods do not hold back where there are to be fewer',
    current: 5,
    target: 50,
    pods: [...shapes(100, 300, 500), { milli: 250, ...neverReady }, { milli: 250, ...neverReady }],
    is: [2, 30, 300],
  },
  {
    name: 'pending pods do not count where there are to be fewer',
    current: 5,
    target: 50,
    pods: [{ milli: 100 }, ...Array.from({ length: 4 }, (): PodShape => ({ phase: 'Pending', ready: 'False' }))],
    is: [1, 10, 100],
  },
  {
    name: 'within the tolerance nothing changes',
    current: 3,
    target: 100,
    pods: [
      { milli: 1010, request: 900 },
      { milli: 1030, request: 1000 },
      { milli: 1020, request: 1100 },
    ],
    is: [3, 102, 1020],
  },
  {
    name: 'exactly at the tolerance nothing changes',
    current: 2,
    target: 100,
    pods: shapes(1100, 1100),
    is: [2, 110, 1100],
  },
  { name: 'one percent further it does', current: 2, target: 100, pods: shapes(1110, 1110), is: [3, 111, 1110] },
  { name: 'percentages are cut', current: 2, target: 50, pods: shapes(1, 18), is: [0, 0, 9] },
  {
    name: 'pods that are not measured count in full where there are to be fewer',
    current: 4,
    target: 100,
    pods: [...shapes(400, 95), {}, {}],
    is: [3, 24, 247],
  },
  {
    name: 'where more is wanted than is requested, as much as is wanted',
    current: 4,
    target: 300,
    pods: [...shapes(1500, 1500), {}, {}],
    is: [3, 150, 1500],
  },
  {
    name: 'nothing changes for one that is not measured',
    current: 2,
    target: 100,
    pods: [{ milli: 1000 }, {}],
    is: [2, 100, 1000],
  },
  {
    name: 'nor if it might turn more into fewer',
    current: 2,
    target: 100,
    pods: [{ milli: 1900 }, {}],
    is: [2, 190, 1900],
  },
  {
    name: 'nor if it might turn fewer into more',
    current: 2,
    target: 100,
    pods: [{ milli: 600 }, {}],
    is: [2, 60, 600],
  },
  {
    name: 'unready and missing together: as it is',
    current: 3,
    target: 50,
    pods: [{ milli: 100, ...neverReady }, { milli: 450 }, {}],
    is: [3, 45, 450],
  },
  {
    name: 'unready and missing together: more',
    current: 3,
    target: 50,
    pods: [{ milli: 100, ...neverReady }, { milli: 2000 }, {}],
    is: [4, 200, 2000],
  },
  {
    name: 'unready and missing together: fewer',
    current: 4,
    target: 50,
    pods: [{ milli: 100, ...neverReady }, ...shapes(100, 100), {}],
    is: [3, 10, 100],
  },
  {
    name: 'no pods',
    current: 1,
    target: 50,
    pods: [],
    is: 'no pods returned by selector while calculating replica count',
  },
  {
    name: 'no pod that counts',
    current: 1,
    target: 50,
    pods: [{ milli: 100, ...hot }],
    is: 'did not receive metrics for targeted pods (pods might be unready)',
  },
  {
    name: 'nothing requested',
    current: 1,
    target: 50,
    pods: [{ milli: 100, request: 0 }],
    is: 'no metrics returned matched known pods',
  },
]

describe('by what is requested', () => {
  for (const { name, current, target, pods: wanted, is } of byPercent) {
    test(name, () => {
      const pods = wanted.map((shape, index) => podOf(index, shape))
      const found = byUtilization({
        pods,
        measures: measuresOf(wanted),
        resource: 'cpu',
        current,
        target,
        tolerance,
        now,
        requests: () => requestsOf(pods, 'cpu', undefined),
      })
      assert.deepEqual('problem' in found ? found.problem : [found.replicas, found.utilization, found.milli], is)
    })
  }
})

const averages: readonly (Omit<Row, 'is'> & { readonly resource?: string; readonly is: readonly [number, number] })[] =
  [
    { name: 'more', current: 3, target: 15_000, pods: shapes(20_000, 10_000, 30_000), is: [4, 20_000] },
    {
      name: 'what is no resource counts at once',
      current: 3,
      target: 15_000,
      pods: [{ milli: 50_000, ...hot }, { milli: 10_000, ...neverReady }, { milli: 30_000 }],
      is: [6, 30_000],
    },
    { name: 'averages are cut', current: 3, target: 15_000, pods: shapes(50_000, 15_000, 30_000), is: [7, 31_666] },
    {
      name: 'fewer',
      current: 5,
      target: 20_000,
      pods: shapes(12_000, 12_000, 12_000, 12_000, 12_000),
      is: [3, 12_000],
    },
    {
      name: 'missing pods count with the target where there are to be fewer',
      current: 2,
      target: 100,
      pods: [{ milli: 50 }, {}],
      is: [2, 50],
    },
    {
      name: 'cpu of a pod that started just now does not count',
      resource: 'cpu',
      current: 3,
      target: 300,
      pods: [{ milli: 300, ...hot }, ...shapes(500, 700)],
      is: [4, 600],
    },
  ]

describe('by an average', () => {
  for (const { name, current, target, pods: wanted, resource = '', is } of averages) {
    test(name, () => {
      const pods = wanted.map((shape, index) => podOf(index, shape))
      const found = byAverage({ pods, measures: measuresOf(wanted), resource, current, target, tolerance, now })
      assert.deepEqual('problem' in found ? found.problem : [found.replicas, found.milli], is)
    })
  }
})

describe('by one amount', () => {
  for (const [name, milli, target, current, wanted, is] of [
    ['more', 20_000, 15_000, 3, shapes(0, 0, 0), 4],
    ['of those that are ready', 50_000, 20_000, 3, [{ ready: 'False' as const }, {}, {}], 5],
    ['fewer', 12_000, 20_000, 5, shapes(0, 0, 0, 0, 0), 3],
    ['within the tolerance', 14_000, 14_666, 3, shapes(0, 0, 0), 3],
    ['from none', 25_000, 10_000, 0, [], 3],
    ['no pods', 25_000, 10_000, 1, [], undefined],
    ['no more than can be written', 1e15, 1, 3, shapes(0, 0, 0), 2 ** 31 - 1],
  ] as const) {
    test(name, () => {
      const pods = wanted.map((shape, index) => podOf(index, shape))
      const found = byValue({ milli, target, current, pods, tolerance })
      const problem = 'unable to calculate ready pods: no pods returned by selector while calculating replica count'
      assert.deepEqual(found, is === undefined ? { problem } : { replicas: is, milli })
    })
  }
})

describe('by a share of one amount', () => {
  for (const [name, milli, target, present, is] of [
    ['more', 20_000, 5_000, 3, [4, 6_667]],
    ['fewer', 8_600, 2_150, 5, [4, 1_720]],
    ['within the tolerance', 14_400, 5_000, 3, [3, 4_800]],
    ['from none', 7, 2, 0, [4, 0]],
  ] as const) {
    test(name, () => {
      const { replicas, milli: share } = byShare({ milli, target, present, tolerance })
      assert.deepEqual([replicas, share], is)
    })
  }
})

describe('what pods request', () => {
  const pod = (spec: object): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'a', image: 'i' }], ...spec },
  })
  const asks = (cpu: string) => ({ resources: { requests: { cpu } } })
  const rows: readonly [string, Pod, string, string | undefined, number | string][] = [
    [
      'all containers and sidecars',
      pod({
        containers: [
          { name: 'a', image: 'i', ...asks('100m') },
          { name: 'b', image: 'i', ...asks('1') },
        ],
        initContainers: [
          { name: 'i', image: 'i', ...asks('5') },
          { name: 's', image: 'i', restartPolicy: 'Always', ...asks('10m') },
        ],
      }),
      'cpu',
      undefined,
      1110,
    ],
    [
      'one container',
      pod({
        containers: [
          { name: 'a', image: 'i' },
          { name: 'b', image: 'i', ...asks('2') },
        ],
      }),
      'cpu',
      'b',
      2000,
    ],
    ['the whole pod', pod({ resources: { requests: { cpu: '3' } } }), 'cpu', undefined, 3000],
    ['memory of the whole pod', pod({ resources: { requests: { memory: '1Ki' } } }), 'memory', undefined, 1_024_000],
    ['nothing', pod({}), 'cpu', undefined, 'missing request for cpu in container a of Pod p'],
    ['no such container', pod({}), 'cpu', 'z', 'container z not found in Pod p'],
    [
      'a resource that pods have not as a whole',
      pod({ resources: { requests: { cpu: '3' } } }),
      'ephemeral-storage',
      undefined,
      'missing pod-level request for ephemeral-storage in Pod p',
    ],
  ]
  for (const [name, one, resource, container, is] of rows) {
    test(name, () => {
      const found = requestsOf([one], resource, container)
      assert.deepEqual(found, typeof is === 'string' ? { problem: is } : new Map([['p', is]]))
    })
  }
})
