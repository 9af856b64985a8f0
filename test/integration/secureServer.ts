import { HttpServer } from '#lib/http/server.ts'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import { httpHandler } from '#server/http.ts'
import type { ApiServer } from '#server/server.ts'

/** A server behind TLS on a port of the loopback interface, HTTP/1.1 and HTTP/2: clients send tokens over nothing else. */
export interface SecureServer extends AsyncDisposable {
  readonly port: number
  /** Vouches for the server, in PEM. */
  readonly authority: string
}

/** The audience of the tokens in `testUsers`. */
export const testAudience = 'https://kubernetes.default.svc.cluster.local'
/** Known by tokens that are their names: `root` may do everything, `jane` what anybody may. */
export const testUsers = 'root,root,1,"system:masters"\njane,jane,2\n'

export async function listenSecurely(server: ApiServer): Promise<SecureServer> {
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const authority = createAuthority({ commonName: 'test' }, validity)
  const { publicKey, privateKey } = generateKey()
  const certificate = issueCertificate(authority, {
    subject: { commonName: 'localhost' },
    publicKey,
    extendedUsages: ['serverAuth'],
    addresses: ['127.0.0.1'],
    ...validity,
  })
  const tls = { certificate: certificatePem(certificate), key: privateKeyPem(privateKey) }
  const http = new HttpServer({ handler: httpHandler(server), tls })
  const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
  return {
    port,
    authority: certificatePem(authority.certificate),
    [Symbol.asyncDispose]: () => http.close(AbortSignal.abort()),
  }
}
