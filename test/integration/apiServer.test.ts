import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import { events } from '#api/core/v1/event.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { deployments } from '#api/apps/v1/deployment.ts'
import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import { statefulSets } from '#api/apps/v1/statefulSet.ts'
import { jobs } from '#api/batch/v1/job.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { events as groupEvents } from '#api/events/v1/event.ts'
import { clientOver } from '#client/client.ts'
import { transportContract } from '#client/transportContract.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { isReason } from '#machinery/status.ts'
import { openMemoryStore } from '#storage/memory.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'

transportContract('in-process', async () => startServer())

const namespace = 'default'
const mapsPath = '/api/v1/namespaces/default/configmaps'
const podSpec = { containers: [{ name: 'c', image: 'busybox' }] }

function clientOf(fixture: ServerFixture): ReturnType<typeof clientOver> {
  return clientOver(fixture.transport)
}

test('what was written is shared, not copied', async () => {
  await using fixture = await startServer()
  const { transport } = fixture
  const created = await transport.send({ method: 'POST', path: mapsPath, body: { metadata: { name: 'a' } } })
  const read = await transport.send({ method: 'GET', path: `${mapsPath}/a` })
  const list = (await transport.send({ method: 'GET', path: mapsPath })).body as { items: unknown[] }
  assert.equal(read.body, created.body)
  assert.equal(list.items[0], created.body)
})

test('a write that changes nothing writes nothing', async () => {
  await using fixture = await startServer()
  const client = clientOf(fixture)
  const created = await client.create(configMaps, { metadata: { name: 'a', namespace }, data: { x: '1', y: '2' } })
  const same = await client.update(configMaps, { ...created, data: { y: '2', x: '1' } })
  assert.equal(same.metadata.resourceVersion, created.metadata.resourceVersion)
  const patched = await client.patch(
    configMaps,
    { name: 'a', namespace },
    { type: 'merge', body: { data: { x: '1' } } },
  )
  assert.equal(patched.metadata.resourceVersion, created.metadata.resourceVersion)
})

