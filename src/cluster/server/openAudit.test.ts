import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { HttpServer } from '#lib/http/server.ts'
import { silentLogger } from '#lib/log.ts'
import { SettingsError } from '#lib/settings/settingsFile.ts'
import { fileReader } from './credentials.ts'
import { openAudit } from './openAudit.ts'

function newFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'k8ts-audit-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const policy = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{ level: Metadata }]\n'
const readFile = fileReader({ host: systemHost(systemClock) })
const log = (path: string) => ({ path, largestMegabytes: 1, mostFiles: 1, mostDays: 1 })
const batches = { firstPause: 100, batchSize: 10, batchWait: 60_000, mostWaiting: 10 }

test('events go to the file and to the server that a kubeconfig names, what is left at the end too', async () => {
  using folder = newFolder()
  const bodies: string[] = []
  const server = new HttpServer({
    async handler(request, reply) {
      bodies.push(`${request.method} ${request.path} ${(await request.readBody(10_000)).toString()}`)
      reply.send(200, {}, '{}')
    },
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const [policyFile, configFile] = [join(folder.path, 'policy.yaml'), join(folder.path, 'kubeconfig')]
  writeFileSync(policyFile, policy)
  writeFileSync(
    configFile,
    JSON.stringify({
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'k', user: '' } }],
      clusters: [{ name: 'k', cluster: { server: `http://127.0.0.1:${port}/events?from=test` } }],
    }),
  )
  const path = join(folder.path, 'audit.log')
  const settings = { policyFile, log: log(path), webhook: { configFile, ...batches } }
  const { options, component } = await openAudit(settings, readFile, systemClock, silentLogger)
  const stop = new AbortController()
  const running = component.run(() => undefined, stop.signal)
  for (const sink of options.sinks) sink.write('{"n":1}')
  stop.abort()
  await running
  assert.equal(readFileSync(path, 'utf8'), '{"n":1}\n')
  assert.deepEqual(bodies, [
    'POST /events {"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[{"n":1}]}',
  ])
  await server.close(AbortSignal.abort())
})

test('files that cannot be used are told with the setting that names them', async () => {
  using folder = newFolder()
  const policyFile = join(folder.path, 'policy.yaml')
  const open = (settings: object): Promise<unknown> =>
    openAudit({ policyFile, log: undefined, webhook: undefined, ...settings }, readFile, systemClock, silentLogger)
  const refused = async (settings: object, message: RegExp): Promise<void> => {
    await assert.rejects(open(settings), (error) => error instanceof SettingsError && message.test(error.message))
  }
  await refused({}, /^audit\.policyFile: there is no file .*policy\.yaml$/)
  writeFileSync(policyFile, `${policy}ruels: []\n`)
  await refused(
    {},
    /policy\.yaml:4: ruels is no setting; there are apiVersion, kind, metadata, rules, omitStages, omitManagedFields$/,
  )
  writeFileSync(policyFile, policy)
  await refused({ log: log(folder.path) }, /^audit\.log\.path: cannot write .*EISDIR/)
  const configFile = join(folder.path, 'kubeconfig')
  writeFileSync(configFile, 'kind: Config\n')
  await refused(
    { webhook: { configFile, ...batches } },
    /^audit\.webhook\.configFile: .*kubeconfig: No context is chosen/,
  )
})
