import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBoth, until } from './aggregationFixture.ts'
import { kitchen, registrations, teapots, whenSaid } from './extensionServer.ts'

test('requests for a registered version are passed on in the name of whoever sends them', async () => {
  await using it = await startBoth({})
  const { server, extension, ask } = it
  assert.deepEqual(
    { ...(await whenSaid(server, 'Passed')), lastTransitionTime: '' },
    {
      type: 'Available',
      status: 'True',
      lastTransitionTime: '',
      reason: 'Passed',
      message: 'all checks passed',
    },
  )
  const role = {
    metadata: { name: 'tea' },
    rules: [{ apiGroups: ['kitchen.example.com'], resources: ['teapots'], verbs: ['get'] }],
  }
  const rbac = '/apis/rbac.authorization.k8s.io/v1'
  await ask('POST', `${rbac}/clusterroles`, { body: role })
  const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jürgen' }]
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'tea' }
  await ask('POST', `${rbac}/clusterrolebindings`, { body: { metadata: { name: 'tea' }, subjects, roleRef } })
  extension.asked.length = 0
  const headers = {
    'impersonate-user': 'jürgen',
    'impersonate-group': 'cooks',
    'impersonate-uid': 'u1',
    'impersonate-extra-Shift%2fday': 'late',
    'x-remote-user': 'root',
    'x-remote-extra-fake': 'yes',
  }
  const bytes = Object.fromEntries(
    Object.entries(headers).map(([key, value]) => [key, Buffer.from(value).toString('latin1')]),
  )
  const got = await ask('GET', `${teapots}/brown?a=b%20c`, { headers: bytes })
  assert.equal(got.code, 200, got.text)
  assert.equal(JSON.parse(got.text).spec.cups, 4)
  const [asked] = extension.asked
  const remote = Object.entries(asked!.headers).filter(
    ([name]) => name.startsWith('x-remote') || name.startsWith('imp'),
  )
  assert.deepEqual(
    {
      ...asked,
      headers: Object.fromEntries(
        remote.map(([name, value]) => [name, Buffer.from(String(value), 'latin1').toString()]),
      ),
    },
    {
      method: 'GET',
      path: `${teapots}/brown`,
      search: 'a=b%20c',
      groups: ['cooks', 'system:authenticated'],
      peer: 'front-proxy-client',
      headers: {
        'x-remote-user': 'jürgen',
        'x-remote-uid': 'u1',
        'x-remote-group': 'cooks, system:authenticated',
        'x-remote-extra-shift%2fday': 'late',
      },
    },
  )
  const refused = await ask('GET', teapots, { headers: bytes })
  assert.equal(refused.code, 403)
  assert.equal(
    JSON.parse(refused.text).message,
    'teapots.kitchen.example.com is forbidden: User "jürgen" cannot list resource "teapots" in API group "kitchen.example.com" in the namespace "default"',
  )
  assert.equal(extension.asked.length, 1)
})

test('what another server serves stands beside what is served here, where its priority says', async () => {
  await using it = await startBoth({})
  const { server, extension, ask } = it
  await whenSaid(server, 'Passed')
  const read = async (path: string, accept = 'application/json') => {
    const { code, text } = await ask('GET', path, { headers: { accept } })
    assert.equal(code, 200, text)
    return JSON.parse(text)
  }
  const group = {
    name: 'kitchen.example.com',
    versions: [{ groupVersion: 'kitchen.example.com/v1', version: 'v1' }],
    preferredVersion: { groupVersion: 'kitchen.example.com/v1', version: 'v1' },
  }
  const { groups } = await read('/apis')
  assert.deepEqual(groups.at(-1), group)
  assert.equal(groups[0].name, 'apiregistration.k8s.io')
  assert.deepEqual(await read('/apis/kitchen.example.com'), { kind: 'APIGroup', apiVersion: 'v1', ...group })
  assert.deepEqual((await read(kitchen)).resources[1].name, 'teapots/pour')
  const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
  const whole = await read('/apis', aggregated)
  const teapot = {
    resource: 'teapots',
    responseKind: { group: 'kitchen.example.com', version: 'v1', kind: 'Teapot' },
    scope: 'Namespaced',
    singularResource: 'teapot',
    verbs: ['create', 'delete', 'get', 'list', 'watch'],
    shortNames: ['tp'],
  }
  const versions = [{ version: 'v1', resources: [teapot], freshness: 'Current' }]
  assert.deepEqual(whole.items.at(-1), { metadata: { name: 'kitchen.example.com' }, versions })
  assert.ok((await read('/')).paths.includes(kitchen))
  await ask('PATCH', `${registrations}/v1.kitchen.example.com`, {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { spec: { groupPriorityMinimum: 20_000 } },
  })
  const names = (await read('/apis')).groups.map(({ name }: { readonly name: string }) => name)
  assert.deepEqual(names.slice(0, 2), ['kitchen.example.com', 'apiregistration.k8s.io'])
  // A server that knows only of lists for each version says the same in another form.
  extension.isAggregated = false
  await ask('PATCH', `${registrations}/v1.kitchen.example.com`, {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { spec: { insecureSkipTLSVerify: true, caBundle: null } },
  })
  await until(async () => {
    const [{ versions: said }] = (await read('/apis', aggregated)).items
    return said[0].resources?.[0].subresources?.[0].subresource === 'pour' ? true : undefined
  })
  await server.transport.send({ method: 'DELETE', path: `${registrations}/v1.kitchen.example.com` })
  assert.equal((await ask('GET', '/apis/kitchen.example.com')).code, 404)
  assert.equal((await ask('GET', teapots)).code, 404)
})