test('generateName makes names, and generation counts changes of what is wanted', async () => {
  await using fixture = await startServer()
  const client = clientOf(fixture)
  const pod = await client.create(pods, { metadata: { generateName: 'web-', namespace }, spec: podSpec })
  assert.match(pod.metadata.name, /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  assert.equal(pod.metadata.generation, 1)
  const at = { name: pod.metadata.name, namespace }
  const labelled = await client.patch(pods, at, { type: 'merge', body: { metadata: { labels: { a: 'b' } } } })
  assert.equal(labelled.metadata.generation, 1)
  const changed = await client.patch(pods, at, {
    type: 'strategic',
    body: { spec: { containers: [{ name: 'c', image: 'other' }] } } as never,
  })
  assert.equal(changed.metadata.generation, 2)
  assert.equal(changed.spec.containers[0]?.image, 'other')
})

test('a generated name is one that no object has; jobs and their pods are labelled by it', async () => {
  let drawn = 0
  // The same five letters twice, then five others.
  await using fixture = await startServer({ random: { next: () => Math.floor(drawn++ / 10) / 27 } })
  const client = clientOf(fixture)
  const draft = { metadata: { generateName: 'x-', namespace } }
  const names = [await client.create(configMaps, draft), await client.create(configMaps, draft)]
  assert.deepEqual(
    names.map(({ metadata }) => metadata.name),
    ['x-bbbbb', 'x-ccccc'],
  )
  const spec = { template: { spec: { ...podSpec, restartPolicy: 'Never' as const } } }
  const job = await client.create(jobs, { ...draft, spec })
  const { labels } = job.spec.template.metadata ?? {}
  assert.equal(labels?.['batch.kubernetes.io/job-name'], job.metadata.name)
  assert.deepEqual(job.metadata.labels, labels)
  assert.deepEqual(job.spec.selector?.matchLabels, { 'batch.kubernetes.io/controller-uid': job.metadata.uid })
})

test('status is written through its subresource only', async () => {
  await using fixture = await startServer()
  const client = clientOf(fixture)
  const at = { name: 'p', namespace }
  const pod = await client.create(pods, { metadata: at, spec: podSpec, status: { phase: 'Running' } })
  assert.equal(pod.status?.phase, 'Pending')
  const ignored = await client.patch(pods, at, { type: 'merge', body: { status: { phase: 'Running' } } as never })
  assert.equal(ignored.status?.phase, 'Pending')
  const path = '/api/v1/namespaces/default/pods/p/status'
  const { body } = await fixture.transport.send({
    method: 'PATCH',
    path,
    contentType: 'application/merge-patch+json',
    body: { status: { phase: 'Running' }, spec: { activeDeadlineSeconds: 5 } },
  })
  assert.equal((body as Pod).status?.phase, 'Running')
  assert.equal((body as Pod).spec.activeDeadlineSeconds, undefined)
})

test('a write of the status keeps the very spec that is stored, and completes the status', async () => {
  await using fixture = await startServer()
  const client = clientOf(fixture)
  const selector = { matchLabels: { app: 'a' } }
  const spec = { selector, template: { metadata: { labels: { app: 'a' } }, spec: podSpec } }
  const metadata = { name: 'a', namespace, labels: { app: 'a' }, finalizers: ['example.com/kept'] }
  const containerStatus = { name: 'c', ready: true, restartCount: 0, image: 'i', imageID: 'j' }
  const counts = { replicas: 3, readyReplicas: 2 }
  const rows = [
    [await client.create(pods, { metadata, spec: podSpec }), 'api/v1', { containerStatuses: [containerStatus] }],
    [await client.create(replicaSets, { metadata, spec }), 'apis/apps/v1', counts],
    [await client.create(deployments, { metadata, spec }), 'apis/apps/v1', counts],
    [await client.create(statefulSets, { metadata, spec: { ...spec, serviceName: 's' } }), 'apis/apps/v1', counts],
  ] as const
  for (const [created, root, status] of rows) {
    const path = `/${root}/namespaces/${namespace}/${created.kind.toLowerCase()}s/a/status`
    const sent = structuredClone({
      ...created,
      metadata: { ...created.metadata, finalizers: [] },
      spec: { ...created.spec, minReadySeconds: 7, activeDeadlineSeconds: 7 },
      status,
    })
    const before = structuredClone(sent)
    const put = (await fixture.transport.send({ method: 'PUT', path, body: sent })).body as typeof created
    assert.deepEqual(sent, before)
    assert.equal(Object.isFrozen(sent.status), false)
    assert.equal(put.spec, created.spec)
    assert.equal(put.metadata.finalizers, undefined)
    const patch = { metadata: { annotations: { noted: 'yes' } }, status: { conditions: [] } }
    const contentType = 'application/merge-patch+json'
    const patched = (await fixture.transport.send({ method: 'PATCH', path, contentType, body: patch })).body as Pod
    assert.equal(patched.spec, created.spec)
    assert.equal(patched.metadata.annotations?.['noted'], 'yes')
    const again = { ...patched, metadata: { ...patched.metadata, annotations: { noted: 'twice' } } }
    const written = (await fixture.transport.send({ method: 'PUT', path, body: again })).body as Pod
    assert.equal(written.metadata.annotations?.['noted'], 'twice')
    assert.equal(written.metadata.labels, patched.metadata.labels)
    assert.deepEqual(Object.keys(written), ['kind', 'apiVersion', 'metadata', 'spec', 'status'])
    const whole = status === counts ? counts : { containerStatuses: [{ ...containerStatus, state: {}, lastState: {} }] }
    for (const [name, value] of Object.entries(whole)) {
      assert.deepEqual((patched.status as Record<string, unknown>)[name], value, `${created.kind} ${name}`)
    }
  }
})

test('a patch of metadata alone keeps the very rest of the object that is stored, unless the rest depends on it', async () => {
  const metadata = { name: 'a', namespace, labels: { app: 'a' } }
  const relabel = { type: 'merge', body: { metadata: { labels: null, annotations: { noted: 'yes' } } } } as const
  const template = { metadata: { labels: { app: 'a' } }, spec: { ...podSpec, restartPolicy: 'Never' as const } }
  await using fixture = await startServer()
  const client = clientOf(fixture)
  const pod = await client.create(pods, { metadata, spec: podSpec })
  const set = { selector: { matchLabels: { app: 'a' } }, template: { metadata, spec: podSpec } }
  const replicaSet = await client.create(replicaSets, { metadata, spec: set })
  for (const [created, patched] of [
    [pod, await client.patch(pods, metadata, relabel)],
    [replicaSet, await client.patch(replicaSets, metadata, relabel)],
  ] as const) {
    assert.equal(patched.spec, created.spec)
    assert.equal(patched.status, created.status)
    assert.equal(patched.metadata.generation, 1)
    assert.equal(patched.metadata.labels, undefined)
    assert.deepEqual(patched.metadata.annotations, { noted: 'yes' })
  }
  // A job without labels has those of its pods.
  const job = await client.create(jobs, { metadata, spec: { template } })
  const { labels } = (await client.patch(jobs, metadata, relabel)).metadata
  assert.deepEqual(labels, job.spec.template.metadata?.labels)
})

test('what an update has to add to a pod is added where only its metadata is patched', async () => {
  const store = openMemoryStore()
  const at = { name: 'a', namespace }
  const admissionConfiguration = { disabled: ['DefaultTolerationSeconds'] }
  const before = await startServer({ store, settings: { admissionConfiguration } })
  const { spec } = await clientOf(before).create(pods, { metadata: at, spec: podSpec })
  assert.equal(spec.tolerations, undefined)
  await before[Symbol.asyncDispose]()
  await using fixture = await startServer({ store, bare: true })
  const body = { metadata: { labels: { app: 'a' } } }
  const patched = await clientOf(fixture).patch(pods, at, { type: 'merge', body })
  assert.deepEqual(
    patched.spec.tolerations?.map(({ key }) => key),
    ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'],
  )
  assert.deepEqual({ ...patched.spec, tolerations: undefined }, { ...spec, tolerations: undefined })
})

test('what a component sends stays its own', async () => {
  await using fixture = await startServer()
  const { transport } = fixture
  const path = `${mapsPath}/a`
  await transport.send({ method: 'POST', path: mapsPath, body: { metadata: { name: 'a' }, data: { x: '1' } } })
  const sent = { metadata: { labels: { app: 'a' } }, data: { x: '2' } }
  const { body } = await transport.send({ method: 'PUT', path, body: sent })
  assert.deepEqual(sent, { metadata: { labels: { app: 'a' } }, data: { x: '2' } })
  sent.metadata.labels.app = 'b'
  sent.data.x = '3'
  assert.deepEqual((body as ConfigMap).metadata.labels, { app: 'a' })
  assert.deepEqual((body as ConfigMap).data, { x: '2' })
})

test('a pod is bound once', async () => {
  await using fixture = await startServer()
  const client = clientOf(fixture)
  const at = { name: 'p', namespace }
  const made = await client.create(pods, { metadata: at, spec: podSpec })
  const waiting = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }
  const disrupted = { type: 'DisruptionTarget', status: 'False' }
  const body = { status: { conditions: [waiting, disrupted] } }
  await client.patchStatus(pods, at, { type: 'merge', body })
  const bind = (): Promise<unknown> =>
    fixture.transport.send({
      method: 'POST',
      path: '/api/v1/namespaces/default/pods/p/binding',
      body: { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n1' } },
    })
  await bind()
  const bound = await client.get(pods, at)
  assert.equal(bound.spec.nodeName, 'n1')
  assert.deepEqual(
    bound.status?.conditions?.map(({ type, status, reason }) => [type, status, reason]),
    [
      ['PodScheduled', 'True', undefined],
      ['DisruptionTarget', 'False', undefined],
    ],
  )
  assert.equal(bound.metadata.generation, 1, 'nobody asked for something else')
  assert.equal(bound.spec.containers, made.spec.containers, 'what a binding leaves is shared')
  await assert.rejects(bind(), {
    message: 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"',
  })
})

test('a bound pod is deleted with grace, which can only be shortened', async () => {
  await using fixture = await startServer()
  const client = clientOf(fixture)
  const at = { name: 'p', namespace }
  const { spec } = await client.create(pods, { metadata: at, spec: { ...podSpec, nodeName: 'n1' } })
  const path = '/api/v1/namespaces/default/pods/p'
  const remove = async (gracePeriodSeconds?: number): Promise<Pod> => {
    const body = gracePeriodSeconds === undefined ? undefined : { gracePeriodSeconds }
    return (await fixture.transport.send({ method: 'DELETE', path, body })).body as Pod
  }
  const first = await remove()
  assert.equal(first.metadata.deletionGracePeriodSeconds, 30)
  assert.equal(first.metadata.deletionTimestamp, '2026-01-01T00:00:30Z')
  assert.equal(first.spec, spec, 'what a deletion leaves is shared')
  assert.equal((await remove(60)).metadata.deletionGracePeriodSeconds, 30)
  const shorter = await remove(5)
  assert.equal(shorter.metadata.deletionGracePeriodSeconds, 5)
  assert.equal(shorter.metadata.deletionTimestamp, '2026-01-01T00:00:05Z')
  await remove(0)
  await assert.rejects(client.get(pods, at), (error) => isReason(error, 'NotFound'))
})

test('finalizers hold an object until they are gone', async () => {
  await using fixture = await startServer()
  const client = clientOf(fixture)
  const at = { name: 'a', namespace }
  await client.create(configMaps, { metadata: { ...at, finalizers: ['x/y'] } })
  await client.delete(configMaps, at, { propagationPolicy: 'Foreground' })
  const held = await client.get(configMaps, at)
  assert.deepEqual(held.metadata.finalizers, ['x/y', 'foregroundDeletion'])
  assert.equal(held.metadata.deletionGracePeriodSeconds, 0)
  await assert.rejects(
    client.patch(configMaps, at, {
      type: 'merge',
      body: { metadata: { finalizers: ['x/y', 'z/z', 'foregroundDeletion'] } } as never,
    }),
    /no new finalizers can be added if the object is being deleted, found new finalizers \[\]string\{"z\/z"\}/,
  )
  await assert.rejects(client.create(configMaps, { metadata: at }), {
    message: 'object is being deleted: configmaps "a" already exists',
  })
  await client.patch(configMaps, at, { type: 'merge', body: { metadata: { finalizers: null } } as never })
  await assert.rejects(client.get(configMaps, at), (error) => isReason(error, 'NotFound'))
})

test('a namespace that goes takes no more content, and stays until it is empty', async () => {
  await using fixture = await startServer()
  const client = clientOf(fixture)
  await client.create(namespaces, { metadata: { name: 'going' } })
  await client.delete(namespaces, { name: 'going' })
  const going = await client.get(namespaces, { name: 'going' })
  assert.equal(going.status?.phase, 'Terminating')
  await assert.rejects(client.create(configMaps, { metadata: { name: 'a', namespace: 'going' } }), {
    message:
      'configmaps "a" is forbidden: unable to create new content in namespace going because it is being terminated',
  })
  await fixture.transport.send({
    method: 'PUT',
    path: '/api/v1/namespaces/going/finalize',
    body: { ...going, spec: { finalizers: [] } },
  })
  await assert.rejects(client.get(namespaces, { name: 'going' }), (error) => isReason(error, 'NotFound'))
})

test('concurrent patches all take effect', async () => {
  await using fixture = await startServer()
  const client = clientOf(fixture)
  const at = { name: 'a', namespace }
  await client.create(configMaps, { metadata: at })
  const words = ['a', 'b', 'c', 'd']
  await Promise.all(
    words.map((word) => client.patch(configMaps, at, { type: 'merge', body: { data: { [word]: '1' } } })),
  )
  assert.deepEqual(Object.keys((await client.get(configMaps, at)).data ?? {}).sort(), words)
})

test('a dry run tells what would happen and does nothing', async () => {
  await using fixture = await startServer()
  const { body, code } = await fixture.transport.send({
    method: 'POST',
    path: mapsPath,
    query: { dryRun: 'All' },
    body: { metadata: { name: 'a' } },
  })
  assert.equal(code, 201)
  assert.equal((body as ConfigMap).metadata.resourceVersion, undefined)
  await assert.rejects(clientOf(fixture).get(configMaps, { name: 'a', namespace }), (error) =>
    isReason(error, 'NotFound'),
  )
})

test('admission completes pods and nodes', async () => {
  await using fixture = await startServer()
  const client = clientOf(fixture)
  const pod = await client.create(pods, { metadata: { name: 'p', namespace }, spec: podSpec })
  assert.equal(pod.spec.serviceAccountName, 'default')
  assert.match(pod.spec.volumes?.[0]?.name ?? '', /^kube-api-access-/)
  assert.equal(pod.spec.containers[0]?.volumeMounts?.[0]?.mountPath, '/var/run/secrets/kubernetes.io/serviceaccount')
  assert.deepEqual(
    pod.spec.tolerations?.map(({ key, tolerationSeconds }) => [key, tolerationSeconds]),
    [
      ['node.kubernetes.io/not-ready', 300],
      ['node.kubernetes.io/unreachable', 300],
    ],
  )
  assert.deepEqual([pod.spec.priority, pod.spec.preemptionPolicy], [0, 'PreemptLowerPriority'])
  const node = await client.create(nodes, { metadata: { name: 'n' }, spec: {} })
  assert.deepEqual(node.spec?.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }])
  await assert.rejects(
    client.create(pods, { metadata: { name: 'q', namespace }, spec: { ...podSpec, serviceAccountName: 'none' } }),
    {
      message: 'pods "q" is forbidden: error looking up service account default/none: serviceaccount "none" not found',
    },
  )
})

