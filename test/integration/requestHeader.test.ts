import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps } from '#api/core/v1/configMap.ts'
import { clientOver } from '#client/client.ts'
import { systemClock } from '#lib/clock.ts'
import { HttpClient } from '#lib/http/client.ts'
import { HttpServer } from '#lib/http/server.ts'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import { staticTokens } from '#server/authenticate/staticTokens.ts'
import { httpHandler } from '#server/http.ts'
import { startServer } from './apiServerFixture.ts'
import { startFrontProxy, type Credentials } from './frontProxy.ts'

const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }

/** A server behind TLS that knows ordinary clients and servers which ask in the name of others by their certificates. */
async function start() {
  const proxy = startFrontProxy()
  const tokenAuthenticators = [staticTokens('tom,tom,1\n', ['https://kubernetes.default.svc.cluster.local'])]
  const server = await startServer({ roles: true, aggregation: proxy.options, tokenAuthenticators })
  const { publicKey, privateKey } = generateKey()
  const authority = createAuthority({ commonName: 'test' }, validity)
  const certificate = issueCertificate(authority, {
    subject: { commonName: 'localhost' },
    publicKey,
    extendedUsages: ['serverAuth'],
    addresses: ['127.0.0.1'],
    ...validity,
  })
  const http = new HttpServer({
    handler: httpHandler(server.server),
    tls: {
      certificate: certificatePem(certificate),
      key: privateKeyPem(privateKey),
      clientAuthority: `${proxy.clientAuthority}${proxy.authority}`,
    },
  })
  const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
  const url = `https://127.0.0.1:${port}`
  return {
    server,
    issue: proxy.issue,
    /** As whom the server knows somebody with a certificate who sends headers. */
    async whoAmI(credentials: Credentials, headers: Record<string, string | string[]>): Promise<unknown> {
      const client = new HttpClient({ url, tls: { ...credentials, authority: certificatePem(authority.certificate) } })
      try {
        const response = await client.request({
          method: 'POST',
          path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
          headers: { 'content-type': 'application/json', ...headers },
          body: '{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}',
        })
        const body = JSON.parse((await response.readBody(100_000)).toString()) as {
          message?: string
          status?: { userInfo?: { extra?: Record<string, string[]> } }
        }
        if (response.status !== 201) return `${response.status} ${body.message}`
        const { userInfo = {} } = body.status!
        delete userInfo.extra?.['authentication.kubernetes.io/credential-id']
        if (Object.keys(userInfo.extra ?? {}).length === 0) delete userInfo.extra
        return userInfo
      } finally {
        client.close()
      }
    },
    async [Symbol.asyncDispose]() {
      await http.close(AbortSignal.abort())
      await server[Symbol.asyncDispose]()
      assert.deepEqual(server.bugs, [])
    },
  }
}

const utf8 = (text: string): string => Buffer.from(text).toString('latin1')
const everybody = 'system:authenticated'

test('servers that may ask in the name of others say for whom', async () => {
  await using it = await start()
  const proxy = it.issue('frontProxy', 'front-proxy-client')
  const headers = {
    'X-Remote-User': utf8('jürgen'),
    'X-Remote-Uid': 'u-1',
    'X-Remote-Group': ['cooks', 'a,b'],
    'X-Remote-Extra-Acme.com%2fshift': ['late', 'early'],
  }
  const jürgen = {
    username: 'jürgen',
    uid: 'u-1',
    groups: ['cooks', 'a,b', everybody],
    extra: { 'acme.com/shift': ['late', 'early'] },
  }
  const client = it.issue('clients', 'ann')
  const anybody = await it.whoAmI(client, headers)
  assert.deepEqual(
    {
      proxy: await it.whoAmI(proxy, headers),
      onlyUser: await it.whoAmI(proxy, { 'x-remote-user': 'x' }),
      // Roles may let the user act as yet another one; this one has none.
      impersonating: await it.whoAmI(proxy, { 'x-remote-user': 'x', 'impersonate-user': 'root' }),
      ordinary: anybody,
      nobody: await it.whoAmI(proxy, { 'x-remote-group': 'system:masters' }),
      anotherName: await it.whoAmI(it.issue('frontProxy', 'somebody'), headers),
      withToken: await it.whoAmI(proxy, { authorization: 'Bearer tom' }),
      anotherNameWithToken: await it.whoAmI(it.issue('frontProxy', 'x'), { ...headers, authorization: 'Bearer tom' }),
      ofClients: await it.whoAmI(it.issue('clients', 'front-proxy-client'), headers),
    },
    {
      proxy: jürgen,
      onlyUser: { username: 'x', groups: [everybody] },
      impersonating:
        '403 users "root" is forbidden: User "x" cannot impersonate resource "users" in API group "" at the cluster scope',
      ordinary: { username: 'ann', groups: [everybody] },
      nobody: '401 Unauthorized',
      anotherName: '401 Unauthorized',
      withToken: { username: 'tom', uid: '1', groups: [everybody] },
      anotherNameWithToken: { username: 'tom', uid: '1', groups: [everybody] },
      ofClients: { username: 'front-proxy-client', groups: [everybody] },
    },
  )
})

test('other servers read whom to believe in a ConfigMap that is kept as it should be', async () => {
  const proxy = startFrontProxy()
  await using server = await startServer({ clock: systemClock, roles: true, aggregation: proxy.options })
  const client = clientOver(server.transport, { fieldManager: 'test' })
  const at = { namespace: 'kube-system', name: 'extension-apiserver-authentication' }
  const becomes = async (is: (data: Record<string, string> | undefined) => boolean) => {
    for (;;) {
      const { items } = await client.list(configMaps, { namespace: at.namespace })
      const data = items.find(({ metadata }) => metadata.name === at.name)?.data
      if (is(data)) return data!
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const expected = {
    'client-ca-file': proxy.clientAuthority,
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-client-ca-file': proxy.authority,
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
    'requestheader-username-headers': '["X-Remote-User"]',
  }
  assert.deepEqual(await becomes((data) => data !== undefined), expected)
  await client.patch(configMaps, at, { type: 'merge', body: { data: { 'client-ca-file': 'nonsense' } } })
  assert.deepEqual(await becomes((data) => data?.['client-ca-file'] !== 'nonsense'), expected)
  await client.delete(configMaps, at)
  assert.deepEqual(await becomes((data) => data !== undefined), expected)
})
