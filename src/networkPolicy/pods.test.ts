import assert from 'node:assert/strict'
import { test } from 'node:test'

import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Client, Selection } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import { podNetworkPart } from '#client/podNetworkPart.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { seededRandom } from '#lib/random.ts'

import { readPod } from './facts.ts'
import { followPods } from './pods.ts'
import { podObject } from './testCluster.ts'

const forever = new AbortController().signal
let revision = 1
const pod = (name: string, node: string, address: string, labels: Record<string, string> = {}): Pod => {
  const object = podObject({ key: `x/${name}`, node, addresses: [address], labels, ports: { web: 'tcp/80' } })
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision++) } }
}

function fixture() {
  const clock = new SimulatedClock()
  const make = (selection: Selection) =>
    new WatchedInformer<Pod>({ client: {} as Client, clock, random: seededRandom(1), resource: pods, selection })
  const own = make({ fieldSelector: 'spec.nodeName=n1' })
  let all: WatchedInformer<Pod> | undefined
  const told: string[] = []
  const copies = followPods({
    informers: {
      of: () => own as never,
      partOf: () => (all = make({})) as never,
      release: () => (all = undefined),
    },
    nodeName: 'n1',
    clock,
    ownChanged: () => void told.push('own'),
    elsewhereChanged: ({ old, new: next }) =>
      void told.push(`${old?.addresses[0]!.text ?? '-'} ${next?.addresses[0]!.text ?? '-'}`),
  })
  return { clock, own, copies, told, all: () => all }
}

test('pods elsewhere are followed from when they are needed until some minutes after', async () => {
  const { clock, own, copies, all } = fixture()
  own.replace([pod('a', 'n1', '10.244.1.2')], '1')
  copies.forgo()
  assert.equal(all(), undefined)
  let isKnown = false
  const needed = copies.need(forever).then(() => (isKnown = true))
  await clock.advance('1m')
  assert.deepEqual([isKnown, copies.listElsewhere().length], [false, 0])
  all()!.replace([pod('a', 'n1', '10.244.1.2'), pod('b', 'n2', '10.244.2.2')], '2')
  await needed
  const names = copies.listElsewhere().map(({ name }) => name)
  assert.deepEqual([names, copies.listOwn().map(({ name }) => name)], [['b'], ['a']])
  await clock.advance('4m')
  await copies.need(forever)
  await clock.advance('299s')
  copies.forgo()
  assert.ok(all() !== undefined)
  await clock.advance('1s')
  copies.forgo()
  assert.deepEqual([all(), copies.listElsewhere()], [undefined, []])
})

test('only what matters of a pod is told, and what stays the same is known by what was known before', async () => {
  const { own, copies, told, all } = fixture()
  own.replace([pod('a', 'n1', '10.244.1.2')], '1')
  const needed = copies.need(forever)
  all()!.replace([pod('a', 'n1', '10.244.1.2'), pod('b', 'n2', '10.244.2.2')], '2')
  await needed
  const [before] = copies.listElsewhere()
  told.length = 0
  const ready = { ...pod('b', 'n2', '10.244.2.2') }
  all()!.change('MODIFIED', { ...ready, status: { ...ready.status, conditions: [{ type: 'Ready', status: 'True' }] } })
  all()!.change('MODIFIED', pod('a', 'n1', '10.244.1.2', { changed: 'elsewhere told' }))
  own.change('MODIFIED', pod('a', 'n1', '10.244.1.2'))
  assert.deepEqual(told, [])
  assert.equal(copies.listElsewhere()[0], before)
  own.change('MODIFIED', pod('a', 'n1', '10.244.1.2', { app: 'other' }))
  all()!.change('MODIFIED', pod('b', 'n2', '10.244.2.9'))
  all()!.change('DELETED', pod('b', 'n2', '10.244.2.9'))
  assert.deepEqual(told, ['own', '10.244.2.2 10.244.2.9', '10.244.2.9 -'])
})

test('the part of a pod that is kept is what policies read of it, and little else', () => {
  const whole = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'a',
      namespace: 'x',
      uid: 'u',
      resourceVersion: '7',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'a' },
      annotations: { note: 'long' },
      managedFields: [{ manager: 'kubectl' }],
    },
    spec: {
      nodeName: 'n2',
      containers: [
        {
          name: 'c',
          image: 'nginx',
          ports: [{ name: 'web', containerPort: 80, protocol: 'TCP' }, { containerPort: 81 }],
        },
        { name: 'd', image: 'busybox', env: [{ name: 'A', value: 'B' }] },
      ],
      initContainers: [
        { name: 'i', image: 'i', ports: [{ name: 'once', containerPort: 1 }] },
        { name: 's', image: 's', restartPolicy: 'Always', ports: [{ name: 'side', containerPort: 82 }] },
      ],
      volumes: [{ name: 'v', emptyDir: {} }],
    },
    status: { phase: 'Running', podIP: '10.244.2.2', podIPs: [{ ip: '10.244.2.2' }], conditions: [] },
  } as unknown as Pod
  const kept = podNetworkPart.keep(whole)
  assert.deepEqual(readPod(kept), readPod(whole))
  assert.deepEqual(JSON.parse(JSON.stringify(kept)), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'a',
      namespace: 'x',
      uid: 'u',
      resourceVersion: '7',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'a' },
    },
    spec: {
      nodeName: 'n2',
      containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 80, protocol: 'TCP' }] }],
      initContainers: [{ name: 's', ports: [{ name: 'side', containerPort: 82 }], restartPolicy: 'Always' }],
    },
    status: { phase: 'Running', podIP: '10.244.2.2', podIPs: [{ ip: '10.244.2.2' }] },
  })
  for (const change of [
    { spec: { ...whole.spec, hostNetwork: true } },
    { status: { ...whole.status, phase: 'Failed' } },
  ])
    assert.equal(readPod(podNetworkPart.keep({ ...whole, ...change } as Pod)), undefined)
})