test('a list can be read in pages of one state, and any state that is kept', async () => {
  await using fixture = await startServer()
  const client = clientOf(fixture)
  for (const name of ['a', 'b', 'c']) await client.create(configMaps, { metadata: { name, namespace } })
  const list = async (
    query: Record<string, string>,
  ): Promise<{ names: string[]; metadata: Record<string, unknown> }> => {
    const body = (await fixture.transport.send({ method: 'GET', path: mapsPath, query })).body as {
      items: ConfigMap[]
      metadata: Record<string, unknown>
    }
    return { names: body.items.map(({ metadata }) => metadata.name), metadata: body.metadata }
  }
  const first = await list({ limit: '2' })
  assert.deepEqual([first.names, first.metadata['remainingItemCount']], [['a', 'b'], 1])
  await client.create(configMaps, { metadata: { name: 'd', namespace } })
  await client.delete(configMaps, { name: 'c', namespace })
  const next = await list({ limit: '2', continue: String(first.metadata['continue']) })
  assert.deepEqual([next.names, next.metadata['continue']], [['c'], undefined])
  assert.equal(next.metadata['resourceVersion'], first.metadata['resourceVersion'])
  const past = { resourceVersion: String(first.metadata['resourceVersion']), resourceVersionMatch: 'Exact' }
  assert.deepEqual((await list(past)).names, ['a', 'b', 'c'])
  assert.deepEqual((await list({})).names, ['a', 'b', 'd'])
  assert.deepEqual((await list({ fieldSelector: 'metadata.name!=a' })).names, ['b', 'd'])
  await fixture.store.compact(await fixture.store.revision())
  await assert.rejects(list({ limit: '2', continue: String(first.metadata['continue']) }), (error) =>
    isReason(error, 'Expired'),
  )
})

