/** Tokens of service accounts in Secrets, over years: their uses are noted, and those that nobody uses are taken away. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps } from '#api/core/v1/configMap.ts'
import { secrets, type Secret } from '#api/core/v1/secret.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import { Causes } from '#client/causes.ts'
import { clientOver, type Client } from '#client/client.ts'
import { eventWriter } from '#client/events.ts'
import { sharedInformers } from '#client/informers.ts'
import type { Transport } from '#client/transport.ts'
import { ensureTracking } from '#cluster/legacyTokenTracking.ts'
import { legacyServiceAccountTokenCleaner } from '#controllers/legacyServiceAccountToken/controller.ts'
import { makeControllers } from '#controllers/makeControllers.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { seededRandom } from '#lib/random.ts'
import { trackingConfigMap } from '#machinery/legacyTokens.ts'
import { isReason } from '#machinery/status.ts'
import { componentCaller, controllerCaller } from '#server/identities.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { controllerMetrics } from '#controllers/metrics.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'
import { listen } from './apiServerHttp.ts'

const namespace = 'default'
const lastUsed = 'kubernetes.io/legacy-token-last-used'
const invalidSince = 'kubernetes.io/legacy-token-invalid-since'
const warning =
  'Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens.'

/** One look of the cleaner, with the rights that it has; says when it wants to look again. */
async function look({ server, clock }: ServerFixture): Promise<unknown> {
  const stop = new AbortController()
  const problems: string[] = []
  const report = (problem: string, error: unknown) => problems.push(`${problem}: ${String(error)}`)
  const client = clientOver(inProcessTransport(server, componentCaller('system:kube-controller-manager')) as Transport)
  const shared = { client, clock, random: seededRandom(1), report }
  const informers = sharedInformers(shared)
  const context = {
    ...shared,
    informers,
    events: eventWriter(shared),
    causes: new Causes(clock),
    metrics: controllerMetrics(new MetricRegistry()),
    config: { rootCertificate: 'PEM', podCidrs: [] },
  }
  const [controller] = makeControllers([legacyServiceAccountTokenCleaner], context, (account) =>
    clientOver(inProcessTransport(server, controllerCaller(account)) as Transport),
  )
  controller!.watch(
    () => {},
    () => {},
  )
  const running = informers.run(stop.signal)
  try {
    await informers.synced(stop.signal)
    const outcome = await controller!.reconcile('all', stop.signal)
    assert.deepEqual(problems, [])
    return outcome
  } finally {
    stop.abort()
    await running
  }
}

/** Secrets for tokens of one account, which lists the first: nobody asked for that. */
async function makeTokens(
  { server }: ServerFixture,
  client: Client,
): Promise<Readonly<Record<'auto' | 'manual', string>>> {
  const account = await client.create(serviceAccounts, {
    metadata: { name: 'robot', namespace },
    secrets: [{ name: 'auto' }],
  })
  const make = async (name: string): Promise<string> => {
    const annotations = {
      'kubernetes.io/service-account.name': 'robot',
      'kubernetes.io/service-account.uid': account.metadata.uid!,
    }
    const type = 'kubernetes.io/service-account-token'
    const secret = await client.create(secrets, { metadata: { name, namespace, annotations }, type })
    const token = await server.signSecretToken(secret, account)
    await client.update(secrets, { ...secret, data: { token: Buffer.from(token).toString('base64') } })
    return token
  }
  return { auto: await make('auto'), manual: await make('manual') }
}

