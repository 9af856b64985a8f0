import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Pod } from '#api/core/v1/pod.ts'

import { PodAdmission } from './admission.ts'

const pod = (name: string, podIPs: readonly string[] = [], spec: object = {}): Pod =>
  ({
    metadata: { namespace: 'x', name, uid: name },
    spec: { nodeName: 'n1', containers: [], ...spec },
    status: { podIPs: podIPs.map((ip) => ({ ip })) },
  }) as unknown as Pod
const forever = new AbortController().signal

test('a pod waits until the kernel was told of it, and is told of until its object says its addresses', async () => {
  const admission = new PodAdmission()
  let changes = 0
  using _ = admission.onArrival(() => changes++)
  let isAdmitted = false
  const waiting = admission.admit(pod('a'), ['10.244.1.2'], forever).then(() => (isAdmitted = true))
  assert.equal(changes, 1)
  let object: Pod | undefined
  const first = admission.arrivals(() => object)
  assert.deepEqual(
    first.facts.map(({ name, addresses }) => [name, addresses[0]!.text]),
    [['a', '10.244.1.2']],
  )
  assert.equal(isAdmitted, false)
  first.applied()
  await waiting
  // Its next container does not wait.
  await admission.admit(pod('a'), ['10.244.1.2'], forever)
  assert.equal(changes, 1)
  object = pod('a')
  assert.equal(admission.arrivals(() => object).facts.length, 1)
  object = pod('a', ['10.244.1.2'])
  const last = admission.arrivals(() => object)
  assert.equal(last.facts.length, 0)
  last.applied()
})

test('a pod that has gone is forgotten, but not one that is not seen yet', () => {
  const admission = new PodAdmission()
  void admission.admit(pod('a'), ['10.244.1.2'], forever)
  const ask = (object: Pod | undefined): number => {
    const { facts, applied } = admission.arrivals(() => object)
    applied()
    return facts.length
  }
  assert.deepEqual([ask(undefined), ask(pod('a')), ask(undefined), ask(pod('a'))], [1, 1, 0, 0])
})

test('whoever gets the address of another takes its place', async () => {
  const admission = new PodAdmission()
  const before = admission.admit(pod('a'), ['10.244.1.2'], forever)
  void admission.admit(pod('b'), ['10.244.1.2'], forever)
  await before
  assert.deepEqual(
    admission.arrivals(() => undefined).facts.map(({ name }) => name),
    ['b'],
  )
})

test('pods of the host wait for nothing, and nobody waits longer than he wants', async () => {
  const admission = new PodAdmission()
  await admission.admit(pod('a', [], { hostNetwork: true }), ['10.89.0.1'], forever)
  const stop = new AbortController()
  const waiting = admission.admit(pod('b'), ['10.244.1.2'], stop.signal)
  stop.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
})
