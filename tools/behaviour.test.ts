import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { compareFacts, factsOf, type Exceptions, type SeenObject, type Snapshot } from './behaviourRecord.ts'

const pod = (name: string, namespace: string, node: string): Snapshot => ({
  afterSeconds: 25,
  tables: {
    Pod: [
      ['Name', 'Restarts', 'Age', 'IP', 'Node'],
      [name, '2 (21s ago)', '26s', '10.244.4.42', node],
    ],
  },
  objects: [
    {
      kind: 'Pod',
      metadata: { name, labels: { 'pod-template-hash': name.split('-')[1] }, uid: namespace },
      status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: namespace }], podIP: '10.244.1.2' },
    },
    {
      kind: 'ReplicaSet',
      metadata: {
        name: name.slice(0, name.lastIndexOf('-')),
        annotations: { 'deployment.kubernetes.io/revision': '1' },
      },
    },
  ],
  events: [
    {
      object: `Pod/${name}`,
      type: 'Normal',
      reason: 'Scheduled',
      message: `Successfully assigned ${namespace}/${name} to ${node}`,
      component: 'default-scheduler',
    },
  ],
})

const none: Exceptions = { rewordings: [], accepted: [] }

describe('the facts of a snapshot', () => {
  it('leave out what is different each time', () => {
    assert.deepEqual(
      [...factsOf(pod('w-895cdcb7-mzlhr', 'g3-mwp8kzj9', 'k1'), 'k1')],
      [
        ['Pod w-(1)-(x5)', '"exists"'],
        ['Pod w-(1)-(x5) metadata.labels.pod-template-hash', '"(1)"'],
        ['Pod w-(1)-(x5) status.conditions[Ready].type', '"Ready"'],
        ['Pod w-(1)-(x5) status.conditions[Ready].status', '"True"'],
        ['Pod w-(1)-(x5) status.podIP', '"(pod ip)"'],
        ['ReplicaSet w-(1)', '"exists"'],
        ['ReplicaSet w-(1) metadata.annotations.deployment.kubernetes.io/revision', '"1"'],
        ['Pod table columns', '["Name","Restarts","Age","IP","Node"]'],
        ['Pod table row ["w-(1)-(x5)","2 ((age) ago)","(age)","(pod ip)","(node)"]', 'true'],
        [
          'event Pod/w-(1)-(x5) Normal Scheduled default-scheduler: Successfully assigned (namespace)/w-(1)-(x5) to (node)',
          'true',
        ],
      ],
    )
  })

  it('are the same for two runs of one workload', () => {
    const [golden, ours] = [pod('w-895cdcb7-mzlhr', 'g3-mwp8kzj9', 'k1'), pod('w-7d4f9c6bcd-x2x4z', 'g1-00abc1xx', 'n')]
    assert.deepEqual(compareFacts('c', factsOf(golden, 'k1'), factsOf(ours, 'n'), new Map(), none, new Set()), [])
  })

  it('number objects that cannot be told apart', () => {
    const object = (phase: string): SeenObject => ({ kind: 'Pod', metadata: { name: 'p' }, status: { phase } })
    const snapshot = { afterSeconds: 1, tables: {}, events: [], objects: [object('Running'), object('Pending')] }
    assert.deepEqual(
      [...factsOf(snapshot, 'k1')],
      [
        ['Pod p', '"exists"'],
        ['Pod p status.phase', '"Pending"'],
        ['Pod p#2', '"exists"'],
        ['Pod p#2 status.phase', '"Running"'],
      ],
    )
  })
})

describe('a comparison', () => {
  const golden = new Map([
    ['a', '1'],
    ['b', '"x old"'],
    ['c', '3'],
  ])
  const ours = new Map([
    ['a', '2'],
    ['b', '"x new"'],
    ['d', '4'],
  ])
  it('tells what differs', () => {
    assert.deepEqual(compareFacts('c', golden, ours, new Map(), none, new Set()), [
      { path: 'a', golden: '1', ours: '2' },
      { path: 'b', golden: '"x old"', ours: '"x new"' },
      { path: 'c', golden: '3', ours: undefined },
      { path: 'd', golden: undefined, ours: '4' },
    ])
  })

  it('minds the exceptions and tells which were of use', () => {
    const exceptions: Exceptions = {
      rewordings: [{ side: 'golden', from: 'old', to: 'new', reason: '' }],
      accepted: [
        { fact: 'a = 2', reason: '' },
        { fact: 'c = \\d', reason: '' },
        { fact: 'd = 4', cases: ['another'], reason: '' },
      ],
    }
    const used = new Set<object>()
    assert.deepEqual(compareFacts('case', golden, ours, new Map(), exceptions, used as never), [
      { path: 'd', golden: undefined, ours: '4' },
    ])
    assert.deepEqual([...used], [exceptions.rewordings[0], exceptions.accepted[0], exceptions.accepted[1]])
  })

  it('lets our events come before the recorded ones', () => {
    const event = new Map([['event Pod/p Normal Started kubelet: Started container c', 'true']])
    assert.deepEqual(compareFacts('case', new Map(), event, event, none, new Set()), [])
    assert.equal(compareFacts('case', new Map(), event, new Map(), none, new Set()).length, 1)
    assert.equal(compareFacts('case', event, new Map(), event, none, new Set()).length, 1)
  })
})