test('uses of tokens in Secrets are noted, and those of which nobody makes use end', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ roles: true, clock })
  await using http = await listen(fixture.server)
  const { server, transport } = fixture
  const client = clientOver(transport as Transport)
  const tokens = await makeTokens(fixture, client)
  const use = async (name: keyof typeof tokens) => {
    const headers = { authorization: `Bearer ${tokens[name]}` }
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
    const { code, headers: said, text } = await http.ask('POST', path, { headers, body: {} })
    return [code, JSON.parse(text).status.userInfo?.username, said['warning']]
  }
  const secret = (name: string): Promise<Secret> => client.get(secrets, { name, namespace })
  const labels = async (name: string) => (await secret(name)).metadata.labels
  const counted = (name: string) =>
    new RegExp(`^serviceaccount_${name} (\\d+)$`, 'm').exec(server.metrics.render())?.[1]

  await ensureTracking(client, clock.now(), new AbortController().signal)
  assert.deepEqual((await client.get(configMaps, trackingConfigMap)).data, { since: '2026-01-01' })
  const robot = 'system:serviceaccount:default:robot'
  assert.deepEqual(await use('manual'), [201, robot, undefined])
  assert.deepEqual(await use('auto'), [201, robot, `299 - "${warning}"`])
  assert.deepEqual(
    [await labels('auto'), await labels('manual')],
    [{ [lastUsed]: '2026-01-01' }, { [lastUsed]: '2026-01-01' }],
  )
  const { resourceVersion } = (await secret('auto')).metadata
  await use('auto')
  assert.equal((await secret('auto')).metadata.resourceVersion, resourceVersion, 'it is written once a day')
  assert.deepEqual(await look(fixture), { after: 86_400_000 })

  // A year after uses are noted for sure, and after both were used.
  await clock.advance('8808h')
  await look(fixture)
  assert.deepEqual(await labels('auto'), { [lastUsed]: '2026-01-01', [invalidSince]: '2027-01-03' })
  assert.deepEqual(await labels('manual'), { [lastUsed]: '2026-01-01' })
  assert.deepEqual((await use('auto')).slice(0, 2), [401, undefined])
  assert.deepEqual(await labels('auto'), { [lastUsed]: '2027-01-03', [invalidSince]: '2027-01-03' })
  assert.match(
    JSON.stringify(
      (
        await client.transport.send({
          method: 'POST',
          path: '/apis/authentication.k8s.io/v1/tokenreviews',
          body: { spec: { token: tokens.auto } },
        })
      ).body,
    ),
    /the token in secret default\/auto for service account default\/robot has been marked invalid\. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the 'kubernetes\.io\/legacy-token-invalid-since' label from the secret to temporarily allow use of this token/,
  )
  assert.deepEqual(
    [
      'legacy_tokens_total',
      'legacy_manual_token_uses_total',
      'legacy_auto_token_uses_total',
      'invalid_legacy_auto_token_uses_total',
    ].map(counted),
    ['3', '1', '2', '2'],
  )

  // Whoever tried to use it has another year to mend that.
  await clock.advance('8760h')
  await look(fixture)
  assert.equal((await labels('auto'))?.[invalidSince], '2027-01-03')
  await clock.advance('24h')
  await look(fixture)
  await assert.rejects(secret('auto'), (error: unknown) => isReason(error, 'NotFound'))
  assert.deepEqual(await use('manual'), [201, robot, undefined])
})

test('a server says since when it notes uses, also after somebody wrote something else there', async () => {
  await using fixture = await startServer({ roles: true })
  const client = clientOver(inProcessTransport(fixture.server, componentCaller('system:apiserver')) as Transport)
  const { signal } = new AbortController()
  const since = async () => (await client.get(configMaps, trackingConfigMap)).data
  await ensureTracking(client, Date.UTC(2026, 9, 24, 23), signal)
  await ensureTracking(client, Date.UTC(2026, 9, 30), signal)
  assert.deepEqual(await since(), { since: '2026-10-24' })
  const known = await client.get(configMaps, trackingConfigMap)
  await client.update(configMaps, { ...known, data: { since: 'ever', more: 'stays' } })
  await ensureTracking(client, Date.UTC(2026, 9, 31), signal)
  assert.deepEqual(await since(), { since: '2026-10-31', more: 'stays' })
})
