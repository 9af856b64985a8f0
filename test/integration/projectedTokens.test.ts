/** The usual tokens of pods, which clients that never read them again may use for a year: told of and counted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pods } from '#api/core/v1/pod.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import { clientOver } from '#client/client.ts'
import type { Transport } from '#client/transport.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { startServer } from './apiServerFixture.ts'
import { listen } from './apiServerHttp.ts'

const namespace = 'default'
const robot = 'system:serviceaccount:default:robot'
const year = 365 * 24 * 3_600

test('a pod has its token for a year, and whoever has not read it again after an hour is counted', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ roles: true, clock })
  await using http = await listen(fixture.server)
  const { server, transport } = fixture
  const client = clientOver(transport as Transport)
  await client.create(serviceAccounts, { metadata: { name: 'robot', namespace } })
  const pod = await client.create(pods, {
    metadata: { name: 'web', namespace },
    spec: { serviceAccountName: 'robot', containers: [{ name: 'web', image: 'web' }] },
  })
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: pod.metadata.uid }
  const ask = async (spec: object) => {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/robot/token`
    const { body } = await transport.send({ method: 'POST', path, body: { spec: { audiences: [], ...spec } } })
    const { token, expirationTimestamp } = (body as { status: { token: string; expirationTimestamp: string } }).status
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
    const lives = claims.exp - claims.iat
    const warns = claims['kubernetes.io'].warnafter
    return {
      token,
      told: (Date.parse(expirationTimestamp) - clock.now()) / 1_000,
      lives,
      ...(warns === undefined ? {} : { warns: warns - claims.iat }),
    }
  }
  /** Who the server takes its bearer for; or the code of the refusal. */
  const use = async (token: string): Promise<unknown> => {
    const headers = { authorization: `Bearer ${token}` }
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
    const { code, text } = await http.ask('POST', path, { headers, body: {} })
    return JSON.parse(text).status.userInfo?.username ?? code
  }
  const counted = (name: string) =>
    new RegExp(`^serviceaccount_${name} (\\d+)$`, 'm').exec(server.metrics.render())?.[1]

  const { token, ...usual } = await ask({ expirationSeconds: 3_607, boundObjectRef })
  assert.deepEqual(usual, { told: 3_607, lives: year, warns: 3_607 })
  for (const [what, spec, lives] of [
    ['of another life', { expirationSeconds: 3_600, boundObjectRef }, 3_600],
    ['without a pod', { expirationSeconds: 3_607 }, 3_607],
    ['for somebody else', { expirationSeconds: 3_607, boundObjectRef, audiences: ['vault'] }, 3_607],
  ] as const) {
    const { token: other, ...found } = await ask(spec)
    assert.deepEqual(found, { told: lives, lives }, what)
    await use(other)
  }
  assert.deepEqual([counted('valid_tokens_total'), counted('stale_tokens_total')], ['0', '0'])

  assert.equal(await use(token), robot)
  await clock.advance('3607s')
  assert.equal(await use(token), robot)
  assert.deepEqual([counted('valid_tokens_total'), counted('stale_tokens_total')], ['2', '0'])
  await clock.advance('60s')
  assert.equal(await use(token), robot)
  assert.deepEqual([counted('valid_tokens_total'), counted('stale_tokens_total')], ['2', '1'])
  await clock.advance('365d')
  assert.equal(await use(token), 401)
  assert.equal(counted('stale_tokens_total'), '1')
})
