import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { X509Certificate } from 'node:crypto'
import { ensureCertificates } from '#cluster/certificates.ts'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { readCertificates } from '#lib/pki/certificate.ts'
import { readSettings, SettingsError } from '#lib/settings/settingsFile.ts'
import { fileReader, readCredentials, type ServerCredentials } from './credentials.ts'
import { serverSettings } from './settings.ts'

const host = systemHost(systemClock)

function newFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'k8ts-credentials-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const read = (settings: object): Promise<ServerCredentials> =>
  readCredentials(
    { host, clock: systemClock },
    readSettings(serverSettings, JSON.stringify(settings), 'f'),
    fileReader({ host }),
  )

const subjects = (pem = ''): readonly string[] => readCertificates(pem).map(({ subject }) => subject)

test('what is not given is made in the data directory, and stays', async () => {
  using folder = newFolder()
  const settings = {
    dataDirectory: folder.path,
    listen: { address: '127.0.0.1', advertiseAddress: '10.1.2.3' },
    certificate: { names: ['api.example.com', '10.9.9.9'] },
  }
  const made = await read(settings)
  const shown = new X509Certificate(made.tls.certificate)
  for (const name of ['kubernetes.default.svc', 'localhost', 'api.example.com']) assert.ok(shown.checkHost(name), name)
  for (const address of ['127.0.0.1', '10.96.0.1', '10.1.2.3', '10.9.9.9']) assert.ok(shown.checkIP(address), address)
  assert.deepEqual(subjects(made.tls.clientAuthority), ['CN=kubernetes', 'CN=front-proxy-ca'])
  assert.deepEqual(subjects(made.aggregation.identity!.certificate), ['CN=front-proxy-client'])
  assert.deepEqual(made.aggregation.trust!.requestHeader.allowedNames, ['front-proxy-client'])
  const again = await read(settings)
  assert.deepEqual(again.tls, made.tls)
  assert.equal(again.tokenKeys.length, 1)
})

test('what is given is read, and nothing is made then', async () => {
  using folder = newFolder()
  const other = await ensureCertificates(host.files, join(folder.path, 'pki'), systemClock.now(), { dnsNames: ['a'] })
  const at = (name: string): string => join(folder.path, 'pki', name)
  writeFileSync(at('both.pem'), `${other.tokenKey}${other.frontProxyAuthority}`)
  const settings = {
    store: { engine: 'memory' },
    certificate: { certificateFile: at('apiserver.crt'), keyFile: at('apiserver.key') },
    authentication: {
      clientAuthorityFile: at('ca.crt'),
      frontProxy: { authorityFile: at('front-proxy-ca.crt'), allowedNames: ['proxy'] },
    },
    aggregation: { certificateFile: at('front-proxy-client.crt'), keyFile: at('front-proxy-client.key') },
    serviceAccounts: { signingKeyFile: at('service-account.key'), keyFiles: [at('both.pem')] },
    kubelets: {
      authorityFile: at('ca.crt'),
      certificateFile: at('kubelet-client.crt'),
      keyFile: at('kubelet-client.key'),
    },
  }
  const given = await read(settings)
  assert.equal(given.made, undefined)
  assert.deepEqual(subjects(given.tls.clientAuthority), ['CN=kubernetes', 'CN=front-proxy-ca'])
  assert.deepEqual(given.aggregation.identity, other.frontProxyClient)
  assert.deepEqual(given.aggregation.trust!.requestHeader, {
    authority: other.frontProxyAuthority,
    allowedNames: ['proxy'],
    usernameHeaders: ['X-Remote-User'],
    uidHeaders: ['X-Remote-Uid'],
    groupHeaders: ['X-Remote-Group'],
    extraHeaderPrefixes: ['X-Remote-Extra-'],
  })
  assert.equal(given.tokenKeys.length, 3)

  const refused = (change: object, message: RegExp): Promise<void> =>
    assert.rejects(
      read({ ...settings, ...change }),
      (error) => error instanceof SettingsError && message.test(error.message),
    )
  const certificate = { certificateFile: at('apiserver.crt'), keyFile: at('kubelet-client.key') }
  await refused(
    { certificate },
    /^certificate\.keyFile: .*kubelet-client\.key is not the key of the certificate in .*apiserver\.crt$/,
  )
  await refused(
    { certificate: { certificateFile: at('apiserver.key'), keyFile: at('apiserver.key') } },
    /^certificate\.certificateFile: .*apiserver\.key: Cannot read certificates: no CERTIFICATE block/,
  )
  await refused(
    { serviceAccounts: { signingKeyFile: at('ca.crt') } },
    /^serviceAccounts\.signingKeyFile: .*ca\.crt holds no private key as PEM/,
  )
  await refused(
    { serviceAccounts: { ...settings.serviceAccounts, keyFiles: [at('none')] } },
    /^serviceAccounts\.keyFiles\[0\]: there is no file .*none$/,
  )
  await refused(
    { authentication: { clientAuthorityFile: folder.path } },
    /^authentication\.clientAuthorityFile: cannot read .*EISDIR/,
  )
})
