import { HttpServer } from '#lib/http/server.ts'
import { systemClock } from '#lib/clock.ts'
import { encodeYaml } from '#lib/encoding/yamlText.ts'
import {
  certificatePem,
  createAuthority,
  generateKey,
  issueCertificate,
  privateKeyPem,
  type CertificateTemplate,
} from '#lib/pki/certificate.ts'
import { httpHandler } from '#server/http.ts'
import type { ApiServer } from '#server/server.ts'

/** An API server behind HTTPS on a port of the loopback interface. */
export interface Access extends AsyncDisposable {
  /** A kubeconfig, as text, for a user with groups. */
  kubeconfig(user: string, groups: readonly string[]): string
}

/** Certificates live no longer than a test may, in the time of the machine: clients and servers check them by it. */
const validFor = 7 * 86_400_000

/** Listens for clients of other programs. */
export async function listen(server: ApiServer): Promise<Access> {
  const now = systemClock.now()
  const validity = { notBefore: now - 3_600_000, notAfter: now + validFor }
  const authority = createAuthority({ commonName: 'k8ts test cluster' }, validity)
  const issue = (
    template: Pick<CertificateTemplate, 'subject' | 'extendedUsages' | 'addresses'>,
  ): { certificate: string; key: string } => {
    const { publicKey, privateKey } = generateKey()
    const certificate = issueCertificate(authority, { ...template, publicKey, ...validity })
    return { certificate: certificatePem(certificate), key: privateKeyPem(privateKey) }
  }
  const clientAuthority = certificatePem(authority.certificate)
  const own = issue({ subject: { commonName: 'localhost' }, extendedUsages: ['serverAuth'], addresses: ['127.0.0.1'] })
  const http = new HttpServer({ handler: httpHandler(server), tls: { ...own, clientAuthority } })
  const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  return {
    kubeconfig(user, groups) {
      const { certificate, key } = issue({
        subject: { commonName: user, organizations: groups },
        extendedUsages: ['clientAuth'],
      })
      const name = 'k8ts-test'
      return encodeYaml({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [
          {
            name,
            cluster: {
              'certificate-authority-data': base64(clientAuthority),
              server: `https://127.0.0.1:${port}`,
            },
          },
        ],
        contexts: [{ name, context: { cluster: name, user } }],
        'current-context': name,
        users: [
          { name: user, user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) } },
        ],
      })
    },
    [Symbol.asyncDispose]: () => http.close(AbortSignal.abort()),
  }
}
