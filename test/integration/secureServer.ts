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
import type { ApiServer } from '#server/server.ts'

/** A server behind TLS on a port of the loopback interface, HTTP/1.1 and HTTP/2: clients send tokens over nothing else. */
export interface SecureServer extends AsyncDisposable {
  readonly port: number
  /** Vouches for the server and for clients, in PEM. */
  readonly authority: string
  /** A certificate of a user with groups, and its key, in PEM. */
  certify(name: string, groups: readonly string[]): { readonly certificate: string; readonly key: string }
}

/** The audience of the tokens in `testUsers`. */
export const testAudience = 'https://kubernetes.default.svc.cluster.local'
/** Known by tokens that are their names: `root` may do everything, `jane` what anybody may. */
export const testUsers = 'root,root,1,"system:masters"\njane,jane,2\n'

function newAuthority() {
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const authority = createAuthority({ commonName: 'test' }, validity)
  const issue = (template: Pick<CertificateTemplate, 'subject' | 'extendedUsages' | 'addresses'>) => {
    const { publicKey, privateKey } = generateKey()
    const certificate = issueCertificate(authority, { ...template, publicKey, ...validity })
    return { certificate: certificatePem(certificate), key: privateKeyPem(privateKey) }
  }
  const issueForLocalhost = () =>
    issue({ subject: { commonName: 'localhost' }, extendedUsages: ['serverAuth'], addresses: ['127.0.0.1'] })
  return { pem: certificatePem(authority.certificate), issue, issueForLocalhost }
}

/** What a server of Node's own shows on the loopback interface. */
export function servingIdentity(): { readonly cert: string; readonly key: string } {
  const { certificate, key } = newAuthority().issueForLocalhost()
  return { cert: certificate, key }
}

export async function listenSecurely(server: ApiServer): Promise<SecureServer> {
  const { pem: clientAuthority, issue, issueForLocalhost } = newAuthority()
  const tls = { ...issueForLocalhost(), clientAuthority }
  const http = new HttpServer({ handler: httpHandler(server), tls })
  const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
  return {
    port,
    authority: clientAuthority,
    certify: (commonName, organizations) =>
      issue({ subject: { commonName, organizations }, extendedUsages: ['clientAuth'] }),
    [Symbol.asyncDispose]: () => http.close(AbortSignal.abort()),
  }
}
