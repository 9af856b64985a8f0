import { httpsTransport } from '#client/https.ts'
import { transportContract } from '#client/transportContract.ts'
import { HttpServer } from '#lib/http/server.ts'
import {
  certificatePem,
  createAuthority,
  generateKey,
  issueCertificate,
  privateKeyPem,
  type CertificateTemplate,
} from '#lib/pki/certificate.ts'
import { httpHandler } from '#server/http.ts'
import { startCluster } from './controllersCluster.ts'

transportContract('in-process', async () => {
  const cluster = await startCluster({ controllers: [] })
  return {
    transport: cluster.client.transport,
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
})

const year = 365 * 24 * 3600 * 1000
const validity = { notBefore: new Date(2020, 0, 1).getTime(), notAfter: new Date(2020, 0, 1).getTime() + 50 * year }

/** A server's and an administrator's certificate with their keys, in PEM. */
function credentials() {
  const authority = createAuthority({ commonName: 'test' }, validity)
  const issue = (template: Omit<CertificateTemplate, 'publicKey' | 'notBefore' | 'notAfter'>) => {
    const keys = generateKey()
    const certificate = issueCertificate(authority, { ...template, ...validity, publicKey: keys.publicKey })
    return { certificate: certificatePem(certificate), key: privateKeyPem(keys.privateKey) }
  }
  return {
    authority: certificatePem(authority.certificate),
    server: issue({ subject: { commonName: 'server' }, addresses: ['127.0.0.1'], extendedUsages: ['serverAuth'] }),
    admin: issue({
      subject: { commonName: 'admin', organizations: ['system:masters'] },
      extendedUsages: ['clientAuth'],
    }),
  }
}

transportContract('HTTPS', async () => {
  const cluster = await startCluster({ controllers: [] })
  const { authority, server, admin } = credentials()
  const listener = new HttpServer({
    handler: httpHandler(cluster.server),
    tls: { ...server, clientAuthority: authority },
  })
  const { port } = await listener.listen({ host: '127.0.0.1', port: 0 })
  const transport = httpsTransport({ url: `https://127.0.0.1:${port}`, tls: { authority, ...admin } })
  return {
    transport,
    async [Symbol.asyncDispose]() {
      transport[Symbol.dispose]()
      await listener.close(AbortSignal.abort())
      await cluster[Symbol.asyncDispose]()
    },
  }
})