test('a watch is passed on event by event, to clients and to parts of this process', async () => {
  await using it = await startBoth({})
  const { server, extension, ask } = it
  await whenSaid(server, 'Passed')
  const response = await it.open(`${teapots}?watch=true`)
  assert.equal(response.status, 200)
  const lines = response.body[Symbol.asyncIterator]()
  const stop = new AbortController()
  const own = server.transport.watch({ method: 'GET', path: teapots }, stop.signal)[Symbol.asyncIterator]()
  const first = own.next()
  await until(() => (extension.watches.size === 2 ? true : undefined))
  const created = await server.transport.send({
    method: 'POST',
    path: teapots,
    body: { kind: 'Teapot', apiVersion: 'kitchen.example.com/v1', metadata: { name: 'red' }, spec: { cups: 2 } },
  })
  assert.deepEqual((created.body as { spec: object }).spec, { cups: 2 })
  const event = JSON.parse((await lines.next()).value!.toString())
  assert.deepEqual([event.type, event.object.metadata.name], ['ADDED', 'red'])
  const [seen] = (await first).value as { type: string; object: { metadata: { name: string } } }[]
  assert.deepEqual([seen!.type, seen!.object.metadata.name], ['ADDED', 'red'])
  await ask('DELETE', `${teapots}/red`)
  assert.equal(JSON.parse((await lines.next()).value!.toString()).type, 'DELETED')
  await assert.rejects(server.transport.send({ method: 'GET', path: `${teapots}/red` }), {
    name: 'StatusError',
    message: 'teapots.kitchen.example.com "red" not found',
  })
  assert.equal(((await own.next()).value as { type: string }[])[0]!.type, 'DELETED')
  response.discard()
  const last = own.next()
  stop.abort()
  await assert.rejects(last)
  await until(() => (extension.watches.size === 0 ? true : undefined))
})

test('connections that change their protocol are passed on, without the token of whoever asks', async () => {
  await using it = await startBoth({})
  const { server, extension } = it
  await whenSaid(server, 'Passed')
  for (const protocol of ['websocket', 'SPDY/3.1']) {
    extension.asked.length = 0
    const upgraded = await it.upgrade(`${teapots}/brown/pour`, protocol)
    assert.ok(!('refused' in upgraded))
    assert.equal(upgraded.status, 101)
    const { socket } = upgraded
    socket.write('tea')
    assert.equal(String(await new Promise((resolve) => socket.once('data', resolve))), 'tea')
    socket.destroy()
    const [asked] = extension.asked
    assert.equal(asked!.headers['sec-websocket-protocol'], 'v5.channel.k8s.io')
    assert.equal(asked!.headers['x-remote-user'], 'root')
  }
  extension.behave = (request, reply) => {
    if (request.upgrade === undefined) return false
    reply.send(302, { location: 'https://127.0.0.1:1/' })
    return true
  }
  const upgraded = await it.upgrade(`${teapots}/brown/pour`, 'websocket')
  assert.ok('refused' in upgraded)
  assert.equal(upgraded.refused.status, 502)
  upgraded.refused.discard()
})

test('the documents about the API tell of what another server serves', async () => {
  await using it = await startBoth({})
  await whenSaid(it.server, 'Passed')
  const read = async (path: string) => JSON.parse((await it.ask('GET', path)).text)
  const { paths } = await read('/openapi/v3')
  assert.deepEqual(paths['apis/kitchen.example.com/v1'], { serverRelativeURL: `/openapi/v3${kitchen}?hash=K1` })
  const own = await read(`/openapi/v3${kitchen}?hash=K1`)
  assert.equal(own.info.title, 'Kitchen')
  const whole = await read('/openapi/v2')
  const list = whole.paths[`${kitchen}/namespaces/{namespace}/teapots`].get
  assert.equal(list.responses[200].schema.$ref, '#/definitions/com.example.kitchen.v1.Teapot')
  const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
  // The other server means something else by the same name.
  const { properties } = whole.definitions['com.example.kitchen.v1.Teapot']
  assert.equal(properties.metadata.$ref, `#/definitions/${meta}_v2`)
  assert.equal(whole.definitions[`${meta}_v2`].description, 'The kitchen has its own.')
  assert.ok(whole.definitions[meta].properties.managedFields !== undefined)
  assert.equal(whole.definitions.unused, undefined)
  assert.equal(whole.paths['/apis/'].get.responses[200].description, 'OK')
  const binary = await it.ask('GET', '/openapi/v2', {
    headers: { accept: 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf' },
  })
  assert.equal(binary.code, 200)
  assert.ok(binary.bytes.includes('com.example.kitchen.v1.Teapot'))
})
