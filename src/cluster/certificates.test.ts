import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { fakeFiles } from '#lib/host/files.ts'
import { ensureCertificates } from './certificates.ts'

const now = Date.UTC(2026, 0, 1)
const folder = '/certificates'
const names = { dnsNames: ['localhost'], addresses: ['127.0.0.1'] }

test('the certificates of a cluster are made once', async () => {
  const files = fakeFiles()
  const made = await ensureCertificates(files, folder, now, names)
  const again = await ensureCertificates(files, folder, now + 1_000_000, names)
  const { signer: _, ...texts } = made
  const { signer: __, ...read } = again
  assert.deepEqual(read, texts)
})

test('servers that ask in the name of others are vouched for by nobody but their own authority', async () => {
  const made = await ensureCertificates(fakeFiles(), folder, now, names)
  const authority = new X509Certificate(made.authority)
  const frontProxy = new X509Certificate(made.frontProxyAuthority)
  const client = new X509Certificate(made.frontProxyClient.certificate)
  assert.deepEqual(
    [frontProxy.subject, client.subject, client.checkIssued(frontProxy), client.checkIssued(authority)],
    ['CN=front-proxy-ca', 'CN=front-proxy-client', true, false],
  )
  assert.ok(client.verify(frontProxy.publicKey))
  // Both authorities stand one after the other where clients are checked.
  assert.ok(made.authority.endsWith('-----END CERTIFICATE-----\n'))
})

test('a cluster from before there was a front proxy gets one, and keeps all else', async () => {
  const files = fakeFiles()
  const before = await ensureCertificates(files, folder, now, names)
  for (const name of await files.list(folder))
    if (name.startsWith('front-proxy')) await files.remove(`${folder}/${name}`)
  const after = await ensureCertificates(files, folder, now, names)
  assert.deepEqual(
    [after.authority, after.apiServer, after.tokenKey],
    [before.authority, before.apiServer, before.tokenKey],
  )
  assert.notEqual(after.frontProxyAuthority, before.frontProxyAuthority)
})