test('the state survives a restart, and watches resume behind it', async () => {
  const clock = new SimulatedClock()
  await using store = openMemoryStore({ clock })
  let from = ''
  {
    await using fixture = await startServer({ clock, store })
    const client = clientOf(fixture)
    from = (await client.create(configMaps, { metadata: { name: 'a', namespace } })).metadata.resourceVersion ?? ''
    await client.patch(configMaps, { name: 'a', namespace }, { type: 'merge', body: { data: { k: 'v' } } })
  }
  await using fixture = await startServer({ clock, store, bare: true })
  const client = clientOf(fixture)
  assert.deepEqual((await client.get(configMaps, { name: 'a', namespace })).data, { k: 'v' })
  const stop = new AbortController()
  for await (const batch of client.watch(configMaps, { namespace, resourceVersion: from }, stop.signal)) {
    assert.deepEqual(
      batch.map(({ type }) => type),
      ['MODIFIED'],
    )
    break
  }
})

test('events of both groups are the same objects in two forms', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  const client = clientOf(fixture)
  const regarding = { kind: 'Pod', name: 'p', namespace }
  const event = await client.create(groupEvents, {
    metadata: { name: 'e', namespace },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reason: 'Tried',
    note: 'It worked',
    type: 'Normal',
    action: 'Trying',
    reportingController: 'example.com/c',
    reportingInstance: 'c-1',
    regarding,
  })
  assert.deepEqual([event.apiVersion, event.note, event.regarding], ['events.k8s.io/v1', 'It worked', regarding])
  const core = await client.get(events, { name: 'e', namespace })
  assert.deepEqual(
    [core.apiVersion, core.message, core.involvedObject, core.reportingComponent],
    ['v1', 'It worked', regarding, 'example.com/c'],
  )
  assert.equal(core.metadata.resourceVersion, event.metadata.resourceVersion)
  await client.patch(groupEvents, { name: 'e', namespace }, { type: 'merge', body: { note: 'Again' } })
  assert.equal((await client.get(events, { name: 'e', namespace })).message, 'Again')
  const found = await client.list(groupEvents, { namespace, fieldSelector: 'regarding.name=p' })
  assert.deepEqual(
    found.items.map(({ note }) => note),
    ['Again'],
  )
  await clock.advance('2h')
  assert.equal((await client.list(events, { namespace })).items.length, 0, 'events are kept for an hour')
})
