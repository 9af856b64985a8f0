import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingsError } from '#lib/settings/settingsFile.ts'
import { readSchedulerFile } from './schedulerFile.ts'

const head = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n'
const inBase64 = (text: string): string => Buffer.from(text).toString('base64')
const pem = '-----BEGIN CERTIFICATE-----'

function filesOf(contents: Readonly<Record<string, string>>): { readText(path: string): Promise<string | undefined> } {
  return { readText: async (path) => contents[path] }
}

const trusts: readonly (readonly [string, string, unknown])[] = [
  ['plain HTTP needs none', "urlPrefix: 'http://a'", {}],
  ['HTTPS without an authority trusts anyone', "urlPrefix: 'https://a', enableHTTPS: true", { insecure: true }],
  [
    'an authority in a file',
    "urlPrefix: 'https://a', enableHTTPS: true, tlsConfig: { caFile: /ca }",
    { authority: 'the authority' },
  ],
  [
    'an own certificate, in itself',
    `urlPrefix: 'https://a', tlsConfig: { serverName: b, caFile: /ca, certData: ${inBase64(pem)}, keyFile: /key }`,
    { authority: 'the authority', certificate: pem, key: 'the key', serverName: 'b' },
  ],
]

for (const [what, extender, wanted] of trusts) {
  test(`readSchedulerFile: ${what}`, async () => {
    const text = `${head}extenders: [{ ${extender} }]\n`
    const read = await readSchedulerFile(filesOf({ '/f': text, '/ca': 'the authority', '/key': 'the key' }), '/f')
    assert.deepEqual(read.extenderTls, [wanted])
  })
}

const missing: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
  ['the file itself', {}, '/f: there is no such file'],
  [
    'a file that it names',
    { '/f': `${head}extenders: [{ urlPrefix: 'https://a', tlsConfig: { caFile: /ca } }]\n` },
    '/f: extenders[0].tlsConfig.caFile is "/ca"; there is no such file',
  ],
]

for (const [what, contents, message] of missing) {
  test(`readSchedulerFile misses ${what}`, async () => {
    await assert.rejects(readSchedulerFile(filesOf(contents), '/f'), (error) => {
      assert.ok(error instanceof SettingsError)
      assert.equal(error.message, message)
      return true
    })
  })
}
