// The real command line: `k8ts server` as a process of its own.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { parseYaml } from '#lib/encoding/yaml.ts'
import { ensureCertificates, issue } from '#cluster/certificates.ts'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { HttpClient } from '#lib/http/client.ts'
import type { HttpClientError } from '#lib/http/clientError.ts'
import { startFrontProxy } from './frontProxy.ts'

const program = join(import.meta.dirname, '../../bin/k8ts.js')

interface RunningServer extends AsyncDisposable {
  readonly url: string
  /** PEM of the authority of its certificate. */
  readonly authority: string
  /** Asks as the administrator, or with a token. */
  ask(method: string, path: string, options?: { readonly token?: string; readonly body?: object }): Promise<Answer>
  /** Ends it as a service manager does; its exit code. */
  stop(): Promise<number>
}

interface Answer {
  readonly code: number
  readonly text: string
  readonly warnings: readonly string[]
}

/** Starts the command on a file in `folder` and waits until it says that it is ready. */
async function startProcess(folder: string, settings: object) {
  const file = join(folder, 'server.json')
  writeFileSync(file, JSON.stringify(settings))
  const child = spawn(process.execPath, [program, 'server', '--config', file], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? -1)))
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ready = new Promise<string>((resolve) => createInterface({ input: child.stdout }).once('line', resolve))
  const line = await Promise.race([ready, ended.then((code) => `ended with ${code}: ${said}`)])
  const url = /^Ready at (https:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1]
  assert.ok(url !== undefined, line)
  const stop = (): Promise<number> => {
    child.kill('SIGTERM')
    return ended
  }
  return { url, stop, [Symbol.asyncDispose]: async () => void (await stop()) }
}

