import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { RuntimeError, type ContainerRuntime } from '../runtime/containerRuntime.ts'
import { ImagePuller } from './imagePuller.ts'
import { credentialsFor, hubInCredentials, registryOf } from './pullSecrets.ts'

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'ns', uid: 'u' },
  spec: { containers: [], imagePullSecrets: [{ name: 's' }] },
}
const none = { configMap: () => undefined, secret: () => undefined }

/** A puller over a runtime that has `present` and can pull `pullable`, with a log of its events. */
function pullerOver(present: string[], pullable: string[], code = 5) {
  const clock = new SimulatedClock()
  const looks: string[] = []
  const runtime = {
    findImage: async (image: string) => {
      looks.push(image)
      await Promise.resolve()
      return present.includes(image) ? { ref: `ref of ${image}`, names: [], sizeBytes: 5 } : undefined
    },
    pullImage: async (image: string) => {
      if (!pullable.includes(image)) throw new RuntimeError('no such image', code)
      present.push(image)
      return `ref of ${image}`
    },
  } as Partial<ContainerRuntime> as ContainerRuntime
  const puller = new ImagePuller(runtime, clock)
  const events: string[] = []
  const ensure = async (container: Omit<Container, 'name'>, signal = new AbortController().signal) => {
    const note = (type: string, reason: string, message: string) => void events.push(`${type} ${reason}: ${message}`)
    const outcome = await puller.ensure(pod, { name: 'c', ...container }, none, note, signal)
    return outcome.ok ? outcome.ref : `${outcome.failure.reason}: ${outcome.failure.message}`
  }
  return { clock, events, looks, ensure }
}

test('an image that is there is used', async () => {
  const { events, ensure } = pullerOver(['a:1'], [])
  assert.equal(await ensure({ image: 'a:1' }), 'ref of a:1')
  assert.deepEqual(events, ['Normal Pulled: Container image "a:1" already present on machine'])
})

test('what several want to know of an image at the same time is asked once, and again later', async () => {
  const { events, looks, ensure } = pullerOver(['a:1', 'b:1'], [])
  const asked = [ensure({ image: 'a:1' }), ensure({ image: 'a:1' }), ensure({ image: 'b:1' })]
  assert.deepEqual(await Promise.all(asked), ['ref of a:1', 'ref of a:1', 'ref of b:1'])
  assert.deepEqual(looks, ['a:1', 'b:1'])
  assert.equal(events.length, 3)
  await ensure({ image: 'a:1' })
  assert.deepEqual(looks, ['a:1', 'b:1', 'a:1'])
})

test('who stops waiting for an image takes its answer from nobody else', async () => {
  const { ensure } = pullerOver(['a:1'], [])
  const stop = new AbortController()
  const first = ensure({ image: 'a:1' }, stop.signal)
  const second = ensure({ image: 'a:1' })
  stop.abort()
  await assert.rejects(first, { name: 'AbortError' })
  assert.equal(await second, 'ref of a:1')
})

test('an image that is not there is pulled', async () => {
  const { events, ensure } = pullerOver([], ['a:1'])
  assert.equal(await ensure({ image: 'a:1' }), 'ref of a:1')
  assert.deepEqual(events, [
    'Normal Pulling: Pulling image "a:1"',
    'Normal Pulled: Successfully pulled image "a:1" in 0ms (0ms including waiting). Image size: 5 bytes.',
  ])
})

test('a failed pull is followed by a back-off that doubles', async () => {
  const { clock, events, ensure } = pullerOver([], [])
  const pullError = 'rpc error: code = NotFound desc = no such image'
  const backOff = `ImagePullBackOff: Back-off pulling image "a:1": ErrImagePull: ${pullError}`
  assert.equal(await ensure({ image: 'a:1' }), `ErrImagePull: ${pullError}`)
  await clock.advance('9s')
  assert.equal(await ensure({ image: 'a:1' }), backOff)
  assert.deepEqual(events, [
    'Normal Pulling: Pulling image "a:1"',
    `Warning Failed: Failed to pull image "a:1": ${pullError}`,
    'Warning Failed: Error: ErrImagePull',
    'Normal BackOff: Back-off pulling image "a:1"',
    'Warning Failed: Error: ImagePullBackOff',
  ])
  await clock.advance('1s')
  assert.equal(await ensure({ image: 'a:1' }), `ErrImagePull: ${pullError}`)
  await clock.advance('19s')
  assert.equal(await ensure({ image: 'a:1' }), backOff)
})

test('a code that says nothing about a failed pull is left out', async () => {
  const { events, ensure } = pullerOver([], [], 2)
  assert.equal(await ensure({ image: 'a:1' }), 'ErrImagePull: no such image')
  assert.equal(events[1], 'Warning Failed: Failed to pull image "a:1": no such image')
})

test('what is never to be pulled, and what has no readable name', async () => {
  const { events, ensure } = pullerOver([], [])
  const absent = 'Container image "a:1" is not present with pull policy of Never'
  assert.equal(await ensure({ image: 'a:1', imagePullPolicy: 'Never' }), `ErrImageNeverPull: ${absent}`)
  await ensure({ image: 'Bad_NAME:1:2' })
  const unreadable =
    'Failed to apply default image tag "Bad_NAME:1:2": couldn\'t parse image reference "Bad_NAME:1:2": invalid reference format: repository name must be lowercase'
  assert.deepEqual(events, [
    `Warning ErrImageNeverPull: ${absent}`,
    'Warning Failed: Error: ErrImageNeverPull',
    `Warning InspectFailed: ${unreadable}`,
    'Warning Failed: Error: InvalidImageName',
  ])
})

test('pull secrets open the registries they name', () => {
  assert.deepEqual(['a', 'a/b', 'r.io/a', 'localhost/a', 'r:5000/a/b'].map(registryOf), [
    'docker.io',
    'docker.io',
    'r.io',
    'localhost',
    'r:5000',
  ])
  const auths = {
    [`https://${hubInCredentials}/v1/`]: { auth: Buffer.from('hub:pw:x').toString('base64') },
    '*.example.com': { username: 'u', password: 'p' },
    'quay.io/team': { identitytoken: 't' },
  }
  const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') }
  const objects = {
    ...none,
    secret: (name: string) => ({ apiVersion: 'v1' as const, kind: 'Secret' as const, metadata: { name }, data }),
  }
  const users = (image: string) =>
    credentialsFor(image, pod, objects).map((each) => each.username ?? each.identityToken)
  assert.deepEqual(['nginx', 'a.example.com/x', 'example.com/x', 'quay.io/team/x', 'quay.io/x'].map(users), [
    ['hub'],
    ['u'],
    [],
    ['t'],
    [],
  ])
  assert.equal(credentialsFor('nginx', pod, objects)[0]!.password, 'pw:x')
  assert.deepEqual(
    credentialsFor('nginx', pod, {
      ...none,
      secret: () => ({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 's' },
        data: { '.dockerconfigjson': 'e30x' },
      }),
    }),
    [],
  )
})
