import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from './apiServerFixture.ts'

test('an object is created, read, updated and deleted', async () => {
  await using fixture = await startServer()
  const { transport } = fixture
  const path = '/api/v1/namespaces/default/configmaps'
  const created = await transport.send({ method: 'POST', path, body: { metadata: { name: 'a' }, data: { x: '1' } } })
  console.log(JSON.stringify(created))
  const got = await transport.send({ method: 'GET', path: `${path}/a` })
  assert.equal(got.body, created.body)
  const pod = await transport.send({ method: 'POST', path: '/api/v1/namespaces/default/pods', body: { metadata: { generateName: 'a-' }, spec: { containers: [{name:'c', image:'x'}] } } })
  console.log(JSON.stringify(pod, null, 1), fixture.bugs)
})
