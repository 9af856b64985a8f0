import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { until } from './aggregationFixture.ts'
import { startExtension, register, whenSaid } from './extensionServer.ts'
import { startForKubectl } from './kubectlFixture.ts'

test('kubectl finds, follows and explains what another server serves', async () => {
  await using kubectl = await startForKubectl()
  await using extension = await startExtension()
  const { fixture, say } = kubectl
  await register(fixture, extension)
  await whenSaid(fixture, 'Passed')
  const lines = (text: string): string[] => text.split('\n').map((line) => line.replace(/ +/g, ' '))
  const table = lines(await say('root', 'get apiservices'))
  assert.equal(table[0], 'NAME SERVICE AVAILABLE AGE')
  assert.ok(table.some((line) => /^v1\. Local True \d+s$/.test(line)))
  assert.ok(table.some((line) => /^v1\.apps Local True \d+s$/.test(line)))
  assert.ok(table.some((line) => /^v1\.kitchen\.example\.com default\/kitchen True \d+s$/.test(line)))
  assert.deepEqual(lines(await say('root', 'api-resources --api-group=kitchen.example.com')), [
    'NAME SHORTNAMES APIVERSION NAMESPACED KIND',
    'teapots tp kitchen.example.com/v1 true Teapot',
  ])
  assert.deepEqual(lines(await say('root', 'get tp')), ['NAME AGE', 'brown <unknown>'])
  assert.equal(
    await say('jane', 'get teapots'),
    'Error from server (Forbidden): teapots.kitchen.example.com is forbidden: User "jane" cannot list resource "teapots" in API group "kitchen.example.com" in the namespace "default"',
  )
  assert.equal(
    await say('root', 'explain teapots.spec.cups'),
    'GROUP:      kitchen.example.com\nKIND:       Teapot\nVERSION:    v1\n\nFIELD: cups <integer>\n\n\nDESCRIPTION:\n    How many cups it fills.',
  )
  const watching = kubectl.start('root', 'get teapots --watch --no-headers -o name')
  const seen: string[] = []
  watching.stdout!.setEncoding('utf8').on('data', (text: string) => seen.push(...text.trim().split('\n')))
  await until(() => (seen.length > 0 ? true : undefined))
  assert.equal(
    await say('root', `create --validate=strict -f ${kubectl.file('pot.json', pot)}`),
    'teapot.kitchen.example.com/red created',
  )
  await until(() => (seen.length > 1 ? true : undefined))
  assert.match(await say('root', 'delete teapot red --wait=false'), /^teapot\.kitchen\.example\.com "red" deleted/)
  watching.kill()
  await once(watching, 'exit')
  assert.deepEqual(seen.slice(0, 2), ['teapot.kitchen.example.com/brown', 'teapot.kitchen.example.com/red'])
  await extension[Symbol.asyncDispose]()
  assert.equal(
    await say('root', 'get teapots'),
    'Error from server (ServiceUnavailable): the server is currently unable to handle the request (get teapots.kitchen.example.com)',
  )
  assert.deepEqual(fixture.bugs, [])
})

const pot = { apiVersion: 'kitchen.example.com/v1', kind: 'Teapot', metadata: { name: 'red' }, spec: { cups: 2 } }

test('kubectl explains what a server describes that only knows OpenAPI v2', async () => {
  await using kubectl = await startForKubectl()
  await using extension = await startExtension()
  extension.hasOpenApiV3 = false
  await register(kubectl.fixture, extension)
  await whenSaid(kubectl.fixture, 'Passed')
  assert.equal(
    await kubectl.say('root', 'explain teapots --recursive'),
    `GROUP:      kitchen.example.com
KIND:       Teapot
VERSION:    v1

DESCRIPTION:
    Teapot is a vessel for tea.

FIELDS:
  apiVersion	<string>
  kind	<string>
  metadata	<ObjectMeta>
    name	<string>
  spec	<Object>
    cups	<integer>`,
  )
})