/** The same for a server whose administrator there is a kubeconfig of. */
async function startCommand(folder: string, settings: object): Promise<RunningServer> {
  const kubeconfig = join(folder, 'admin.kubeconfig')
  const { url, stop: end } = await startProcess(folder, { ...settings, administratorKubeconfig: kubeconfig })
  const { clusters, users } = parseYaml(readFileSync(kubeconfig, 'utf8')) as {
    readonly clusters: [{ readonly cluster: Record<string, string> }]
    readonly users: [{ readonly user: Record<string, string> }]
  }
  const plain = (base64 = ''): string => Buffer.from(base64, 'base64').toString()
  const authority = plain(clusters[0].cluster['certificate-authority-data'])
  assert.equal(clusters[0].cluster['server'], url)
  const { user } = users[0]
  const own = { certificate: plain(user['client-certificate-data']), key: plain(user['client-key-data']) }
  const administrator = new HttpClient({ url, tls: { authority, ...own } })
  const anybody = new HttpClient({ url, tls: { authority } })
  const stop = async (): Promise<number> => {
    for (const client of [administrator, anybody]) client.close()
    return end()
  }
  return {
    url,
    authority,
    async ask(method, path, { token, body } = {}) {
      const response = await (token === undefined ? administrator : anybody).request({
        method,
        path,
        headers: {
          'content-type': 'application/json',
          ...(token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` }),
        },
        ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
      })
      const text = (await response.readBody(1024 * 1024)).toString('utf8')
      const warnings = response.headers['warning'] ?? []
      return { code: response.status, text, warnings: typeof warnings === 'string' ? [warnings] : [...warnings] }
    },
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

function newFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'k8ts-server-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

test('the command serves what its file says, and keeps it', async () => {
  using folder = newFolder()
  const tokenFile = join(folder.path, 'tokens.csv')
  writeFileSync(tokenFile, 'secret,jane,1,"readers"\n')
  const [policyFile, auditFile] = [join(folder.path, 'policy.yaml'), join(folder.path, 'audit.log')]
  writeFileSync(
    policyFile,
    'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{ level: Metadata, users: [jane] }]\n',
  )
  const settings = {
    dataDirectory: join(folder.path, 'data'),
    listen: { address: '127.0.0.1', port: 0 },
    authentication: { tokenFile, anonymous: false },
    authorization: { modes: ['RBAC'] },
    admission: {
      disable: ['ServiceAccount'],
      podSecurity: {
        defaults: { enforce: 'baseline', warn: 'restricted' },
        exemptions: { namespaces: ['kube-system'] },
      },
      resourceQuota: { limitedResources: [{ resource: 'configmaps', matchContains: ['count/configmaps'] }] },
    },
    requests: { largestBody: 100_000 },
    audit: { policyFile, log: { path: auditFile } },
    eventLifetime: '5m',
  }
  const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`
  const pod = (more: object) => ({
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', image: 'i' }], ...more },
  })
  const begin = async (): Promise<void> => {
    await using server = await startCommand(folder.path, settings)
    assert.deepEqual(await server.ask('GET', '/readyz'), { code: 200, text: 'ok', warnings: [] })
    assert.equal((await server.ask('GET', '/readyz', { token: '' })).code, 401)
    assert.equal((await server.ask('GET', '/readyz', { token: 'secret' })).code, 200)
    assert.equal((await server.ask('GET', pods('default'), { token: 'secret' })).code, 403)
    for (const path of ['/api/v1/namespaces/kube-system', '/api/v1/namespaces/default/services/kubernetes']) {
      assert.equal((await server.ask('GET', path)).code, 200, path)
    }
    const refused = await server.ask('POST', pods('default'), { body: pod({ hostNetwork: true }) })
    assert.equal(refused.code, 403)
    assert.match(refused.text, /violates PodSecurity \\"baseline:latest\\": host namespaces \(hostNetwork=true\)/)
    assert.equal((await server.ask('POST', pods('kube-system'), { body: pod({ hostNetwork: true }) })).code, 201)
    const warned = await server.ask('POST', pods('default'), { body: pod({}) })
    assert.equal(warned.code, 201)
    assert.match(warned.warnings.join(), /would violate PodSecurity \\"restricted:latest\\"/)
    const limited = await server.ask('POST', '/api/v1/namespaces/default/configmaps', {
      body: { metadata: { name: 'a' } },
    })
    assert.equal(limited.code, 403)
    assert.match(limited.text, /insufficient quota to consume: count\/configmaps/)
    assert.equal(await server.stop(), 0)
  }
  /** What the audit log says that jane did. */
  const noted = (): readonly (readonly [string, number])[] =>
    readFileSync(auditFile, 'utf8')
      .trimEnd()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as { readonly requestURI: string; readonly responseStatus: { readonly code: number } },
      )
      .map(({ requestURI, responseStatus }) => [requestURI, responseStatus.code])
  await begin()
  assert.deepEqual(noted(), [
    ['/readyz', 200],
    [pods('default'), 403],
  ])
  await using server = await startCommand(folder.path, settings)
  assert.equal((await server.ask('GET', `${pods('default')}/p`)).code, 200)
  const { text: metrics } = await server.ask('GET', '/metrics')
  assert.match(metrics, /^apiserver_storage_size_bytes\{storage_cluster_id="store"\} [1-9]/m)
  assert.match(metrics, /^process_cpu_seconds_total [0-9.e-]+$/m)
})

test('a server knows those that may ask in the name of others, and says so', async () => {
  using folder = newFolder()
  const frontProxy = startFrontProxy()
  const authorityFile = join(folder.path, 'front-proxy-ca.crt')
  writeFileSync(authorityFile, frontProxy.authority.trim())
  const settings = {
    dataDirectory: join(folder.path, 'data'),
    store: { engine: 'memory' },
    listen: { address: '127.0.0.1', port: 0 },
    authentication: {
      frontProxy: { authorityFile, allowedNames: ['gate'], usernameHeaders: ['X-User', 'X-Other'] },
    },
  }
  await using server = await startCommand(folder.path, settings)
  const credentials = frontProxy.issue('frontProxy', 'gate')
  const client = new HttpClient({ url: server.url, tls: { authority: server.authority, ...credentials } })
  try {
    const asked = (headers: Record<string, string>) =>
      client.request({
        method: 'POST',
        path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}',
      })
    const known = await asked({ 'x-other': 'eve', 'x-remote-group': 'cooks' })
    const { status } = JSON.parse((await known.readBody(10_000)).toString()) as { readonly status: object }
    assert.deepEqual(status, { userInfo: { username: 'eve', groups: ['cooks', 'system:authenticated'] } })
    const unknown = await asked({ 'x-remote-user': 'eve' })
    assert.equal(unknown.status, 401)
    unknown.discard()
  } finally {
    client.close()
  }
  const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication'
  let map = await server.ask('GET', path)
  while (map.code === 404) map = await server.ask('GET', path)
  const { data } = JSON.parse(map.text) as { readonly data: Readonly<Record<string, string>> }
  assert.equal(data['requestheader-client-ca-file'], frontProxy.authority)
  assert.equal(data['requestheader-allowed-names'], '["gate"]')
  assert.equal(data['requestheader-username-headers'], '["X-User","X-Other"]')
  assert.match(data['client-ca-file']!, /^-----BEGIN CERTIFICATE-----/)
})

test('certificates of files that change are used without a restart, and a bad one changes nothing', async () => {
  using folder = newFolder()
  const host = systemHost(systemClock)
  const at = (name: string): string => join(folder.path, name)
  const makeAll = (name: string) => ensureCertificates(host.files, at(name), Date.now(), { addresses: ['127.0.0.1'] })
  const [before, after] = [await makeAll('before'), await makeAll('after')]
  const write = ({ apiServer, authority, frontProxyAuthority }: typeof before): void => {
    writeFileSync(at('tls.crt'), apiServer.certificate)
    writeFileSync(at('tls.key'), apiServer.key)
    writeFileSync(at('clients.crt'), authority)
    writeFileSync(at('proxies.crt'), frontProxyAuthority)
  }
  write(before)
  const settings = {
    dataDirectory: at('data'),
    store: { engine: 'memory' },
    listen: { address: '127.0.0.1', port: 0 },
    certificate: { certificateFile: at('tls.crt'), keyFile: at('tls.key') },
    authentication: {
      clientAuthorityFile: at('clients.crt'),
      frontProxy: { authorityFile: at('proxies.crt'), allowedNames: ['front-proxy-client'] },
    },
  }
  await using server = await startProcess(folder.path, settings)
  /** As whom somebody is known who expects this server and shows one of its certificates. */
  const knownAs = async (those: typeof before, own: object, headers: Record<string, string> = {}): Promise<string> => {
    const client = new HttpClient({ url: server.url, tls: { authority: those.authority, ...own } })
    try {
      const answer = await client.request({
        method: 'POST',
        path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}',
      })
      const { status } = JSON.parse((await answer.readBody(10_000)).toString())
      return status?.userInfo?.username ?? String(answer.status)
    } catch (error) {
      return (error as HttpClientError).problem
    } finally {
      client.close()
    }
  }
  const jane = ({ signer }: typeof before) => issue(signer, Date.now(), { commonName: 'jane' }, 'clientAuth')
  const proxied = (those: typeof before) => knownAs(those, those.frontProxyClient, { 'x-remote-user': 'eve' })
  assert.deepEqual([await knownAs(before, jane(before)), await proxied(before)], ['jane', 'eve'])

  // The certificate of the next ones with the key of these: nothing of that is used.
  writeFileSync(at('tls.crt'), after.apiServer.certificate)
  writeFileSync(at('clients.crt'), 'no certificate')
  for (let time = 0; time < 3; time++) {
    assert.equal(await knownAs(before, jane(before)), 'jane')
    await systemClock.sleep(2_500)
  }
  write(after)
  for (let tries = 0; (await knownAs(after, jane(after))) !== 'jane'; tries++) {
    assert.ok(tries < 200, 'the next certificates are used')
    await systemClock.sleep(100)
  }
  assert.equal(await proxied(after), 'eve')
  assert.equal(await knownAs(before, jane(before)), 'certificate', 'it shows another certificate')
  assert.equal(await knownAs(after, jane(before)), '403', 'the authority of before vouches for nobody')
})

const run = (
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [program, 'server', ...args], (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })

test('the command tells mistakes of its file, and of the files that this names', async () => {
  using folder = newFolder()
  const file = join(folder.path, 'server.yaml')
  const data = `dataDirectory: ${join(folder.path, 'data')}\nlisten: { address: 127.0.0.1, port: 0 }\n`
  writeFileSync(file, `${data}authorization: { modes: [Roles] }\n`)
  assert.deepEqual(await run('--config', file), {
    code: 2,
    out: '',
    err: `k8ts: ${file}:3: authorization.modes[0] is "Roles"; it must be one of "Node", "RBAC", "AlwaysAllow", "AlwaysDeny"\n`,
  })
  writeFileSync(file, `${data}authentication: { tokenFile: /nowhere/tokens.csv }\n`)
  assert.deepEqual(await run('--config', file, '--check'), { code: 0, out: `${file}: no mistake found\n`, err: '' })
  assert.deepEqual(await run('--config', file), {
    code: 2,
    out: '',
    err: 'k8ts: authentication.tokenFile: there is no file /nowhere/tokens.csv\n',
  })
  assert.deepEqual(await run('--config', '/nowhere/server.yaml'), {
    code: 2,
    out: '',
    err: 'k8ts: /nowhere/server.yaml: there is no such file\n',
  })
})

test('the command prints the JSON schema of its file', async () => {
  const { code, out } = await run('--print-schema')
  const schema = JSON.parse(out) as { readonly $schema: string; readonly properties: Record<string, object> }
  assert.deepEqual([code, schema.$schema], [0, 'http://json-schema.org/draft-07/schema#'])
  assert.deepEqual(schema.properties['eventLifetime'], {
    description: 'How long events are kept. (kube-apiserver: --event-ttl)',
    type: 'string',
    pattern: '^([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$',
    default: '1h',
  })
})
