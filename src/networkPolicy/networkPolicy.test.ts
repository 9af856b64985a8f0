import assert from 'node:assert/strict'
import { test } from 'node:test'

import { customResourceDefinitions } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { networkPolicies } from '#api/networking/v1/networkPolicy.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client, Selection } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeNft } from '#lib/host/nft.ts'
import { createLogger } from '#lib/log.ts'
import { seededRandom } from '#lib/random.ts'

import { adminPolicyKinds } from './adminPolicies.ts'
import { PodAdmission } from './admission.ts'
import { networkPolicyComponent } from './networkPolicy.ts'
import { podObject } from './testCluster.ts'

let revision = 1
const versioned = <T extends KubeObject>(object: T): T => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: String(revision++) },
})
const pod = (name: string, node: string, address: string, labels: Record<string, string>): Pod =>
  versioned(podObject({ key: `x/${name}`, node, addresses: [address], labels, ports: {} }))
const policy = (name: string, spec: object) =>
  versioned({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: 'x', name, uid: name },
    spec,
  })

function fixture() {
  const clock = new SimulatedClock()
  const made = new Map<string, WatchedInformer<KubeObject>>()
  const of = <T extends KubeObject>(resource: Resource<T>, selection: Selection = {}): WatchedInformer<T> => {
    const key = `${resource.plural} ${selection.fieldSelector ?? ''}`
    let informer = made.get(key)
    if (informer === undefined) {
      const options = { client: {} as Client, clock, random: seededRandom(1), selection }
      informer = new WatchedInformer({ ...options, resource: resource as unknown as Resource })
      made.set(key, informer)
    }
    return informer as unknown as WatchedInformer<T>
  }
  const informers = { of, partOf: (resource: Resource) => of(resource), release: () => {} } as unknown as Informers
  const nft = fakeNft()
  let staying = 0
  const stayReady = (): AsyncDisposable => {
    staying++
    return { [Symbol.asyncDispose]: async () => void staying-- }
  }
  const own = of(pods, { fieldSelector: 'spec.nodeName=n1' })
  for (const { plural, group } of adminPolicyKinds)
    of(customResourceDefinitions, { fieldSelector: `metadata.name=${plural}.${group}` }).replace([], '1')
  own.replace([pod('a', 'n1', '10.244.1.2', { app: 'a' })], '1')
  of(nodes).replace([], '1')
  of(namespaces).replace([], '1')
  of(networkPolicies).replace([], '1')
  const admission = new PodAdmission()
  const stop = new AbortController()
  const component = networkPolicyComponent({
    nodeName: 'n1',
    informers,
    host: { clock, nft: () => ({ ...nft, stayReady }) },
    admission,
    log: createLogger({ clock, sinks: [{ write: (line) => assert.fail(line) }], level: 'warn' }),
  })
  return {
    clock,
    of,
    admission,
    nft,
    stop,
    isAllFollowed: () => made.has('pods '),
    staying: () => staying,
    run: (ready: () => void) => component.run(ready, stop.signal),
  }
}

test('without policies nothing is followed and nothing waits; the first that asks who pods are holds once they are known', async () => {
  const { clock, of, admission, nft, stop, isAllFollowed, staying, run } = fixture()
  let isReady = false
  const running = run(() => (isReady = true))
  await clock.advance('1s')
  assert.deepEqual([isReady, nft.applied.length, isAllFollowed(), staying()], [true, 1, false, 0])
  const signal = stop.signal
  let isAdmitted = false
  void admission.admit(pod('b', 'n1', '', { app: 'b' }), ['10.244.1.3'], signal).then(() => (isAdmitted = true))
  await clock.advance('1s')
  assert.ok(isAdmitted)

  // It tells nobody apart.
  of(networkPolicies).change('ADDED', policy('open', { podSelector: {}, ingress: [{}] }) as never)
  await clock.advance('1s')
  assert.deepEqual([nft.applied.length, isAllFollowed(), staying()], [2, false, 1])

  of(networkPolicies).change(
    'ADDED',
    policy('from', {
      podSelector: { matchLabels: { app: 'a' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'b' } } }] }],
    }) as never,
  )
  isAdmitted = false
  const admitted = admission
    .admit(pod('c', 'n1', '', { app: 'a' }), ['10.244.1.4'], signal)
    .then(() => (isAdmitted = true))
  await clock.advance('10s')
  assert.deepEqual([nft.applied.length, isAllFollowed(), isAdmitted], [2, true, false])
  const others = [pod('d', 'n2', '10.244.2.2', { app: 'b' }), pod('e', 'n2', '10.244.2.3', { app: 'e' })]
  of(pods).replace(others, '2')
  await clock.advance('1s')
  await admitted
  assert.match(nft.applied.slice(2).join(''), /add element ip k8ts-policies peers \{ .*10\.244\.2\.2 : \d+/)

  // A pod elsewhere that is like another is one element.
  const before = nft.applied.length
  of(pods).change('ADDED', pod('f', 'n3', '10.244.3.2', { app: 'b' }))
  await clock.advance('1s')
  const [change, ...rest] = nft.applied.slice(before)
  const elements = change!.split('\n').filter((line) => line.includes('element') && !line.includes('generation'))
  assert.equal(rest.length, 0)
  assert.equal(elements.length, 1)
  assert.match(elements[0]!, /^add element ip k8ts-policies peers \{ 10\.244\.3\.2 : \d+ \}$/)
  stop.abort()
  await clock.advance(0)
  await running
  assert.equal(staying(), 0)
})

test('changes within the time that the last transaction took are one', async () => {
  const { clock, of, nft, stop, run } = fixture()
  const running = run(() => {})
  await clock.advance('1s')
  const add = (name: string): void =>
    of(networkPolicies).change(
      'ADDED',
      policy(name, { podSelector: {}, ingress: [{ ports: [{ port: 80 + name.length }] }] }) as never,
    )
  add('a')
  await clock.advance(0)
  assert.equal(nft.applied.length, 2)
  for (const name of ['bb', 'ccc', 'dddd']) {
    add(name)
    await clock.advance(1)
  }
  assert.equal(nft.applied.length, 2)
  await clock.advance('1s')
  assert.equal(nft.applied.length, 3)
  stop.abort()
  await clock.advance(0)
  await running
})
